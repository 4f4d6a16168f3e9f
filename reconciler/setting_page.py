"""The page `docs/settings.md`, made from the table in `settings`."""

from __future__ import annotations

from reconciler.settings import KINDS, NOTES, Settings, variable


def reference_page() -> str:
    """The page `docs/settings.md`: every setting with its default and what it takes."""
    rows = [_row(name, getattr(Settings(), name)) for name in KINDS]
    return _PAGE.format(rows="\n".join(rows))


_PAGE = """\
# Settings

This page is generated from `reconciler/settings.py` by `make docs`; edit it there.

A setting is an environment variable, or a key of the TOML file that `--config` names: the variable's name in
small letters, without `RECONCILER_`. A flag wins over a variable, a variable over the file, the file over the
default. A variable without a value counts as not set. Paths are relative to the working directory.

Whatever is wrong is told at once, when the program starts, with exit status 78. A name that is not in this
table is an error too, so that a misspelt setting is not silently without effect.

Secrets are never settings: a setting names the file that holds one, and that file is read again when it
changes.

| Variable | Default | What it takes | What it means |
|---|---|---|---|
{rows}

To reach Explorer, `RECONCILER_EXPLORER_URL` is needed, and either `RECONCILER_TOKEN_FILE` or all of
`RECONCILER_USERNAME`, `RECONCILER_PASSWORD_FILE` and `RECONCILER_GRAPHD_ADDRESS`.

The same in TOML:

```toml
explorer_url = "https://explorer.example:7001"
token_file = "/run/secrets/explorer-token"
resync_s = 60
exclusive = ["4216617528", "4216617529"]
```
"""


def _row(name: str, default: object) -> str:
    kind, meaning = NOTES[name]
    shown = f"{default:g}" if isinstance(default, float) else str("" if default in (None, ()) else default)
    return f"| `{variable(name)}` | {f'`{shown}`' if shown else '—'} | {kind.takes} | {meaning} |"
