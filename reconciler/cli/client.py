"""From settings to a client of Explorer: the one in the settings, or the sandbox inside.

The sandbox is imported where it is used: a daemon that has an Explorer needs none.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from reconciler import __version__
from reconciler.core.outcome import Unreachable
from reconciler.engine.gate import Gate
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.explorer.client import (
    Explorer,
    ExplorerError,
    Identity,
    Login,
    Pace,
    Secret,
    TokenFile,
    explorer_at,
)
from reconciler.ops.metrics import Metrics
from reconciler.settings import Explorer as Server
from reconciler.settings import Login as LoginSettings
from reconciler.settings import Settings


class ExplorerSilent(ReconcilerError):  # noqa: N818 - as in `errors`
    """Explorer cannot be reached, or gives no session."""

    exit_code = ExitCode.UNREACHABLE


def explorer_of(settings: Settings, server: Server, metrics: Metrics, pace: Pace) -> Explorer:
    """A client of the Explorer that the settings name."""
    return explorer_at(
        server.url,
        _credential(server),
        timeout_s=settings.timeout_s,
        ca_file=server.ca_file,
        identity=_identity(server),
        observe=metrics.api_request,
        pace=pace,
    )


def explorer_of_sandbox(settings: Settings, url: str, metrics: Metrics) -> Explorer:
    """A client of a sandbox in this process; its password guards nothing."""
    from reconciler.sandbox.server import PASSWORD, USER

    login = Login(USER, Secret(PASSWORD), "127.0.0.1", 9669)
    return explorer_at(url, login, timeout_s=settings.timeout_s, observe=metrics.api_request)


@asynccontextmanager
async def asking(settings: Settings, *, is_sandbox: bool) -> AsyncIterator[Explorer]:
    """A client for a command that only asks. What Explorer does not give ends it as a ReconcilerError.

    The sandbox is the one that runs on its directory, or else one that runs as long as the block lasts.
    """
    metrics = Metrics(__version__)
    try:
        if is_sandbox:
            async with _sandbox_url(settings.state.parent / "explorer") as url:
                yield explorer_of_sandbox(settings, url, metrics)
        else:
            gate = Gate(settings.rate, metrics, time.monotonic)
            yield explorer_of(settings, settings.explorer(), metrics, gate.admit_probe)
    except ExplorerError as error:
        raise told(error) from error


def told(error: ExplorerError) -> ReconcilerError:
    """The same for the person who started the command, with the exit status that belongs to it."""
    return (
        ExplorerSilent(str(error)) if isinstance(error.failure, Unreachable) else ReconcilerError(str(error))
    )


@asynccontextmanager
async def _sandbox_url(directory: Path) -> AsyncIterator[str]:
    from reconciler.sandbox.ledger import LedgerInUseError
    from reconciler.sandbox.server import serve

    _refuse_unused(directory)
    async with AsyncExitStack() as stack:
        try:
            url = (await stack.enter_async_context(serve(directory))).base_url
        except LedgerInUseError:
            url = url_in(directory)
        yield url


def url_in(directory: Path) -> str:
    """Where the sandbox that runs on this directory listens. Raises ReconcilerError if it has not said so."""
    from reconciler.sandbox.server import URL_FILE

    try:
        return (directory / URL_FILE).read_text().strip()
    except OSError as error:
        raise ReconcilerError(
            f"a sandbox runs in {directory} and has not said where: {error.strerror}; try again in a moment"
        ) from error


def _refuse_unused(directory: Path) -> None:
    if not directory.is_dir():
        raise ReconcilerError(f"no sandbox was used in {directory}; `reconciler run --sandbox` starts one")


def _identity(server: Server) -> Identity | None:
    if server.client_cert_file is None:
        return None
    return Identity(server.client_cert_file, server.client_key_file)


def _credential(server: Server) -> TokenFile | Login:
    match server.credentials:
        case LoginSettings(username=username, password_file=file, graphd_address=address):
            return Login(username, file, address.host, address.port)
        case token:
            return TokenFile(token.path)
