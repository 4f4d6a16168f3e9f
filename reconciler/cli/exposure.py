"""What is said at the start of whoever else may read along, or write: warnings, each once."""

from __future__ import annotations

import resource

import structlog

from reconciler.setting_files import is_exposed
from reconciler.settings import Settings
from reconciler.store.place import exposures

log = structlog.get_logger("reconciler.daemon")


def leave_no_core() -> None:
    """Have the kernel write no image of our memory, which holds the token, if we crash (core(5))."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def tell_exposures(settings: Settings, *, is_sandbox: bool) -> None:
    """Warn of secrets and a state that others may read, and of a server that is spoken with in the clear."""
    for why in exposures(settings.state):
        log.warning("the state is exposed", why=why)
    if is_sandbox:
        return
    explorer = settings.explorer()
    for path in explorer.secret_files:
        if is_exposed(path):
            log.warning("anybody here may read what only we should: chmod o-rwx it", file=str(path))
    if explorer.is_overheard:
        log.warning(
            "plain HTTP to another machine: whoever is on the way can read the token, and its password",
            url=explorer.url,
        )
