"""What is said of an error that nobody foresaw: where it happened, and nothing that is not for all eyes.

A traceback quotes what the error says, and that may quote a manifest, a server, or a token. It shows no
values of variables, so a secret that is only held is not in it.
"""

from __future__ import annotations

import sys
import threading
import traceback

import structlog

from reconciler.cli.render import complain
from reconciler.explorer.secret import without_tokens

log = structlog.get_logger("reconciler.daemon")


def tell_crash(error: BaseException) -> None:
    """Print the traceback of an error that ends the command, made harmless."""
    complain(without_tokens("".join(traceback.format_exception(error)).rstrip("\n")))


def log_crashes_of_threads() -> None:
    """From now on an error that ends a thread is a line of the log; Python would print it as it is."""
    threading.excepthook = _log_crash
    sys.unraisablehook = _log_unraisable


def _log_crash(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "unknown"
    log.critical("a thread failed", thread=name, exc_info=ended.exc_value)


def _log_unraisable(ended: sys.UnraisableHookArgs) -> None:
    log.error("an error that nobody could be told of", exc_info=ended.exc_value)
