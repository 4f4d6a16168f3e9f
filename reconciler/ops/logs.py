"""Logging: one pipe from every logger, the libraries' included, to one line each on the error stream.

What is logged is decided where it happens; here are the shape of a line and what may never be in one. Values
come from manifests and servers, so a line can be neither forged nor made to steer a terminal, and what looks
like a credential is masked wherever in a line it stands, tracebacks included. Masking is the second line of
defence: nothing is meant to log a secret in the first place.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Mapping
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from reconciler.core.plain import plain, plain_json
from reconciler.explorer.secret import without_tokens

MASK: Final = "[masked]"

_SECRET = re.compile(
    r"(?<=explorer_token=)[^;\s\"'\\,]+"
    r"|(?<=bearer )[\w.~+/=-]{8,}"
    r"|(?<=basic )[\w.~+/=-]{8,}",
    re.IGNORECASE,
)
_SIGNS_OF_A_SECRET = ("explorer_token", "bearer ", "basic ")

_TALKATIVE: Mapping[str, int] = {
    "httpcore": logging.WARNING,  # its debug lines print Set-Cookie
    "httpx": logging.WARNING,
    "uvicorn": logging.ERROR,  # it warns of every malformed request, which anybody may send
    "watchdog": logging.WARNING,
    "asyncio": logging.WARNING,
}


def configure(log_format: Literal["json", "console"] | None, log_level: str, stream: TextIO) -> None:
    """Send everything that is logged from `log_level` up to `stream`, whichever logger it came from.

    Without a format it is `console` on a terminal and `json` elsewhere; colours appear on a terminal only,
    and not with `NO_COLOR` (see no-color.org).
    """
    least = logging.getLevelNamesMapping()[log_level.upper()]
    is_terminal = stream.isatty()
    is_console = log_format == "console" or (log_format is None and is_terminal)
    has_colours = is_terminal and not os.environ.get("NO_COLOR")
    lines = _Lines(stream)
    structlog.configure(
        processors=_processors(_console(has_colours) if is_console else json_line),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    _take_over_stdlib(least)


def json_line(_: WrappedLogger, __: str, event_dict: EventDict) -> str:
    """One JSON object on one line: `time`, `level`, `event`, then the rest; letters of any language stay."""
    first = {key: event_dict.pop(key, None) for key in ("time", "level", "event")}
    line = json.dumps({**first, **event_dict}, ensure_ascii=False, default=str, skipkeys=True)
    return plain_json(line)


def printable(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    """Shows as escapes, in every text of a line for people, what would steer their terminal."""
    return {
        plain(key): plain(value) if isinstance(value, str) else value for key, value in event_dict.items()
    }


def masked(line: str) -> str:
    """The line without what looks like a credential. Most lines have no sign of one and pass at once."""
    lowered = line.lower()
    if any(sign in lowered for sign in _SIGNS_OF_A_SECRET):
        line = _SECRET.sub(MASK, line)
    return without_tokens(line, MASK)


class _Lines:
    """Writes lines to a stream, whole ones and masked, from any thread.

    A stream that refuses (a closed pipe, a full disk) must not stop the work that was being told of, and
    there is nobody left to tell that to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        try:
            with self._lock:
                self._stream.write(masked(line) + "\n")
                self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            pass

    debug = info = warning = error = critical = exception = msg


class _Bridge(logging.Handler):
    """Hands the standard library's records to structlog, so that both are told in the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger().bind(logger=record.name)
        logger.log(_level(record.levelno), _message(record), exc_info=record.exc_info or None)


def _level(number: int) -> int:
    """The level with a name that is next below: libraries have levels of their own, structlog has not."""
    return min(max(number // 10 * 10, logging.DEBUG), logging.CRITICAL)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (
        TypeError,
        ValueError,
    ):  # a wrong format string is somebody else's mistake, and still worth a line
        return f"{record.msg} {record.args}"


def _take_over_stdlib(least: int) -> None:
    logging.basicConfig(handlers=[_Bridge()], level=least, force=True)
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.captureWarnings(True)


def _processors(render: Processor) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # a plain traceback: without the values of local variables
        render,
    ]


def _console(has_colours: bool) -> Processor:
    draw = structlog.dev.ConsoleRenderer(
        colors=has_colours, sort_keys=False, timestamp_key="time", pad_event_to=0, pad_level=True
    )

    def render(logger: WrappedLogger, name: str, event_dict: EventDict) -> str:
        traceback = event_dict.pop("exception", None)
        line = str(draw(logger, name, printable(logger, name, event_dict)))
        return line if traceback is None else f"{line}\n{_quoted(traceback)}"

    return render


def _quoted(traceback: str) -> str:
    """A traceback over several lines, each marked, so that none can pass for a line of the log."""
    return "\n".join(f"  | {plain(line)}" for line in traceback.splitlines())
