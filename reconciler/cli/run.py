"""`run` and `sandbox`: the processes that stay. Here the daemon gets its settings, signals and ops port."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import structlog

from reconciler import __version__
from reconciler.cli import options
from reconciler.cli.client import explorer_of, explorer_of_sandbox
from reconciler.cli.crash import log_crashes_of_threads
from reconciler.cli.exposure import leave_no_core, tell_exposures
from reconciler.cli.holder import holder
from reconciler.cli.items import items_table
from reconciler.cli.render import say, show
from reconciler.core.fault import Code
from reconciler.core.policy import reader_under
from reconciler.engine.daemon import Daemon
from reconciler.engine.gate import Gate
from reconciler.engine.parts import Parts, wire
from reconciler.engine.status import Status
from reconciler.engine.thread import in_thread
from reconciler.errors import ExitCode, ListenFailed, ReconcilerError, StateInUse, StateUnwritable
from reconciler.explorer.client import Explorer
from reconciler.ops.http import ops_app
from reconciler.ops.logs import configure
from reconciler.ops.metrics import Metrics
from reconciler.ops.server import serving
from reconciler.setting_kinds import LISTEN, Address
from reconciler.settings import Settings
from reconciler.source.tree import PutOffReason, Tree
from reconciler.source.watch import Watch
from reconciler.store.lock import Lock, lock_path
from reconciler.store.sqlite import SqliteStore

log = structlog.get_logger("reconciler.daemon")

SANDBOX_ORIGIN = "sandbox"
"""What a state is bound to that was made on the sandbox: its port changes, its ledger does not."""


@click.command()
@click.option("--once", is_flag=True, help="Submit what is new, record it, and end.")
@click.option("--sandbox", is_flag=True, help="Run a stand-in for Explorer inside, and use that.")
@click.option(
    "--explorer-moved", is_flag=True, help="The state's Explorer has a new address, and is the same."
)
@click.option(
    "--restored",
    is_flag=True,
    help="The state is a copy from before: list each workflow before it is used. Say so for one start only.",
)
@options.config
@options.jobs_dir
@options.state
@click.option("--listen", metavar="HOST:PORT", help="Where metrics, probes and the status page are served.")
def run(
    once: bool,
    sandbox: bool,
    explorer_moved: bool,
    restored: bool,
    config: Path | None,
    jobs_dir: str | None,
    state: str | None,
    listen: str | None,
) -> int:
    """Watch the jobs directory, and submit one job for each new or changed manifest."""
    settings = options.settings_of(
        config, sandbox, needs_explorer=not sandbox, jobs_dir=jobs_dir, state=state, listen=listen
    )
    os.umask(0o077)
    leave_no_core()
    log_crashes_of_threads()
    configure(settings.log_format, settings.log_level, sys.stderr)
    tell_exposures(settings, is_sandbox=sandbox)
    launch = _Launch(
        settings, is_once=once, is_sandbox=sandbox, has_moved=explorer_moved, is_restored=restored
    )
    return asyncio.run(launch.run())


def _address(_: click.Context, __: click.Parameter, text: str) -> Address:
    try:
        address = LISTEN.read(text)
    except ValueError:
        raise click.BadParameter(f"it takes {LISTEN.takes}") from None
    assert isinstance(address, Address)  # noqa: S101 - the kind gives nothing else
    return address


@contextmanager
def _sandbox_troubles_told(directory: Path) -> Iterator[None]:
    """What is wrong with a sandbox's directory or address, as errors of this program."""
    from reconciler.sandbox.ledger import LedgerDamagedError, LedgerInUseError

    try:
        yield
    except LedgerInUseError:
        raise StateInUse(str(directory), "another sandbox") from None
    except (LedgerDamagedError, OSError, ValueError) as error:
        raise ReconcilerError(f"the sandbox in {directory} cannot start: {error}") from error


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), default=".reconciler/sandbox/explorer")
@click.option("--listen", default="127.0.0.1:7070", show_default=True, metavar="HOST:PORT", callback=_address)
def sandbox(directory: Path, listen: Address) -> int:
    """Run a stand-in for Explorer on its own: user and password are both `sandbox`."""
    from reconciler.sandbox.server import run_until_stopped

    configure(None, "info", sys.stderr)

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_until_stopped(
            directory,
            host=listen.host,
            port=listen.port,
            stop=stop,
            announce=lambda it: say(f"the sandbox's Explorer is at {it.base_url}"),
        )

    with _sandbox_troubles_told(directory):
        asyncio.run(serve())
    return ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Launch:
    """One start of the daemon, with everything around it."""

    settings: Settings
    is_once: bool
    is_sandbox: bool
    has_moved: bool
    is_restored: bool

    async def run(self) -> int:
        """Run until a signal says stop, or with `--once` until all is recorded."""
        metrics = Metrics(__version__, error_reasons=list(Code), put_off_reasons=list(PutOffReason))
        async with AsyncExitStack() as stack:
            gate = Gate(self.settings.rate, metrics, time.monotonic)
            daemon = self._daemon(metrics, gate, await self._explorer(stack, gate, metrics))
            _obey_signals(daemon)
            if not self.is_once:
                await self._serve_ops(stack, daemon, metrics)
            if self.is_sandbox:
                await stack.enter_async_context(_showing(daemon))
            return await daemon.run()

    async def _explorer(self, stack: AsyncExitStack, gate: Gate, metrics: Metrics) -> Explorer:
        """A client of the Explorer in the settings, or of a sandbox that lives as long as we do."""
        if not self.is_sandbox:
            return explorer_of(self.settings, self.settings.explorer(), metrics, gate.admit_probe)
        from reconciler.sandbox.server import serve

        directory = self.settings.state.parent / "explorer"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_if_in_use(self.settings.state)
        with _sandbox_troubles_told(directory):
            sandbox = await stack.enter_async_context(serve(directory))
        log.info("sandbox", explorer=sandbox.base_url, ledger=str(directory))
        return explorer_of_sandbox(self.settings, sandbox.base_url, metrics)

    def _daemon(self, metrics: Metrics, gate: Gate, explorer: Explorer) -> Daemon:
        settings = self.settings
        origin = SANDBOX_ORIGIN if self.is_sandbox else settings.explorer_url
        observer = _CommitObserver()

        def now_ms() -> int:
            return time.time_ns() // 1_000_000

        def parts_of(store: SqliteStore, status: Status) -> Parts:
            tree = Tree(settings.jobs_dir, reader_under(settings.allowed))
            scan = functools.partial(in_thread, tree.scan)
            watch_of = functools.partial(Watch, settings.jobs_dir, known=tree.directories)
            parts = wire(settings, store, explorer, gate, scan, watch_of, metrics, status, now_ms)
            observer.tell = parts.committed
            return parts

        return Daemon(
            open_store=lambda: SqliteStore.open(
                settings.state,
                origin,
                holder(),
                observer,
                has_moved=self.has_moved,
                is_restored=self.is_restored,
            ),
            wire=parts_of,
            drain_s=settings.drain_s,
            max_in_flight=settings.max_in_flight,
            status=Status(settings.resync_s, time.monotonic()),
            is_once=self.is_once,
        )

    async def _serve_ops(self, stack: AsyncExitStack, daemon: Daemon, metrics: Metrics) -> None:
        names = (self.settings.listen.host, *self.settings.listen_names)
        app = ops_app(daemon, metrics, names=names, job_url=self.settings.job_url)
        try:
            address = await stack.enter_async_context(serving(app, self.settings.listen))
        except ListenFailed:
            _refuse_if_in_use(self.settings.state)  # whoever has our state is likely to have our port
            raise
        log.info("status page", url=f"http://{address}/")


@dataclass(slots=True)
class _CommitObserver:
    """Told of each commit by the store's thread; tells the parts, once they exist, in the event loop."""

    tell: Callable[[float | None, StateUnwritable | None], None] = lambda *_: None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def __call__(self, seconds: float | None, refusal: StateUnwritable | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(self.tell, seconds, refusal)


def _refuse_if_in_use(state: Path) -> None:
    """Raises StateInUse if somebody has the state."""
    if lock_path(state).exists():
        Lock.take(state, holder()).release()


def _obey_signals(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, daemon.stop)
    loop.add_signal_handler(signal.SIGINT, daemon.interrupt)
    loop.add_signal_handler(signal.SIGHUP, daemon.look)


@asynccontextmanager
async def _showing(daemon: Daemon) -> AsyncIterator[None]:
    """While the block lasts: once all jobs have ended, print what each example did."""
    showing = asyncio.create_task(_show_when_done(daemon))
    try:
        yield
    finally:
        showing.cancel()


async def _show_when_done(daemon: Daemon) -> None:
    while not await daemon.is_quiet():  # noqa: ASYNC110 - many parts together are quiet, and none of them tells
        await asyncio.sleep(0.2)
    show(items_table(await daemon.items()))
