"""The settings: which there are, what each means, and how they are read, all at once.

One dataclass is the table that drives loading, checking and the reference page (`setting_page`). Flags win
over `RECONCILER_…` variables, those over a TOML file, that over the defaults. What the text of a
setting may be is in `setting_kinds`. No secret is read here, and none is ever shown: settings name the files
that hold them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints
from urllib.parse import urlsplit

from reconciler.core.fault import quoted
from reconciler.core.policy import EVERYTHING, Policy
from reconciler.core.room import Room
from reconciler.errors import SettingProblem, SettingsWrong
from reconciler.policy_file import policy_at, toml_at
from reconciler.setting_files import is_readable, why_no_identity, why_no_trust
from reconciler.setting_kinds import (
    DAYS,
    DURATION,
    EXCLUSIVE,
    HOST_NAMES,
    JOB_LINK,
    LISTEN,
    PATH,
    RATE,
    SECRET_FILE,
    SERVER,
    SERVER_ADDRESS,
    TEXT,
    Address,
    Exclusive,
    Kind,
    is_loopback,
    one_of,
    whole,
)

PREFIX = "RECONCILER_"

NOT_SETTINGS = frozenset({"RECONCILER_CONFIG"})
"""Variables with our prefix that say where settings are, and are none themselves."""

_OF_KUBERNETES = re.compile(
    r"RECONCILER_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
"""What the kubelet sets in every pod beside a Service called `reconciler` (Kubernetes' page "Service", part
"Environment variables"): nobody wrote these, so they are no misspelt settings."""


_LOOPBACK = Address("127.0.0.1", 9469)
_NOWHERE = Exclusive()


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked by itself. Durations are seconds; None stands for what was not given."""

    explorer_url: Annotated[
        str | None, SERVER, "Where Explorer is: what stands before `/api-open/v1` in its addresses."
    ] = None
    token_file: Annotated[
        Path | None, SECRET_FILE, "A session token of yours, instead of a user name and a password."
    ] = None
    username: Annotated[str | None, TEXT, "The database user to connect as."] = None
    password_file: Annotated[Path | None, SECRET_FILE, "That user's password."] = None
    graphd_address: Annotated[
        Address | None, SERVER_ADDRESS, "The database's graphd as Explorer reaches it, for the user name."
    ] = None
    ca_file: Annotated[
        Path | None, PATH, "Certificates (PEM) to trust for Explorer, instead of the system's."
    ] = None
    client_cert_file: Annotated[
        Path | None,
        PATH,
        "The certificate (PEM) to show an Explorer that asks who we are.",
    ] = None
    client_key_file: Annotated[
        Path | None, SECRET_FILE, "That certificate's key (PEM), if it is not in the same file."
    ] = None
    job_url: Annotated[
        str | None, JOB_LINK, "A link to a job in Explorer's own page, for people to follow."
    ] = None
    jobs_dir: Annotated[Path, PATH, "The directory of manifests; it may be a symbolic link."] = Path("jobs.d")
    state: Annotated[Path, PATH, "The file that remembers every run."] = Path(".reconciler/state.db")
    listen: Annotated[Address, LISTEN, "Where metrics, probes and the status page are served."] = _LOOPBACK
    policy: Annotated[
        Path | None, PATH, "Who may ask for what: a TOML file outside the directory of manifests."
    ] = None
    listen_names: Annotated[
        tuple[str, ...],
        HOST_NAMES,
        "Host names under which these may be asked for, besides `localhost` and every IP address.",
    ] = ()
    resync_s: Annotated[float, DURATION, "The whole tree is looked at again at least this often."] = 60.0
    poll_s: Annotated[
        float,
        DURATION,
        "How often running jobs are asked for: sooner at first, and down to a twelfth as often with age.",
    ] = 5.0
    settle_s: Annotated[
        float,
        DURATION,
        "How long a request without an answer may still take effect, the listing's lag included.",
    ] = 60.0
    exclusive: Annotated[
        Exclusive,
        EXCLUSIVE,
        "Workflows in which nobody else creates jobs; only there a found job is adopted.",
    ] = _NOWHERE
    timeout_s: Annotated[float, DURATION, "The longest that one request to Explorer may take as a whole."] = (
        30.0
    )
    max_in_flight: Annotated[
        int, whole(1), "How many requests to Explorer are under way at once, at most."
    ] = 8
    max_running: Annotated[int, whole(0), "How many jobs run at once, at most; 0 sets no limit."] = 0
    max_running_per_workflow: Annotated[int, whole(0), "The same within one workflow; 0 sets no limit."] = 0
    rate: Annotated[float, RATE, "How many requests a second Explorer gets, at most; 0 sets no limit."] = 10.0
    max_new: Annotated[
        int, whole(0), "A plan with more new jobs than this waits for `reconciler approve`; 0: no such guard."
    ] = 50
    keep_history_days: Annotated[
        float, DAYS, "How long events are kept, for `reconciler history`; 0 keeps them for ever."
    ] = 90.0
    keep_deleted_days: Annotated[
        float, DAYS, "How long a deleted manifest is shown; its runs are kept for ever. 0: for ever as well."
    ] = 30.0
    drain_s: Annotated[float, DURATION, "How long a stop may wait for the answers still under way."] = 25.0
    log_format: Annotated[
        Literal["json", "console"] | None,
        one_of("json", "console"),
        "How log lines look; if not set, `console` on a terminal and `json` elsewhere.",
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        one_of("debug", "info", "warning", "error"),
        "The least weight that is logged.",
    ] = "info"
    written_as: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """How the person wrote each setting that was given, by its field's name: for errors."""

    allowed: Policy = field(default=EVERYTHING, repr=False)
    """What the file named by `policy` says; everything is allowed where none is named."""

    @property
    def room(self) -> Room:
        """How many jobs may run at once."""
        return Room(self.max_running, self.max_running_per_workflow)

    def explorer(self) -> Explorer:
        """What is needed to speak with Explorer. Raises SettingsWrong with all that is missing or wrong."""
        problems = _of_explorer(self)
        credentials = _credentials(self, [])
        if self.explorer_url is None or credentials is None or problems:
            raise SettingsWrong(problems)
        return Explorer(
            self.explorer_url, credentials, self.ca_file, self.client_cert_file, self.client_key_file
        )


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A session token that somebody else obtains and keeps fresh."""

    path: Path


@dataclass(frozen=True, slots=True)
class Login:
    """A database user; sessions are obtained, and renewed, by connecting."""

    username: str
    password_file: Path
    graphd_address: Address


@dataclass(frozen=True, slots=True)
class Explorer:
    """A server to speak with, and as whom. Secrets stay in their files until they are used."""

    url: str
    credentials: TokenFile | Login
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None

    @property
    def is_overheard(self) -> bool:
        """Whether whoever is on the way reads along: it is plain HTTP, and to another machine."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files that nobody else should read."""
        match self.credentials:
            case TokenFile(path=path) | Login(password_file=path):
                held = path
        return (held, *filter(None, (self.client_key_file or self.client_cert_file,)))


