"""What the text of a setting may be: one kind each, from what was written to a value.

A kind knows the sentence that says what it takes, and refuses all else with a ValueError without a text: the
sentence is the answer. Which settings there are, and where they come from, is in `settings`.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from reconciler.core.model import WorkflowId

YEAR_S = 366 * 24 * 3600.0
MOST = 1_000_000

_DECIMAL = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)", re.ASCII)
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+)):(?P<port>[0-9]{1,5})")
_WORKFLOW_ID = re.compile(r"[1-9][0-9]{0,39}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URL_CHARACTERS = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting may be. `takes` ends the sentence "it takes …"; `read` raises ValueError for all else.

    `is_private` marks what people mistake for the place of a secret: what was found there is never shown.
    """

    takes: str
    read: Callable[[object], object]
    is_private: bool = False

    def shown(self, found: object) -> str:
        """What was found, for a person: never a secret, on one line, and not endless."""
        if self.is_private or "@" in str(found):
            return "a value that is not shown here"
        text = repr(found)
        return text if len(text) <= 80 else f"{text[:76]}…{text[-1]}"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; an IPv6 address stands here without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Exclusive:
    """The workflows in which nobody else creates jobs, by the operator's word."""

    workflow_ids: frozenset[WorkflowId] = frozenset()
    is_every: bool = False

    def covers(self, workflow_id: WorkflowId) -> bool:
        """Whether the operator declared this workflow exclusive."""
        return self.is_every or workflow_id in self.workflow_ids

    def __str__(self) -> str:
        return "*" if self.is_every else ",".join(sorted(self.workflow_ids))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name; names that somebody gave it are not asked for."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def one_of(*words: str) -> Kind:
    """One of these words, in small or capital letters."""

    def read(found: object) -> str:
        word = _text(found).lower()
        return word if word in words else _refuse()

    return Kind("one of " + ", ".join(words), read)


def whole(least: int) -> Kind:
    """A whole number from `least` up."""

    def read(found: object) -> int:
        number = _number(found)
        is_fit = number.is_integer() and least <= number <= MOST
        return int(number) if is_fit else _refuse()

    return Kind(f"a whole number from {least} to {MOST}", read)


def _read_duration(found: object) -> float:
    seconds = _number(found)
    return seconds if 0 < seconds <= YEAR_S else _refuse()


def _read_rate(found: object) -> float:
    per_second = _number(found)
    return per_second if 0 <= per_second <= MOST else _refuse()


def _read_days(found: object) -> float:
    days = _number(found)
    return days if 0 <= days <= MOST else _refuse()


def _read_path(found: object) -> Path:
    text = _text(found)
    return _refuse() if "\0" in text else Path(text)


def _read_server(found: object) -> str:
    """An URL that requests are sent below: without its last slash, its scheme and host in small letters."""
    text = _text(found)
    if "?" in text or "#" in text:
        _refuse()
    parts = urlsplit(_web_address(text))
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _read_job_link(found: object) -> str:
    text = _text(found)
    filled = text.replace("{job_id}", "1").replace("{workflow_id}", "1")
    if "{job_id}" not in text or "{" in filled or "}" in filled:
        _refuse()
    _web_address(filled)
    return text


def _read_address(found: object) -> Address:
    parts = _ADDRESS.fullmatch(_text(found))
    if parts is None or int(parts["port"]) > 65535:
        _refuse()
    if parts["v6"]:
        return Address(str(ipaddress.IPv6Address(parts["v6"])), int(parts["port"]))
    return Address(parts["name"], int(parts["port"]))


def _read_server_address(found: object) -> Address:
    address = _read_address(found)
    return address if address.port else _refuse()


def _read_exclusive(found: object) -> Exclusive:
    """IDs from a text with commas or, in TOML, from a list; a lone `*` stands for every workflow."""
    written = found if isinstance(found, list) else _text(found).split(",")
    ids = [str(one).strip() for one in written if not isinstance(one, bool)]
    if ids == ["*"]:
        return Exclusive(is_every=True)
    if not ids or len(ids) != len(written) or not all(_WORKFLOW_ID.fullmatch(one) for one in ids):
        _refuse()
    return Exclusive(frozenset(WorkflowId(one) for one in ids))


def _read_host_names(found: object) -> tuple[str, ...]:
    """Names from a text with commas or, in TOML, from a list: in small letters, without a last dot."""
    written = found if isinstance(found, list) else _text(found).split(",")
    names = tuple(str(one).strip().lower().rstrip(".") for one in written)
    is_text = all(isinstance(one, str) for one in written)
    if not names or not is_text or not all(len(name) <= 253 and _HOST_NAME.fullmatch(name) for name in names):
        _refuse()
    return names


def _web_address(text: str) -> str:
    """The text, if it is an http or https URL with a host and without a user. Raises ValueError if not.

    Only printable ASCII: `urlsplit` drops tabs and newlines silently, and a host in other letters has more
    than one spelling.
    """
    if not _URL_CHARACTERS.fullmatch(text) or "\\" in text:
        _refuse()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not parts.hostname or parts.port == 0:
        _refuse()
    return text


def _number(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        _refuse()
    if isinstance(found, str) and not _DECIMAL.fullmatch(found.strip()):
        _refuse()
    number = float(found) if not isinstance(found, int) or abs(found) <= MOST * 1000 else math.inf
    return number if math.isfinite(number) else _refuse()


def _text(found: object) -> str:
    if isinstance(found, Path):
        found = str(found)
    if isinstance(found, bool) or not isinstance(found, str | int) or not str(found).strip():
        _refuse()
    return str(found).strip()


def _refuse() -> NoReturn:
    raise ValueError


TEXT = Kind("a text", _text)
PATH = Kind("a path", _read_path)
SECRET_FILE = Kind("the path of a file that holds nothing but the secret", _read_path, is_private=True)
DURATION = Kind("a number of seconds above 0, such as 60 or 0.5", _read_duration)
RATE = Kind("a number of requests a second, such as 10 or 0.5; 0 sets no limit", _read_rate)
DAYS = Kind("a number of days, such as 90 or 0.5; 0 sets no limit", _read_days)
SERVER = Kind(
    "an http or https URL without user, query or fragment, such as https://explorer:7001", _read_server
)
JOB_LINK = Kind("an http or https URL with {job_id} and, if wanted, {workflow_id} in it", _read_job_link)
LISTEN = Kind("host:port, such as 127.0.0.1:9469 or [::1]:9469; port 0 takes any free one", _read_address)
SERVER_ADDRESS = Kind("host:port, such as graphd.example:9669 or [fd00::1]:9669", _read_server_address)
EXCLUSIVE = Kind("workflow IDs with commas between them, or * for every workflow", _read_exclusive)
HOST_NAMES = Kind(
    "host names with commas between them, such as reconciler.jobs.svc,ops.example.com", _read_host_names
)
