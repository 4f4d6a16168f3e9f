"""How pages are made: the template engine, and what a page may do in a browser.

Every text is escaped, and what steers or hides in it is shown as an escape. Styles and script stand in the
page itself, known to the browser by their hashes: a page is one request, and works where there is no network.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup

from reconciler.core.item import rfc3339
from reconciler.core.plain import plain
from reconciler.core.span import age

if TYPE_CHECKING:  # a daemon that nobody looks at needs no templates
    import jinja2

REFRESH_S = 5
"""How often a page asks for itself, while it is looked at."""

REFRESH_WITHOUT_SCRIPT_S = 30
"""How often it is loaded anew where scripts do not run: that takes away what was being typed."""


def page_from(template: str, now_ms: int, **values: object) -> str:
    """The page that the template makes of these values."""
    page = _environment().get_template(template)
    return page.render(
        style=_STYLE,
        script=_SCRIPT,
        build=_BUILD,
        refresh_ms=REFRESH_S * 1000,
        refresh_s=REFRESH_WITHOUT_SCRIPT_S,
        now_ms=now_ms,
        **values,
    )


def _shown(value: object) -> object:
    """A text without what steers the text around it, or hides."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _ago(ms: int, now_ms: int) -> str:
    return age((now_ms - ms) / 1000)


def _utc(ms: int) -> str:
    return f"{rfc3339(ms)[:19].replace('T', ' ')} UTC"


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reconciler.ops"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(ago=_ago, utc=_utc, rfc3339=rfc3339, age=age, short=lambda text: text[:12])
    return environment


def _file(name: str) -> Markup:
    return Markup(resources.files("reconciler.ops").joinpath("templates", name).read_text("utf-8"))  # noqa: S704 - our own files


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_STYLE = _file("status.css")
_SCRIPT = _file("live.js")
_BUILD = hashlib.sha256(f"{_STYLE}{_SCRIPT}".encode()).hexdigest()[:16]

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: its own style and script, itself once more, and its icon; nothing foreign."""