@dataclass(frozen=True, slots=True)
class _Written:
    """One setting as it was found: under which name the person wrote it, for which field, and what."""

    written_as: str
    name: str
    found: object


NOTES = {
    name: hint.__metadata__
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if get_origin(hint) is Annotated
}
"""Every setting's kind, and what it means, by its name; in the order of the reference page."""

KINDS: Mapping[str, Kind] = {name: kind for name, (kind, _) in NOTES.items()}
"""Every setting's kind, by its name."""


def load(
    environ: Mapping[str, str],
    toml_path: Path | None,
    flags: Mapping[str, object],
    *,
    needs_explorer: bool = False,
) -> Settings:
    """The settings from all places. Raises SettingsWrong with everything that is wrong with them, at once.

    `flags` are by a setting's name, with None for those not given. A variable without a value counts as not
    set. Paths are relative to the working directory, wherever they were written. With `needs_explorer`, what
    `Settings.explorer` would miss is wrong too.
    """
    problems: list[SettingProblem] = []
    table = _toml_table(toml_path, problems) if toml_path else {}
    written = {one.name: one for one in _known(table, environ, flags, toml_path)}
    problems += _misspelt(table, environ, toml_path)
    values: dict[str, Any] = {}
    for name, one in written.items():
        kind = KINDS[name]
        try:
            values[name] = kind.read(one.found)
        except ValueError:
            problems.append(SettingProblem(one.written_as, kind.shown(one.found), f"it takes {kind.takes}"))
    settings = Settings(**values, written_as={name: one.written_as for name, one in written.items()})
    if settings.policy is not None:
        allowed, flaws = policy_at(settings.policy, settings.jobs_dir, _written_as(settings, "policy"))
        problems += flaws
        settings = replace(settings, allowed=allowed)
    if needs_explorer:
        unread = {variable(name) for name in written.keys() - values.keys()}  # told already, not missing
        problems += [problem for problem in _of_explorer(settings) if problem.setting not in unread]
    if problems:
        raise SettingsWrong(problems)
    return settings


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """The command line flag of a setting, for those that have one."""
    return "--" + name.replace("_", "-")


def _toml_table(path: Path, problems: list[SettingProblem]) -> Mapping[str, object]:
    table = toml_at(path, "docs/settings.md")
    if isinstance(table, SettingProblem):
        problems.append(table)
        return {}
    return table


def _known(
    table: Mapping[str, object], environ: Mapping[str, str], flags: Mapping[str, object], path: Path | None
) -> Iterable[_Written]:
    """All that was given for settings that exist; what wins comes last."""
    for name in KINDS:
        if name in table:
            yield _Written(f"{path}: {name}", name, table[name])
        if environ.get(variable(name)):
            yield _Written(variable(name), name, environ[variable(name)])
        if flags.get(name) is not None:
            yield _Written(flag(name), name, flags[name])


def _misspelt(
    table: Mapping[str, object], environ: Mapping[str, str], path: Path | None
) -> Iterable[SettingProblem]:
    variables = {variable(name) for name in KINDS}
    for written in sorted(environ):
        is_ours = written.startswith(PREFIX) and not _OF_KUBERNETES.fullmatch(written)
        if is_ours and written not in variables | NOT_SETTINGS:
            yield SettingProblem(_visible(written), "not a setting", _nearest(written, variables))
    for key in table:
        if key not in KINDS:
            yield SettingProblem(f"{path}: {_visible(key)}", "not a setting", _nearest(key, KINDS))


def _visible(name: str) -> str:
    """A name that somebody made up, on one line and not endless."""
    return quoted(name)[1:-1]


def _nearest(written: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(written[:60], names, n=1, cutoff=0.6)
    return f"the nearest that exists is {near[0]}" if near else "docs/settings.md lists all that exist"


def _of_explorer(settings: Settings) -> list[SettingProblem]:
    """What is missing or wrong for speaking with Explorer."""
    problems: list[SettingProblem] = []
    if settings.explorer_url is None:
        problems.append(_missing("explorer_url", "needed to reach Explorer"))
    _credentials(settings, problems)
    return [*problems, *_wrong_files(settings)]


def _credentials(settings: Settings, problems: list[SettingProblem]) -> TokenFile | Login | None:
    """Either way to a session; None if there is none, with the reasons added to `problems`."""
    match settings:
        case Settings(token_file=Path() as token_file, username=None, password_file=None):
            return TokenFile(token_file)
        case Settings(
            token_file=None,
            username=str(username),
            password_file=Path() as password_file,
            graphd_address=Address() as graphd_address,
        ):
            return Login(username, password_file, graphd_address)
        case Settings(token_file=Path()):
            beside = _written_as(settings, "username" if settings.username else "password_file")
            problems.append(
                SettingProblem(beside, "set beside a token file", "only one of the two can be used")
            )
        case Settings(username=None, password_file=None):
            problems.append(
                _missing("token_file", "needed to connect, unless a user name and a password are set")
            )
        case _:
            absent = [name for name in _LOGIN if getattr(settings, name) is None]
            problems += [_missing(name, "needed to connect with a user name") for name in absent]
    return None


_LOGIN = ("username", "password_file", "graphd_address")


def _missing(name: str, why: str) -> SettingProblem:
    return SettingProblem(variable(name), f"not set, but {why}", f"it takes {KINDS[name].takes}")


def _written_as(settings: Settings, name: str) -> str:
    return settings.written_as.get(name, variable(name))


def _wrong_files(settings: Settings) -> Iterable[SettingProblem]:
    """Files that cannot be used. Not told by their paths: people write a secret where its path belongs."""
    for name in ("token_file", "password_file", "client_key_file"):
        path: Path | None = getattr(settings, name)
        if path is not None and not is_readable(path):
            expected = f"it takes {KINDS[name].takes}"
            yield SettingProblem(_written_as(settings, name), "not a file that can be read", expected)
    certificate, key = settings.client_cert_file, settings.client_key_file
    if key is not None and certificate is None:
        yield _missing("client_cert_file", "needed for the key")
    if settings.ca_file is not None:
        yield from _unusable(settings, "ca_file", why_no_trust(settings.ca_file), "certificates in PEM")
    if certificate is not None:
        wanted = "a certificate in PEM, and its key"
        yield from _unusable(settings, "client_cert_file", why_no_identity(certificate, key), wanted)


def _unusable(settings: Settings, name: str, why: str | None, wanted: str) -> Iterable[SettingProblem]:
    if why is not None:
        found = f"{str(getattr(settings, name))!r}, which cannot be used: {why}"
        yield SettingProblem(_written_as(settings, name), found, f"it takes a file of {wanted}")
