"""From settings to a client that a server takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.cli.client import explorer_of, explorer_of_sandbox
from reconciler.explorer.client import Explorer
from reconciler.ops.metrics import Metrics
from reconciler.sandbox.server import PASSWORD, USER, Sandbox, serve
from reconciler.setting_kinds import Address
from reconciler.settings import Explorer as Server
from reconciler.settings import Login, Settings, TokenFile


async def unpaced() -> None:
    """Nobody waits."""


async def with_a_token(sandbox: Sandbox, directory: Path) -> Explorer:
    (directory / "token").write_text(sandbox.issue_token())
    server = Server(sandbox.base_url, TokenFile(directory / "token"), None)
    return explorer_of(Settings(), server, Metrics(__version__), unpaced)


async def with_a_password(sandbox: Sandbox, directory: Path) -> Explorer:
    (directory / "password").write_text(PASSWORD)
    login = Login(USER, directory / "password", Address("graphd", 9669))
    return explorer_of(Settings(), Server(sandbox.base_url, login, None), Metrics(__version__), unpaced)


async def of_the_sandbox(sandbox: Sandbox, _: Path) -> Explorer:
    return explorer_of_sandbox(Settings(), sandbox.base_url, Metrics(__version__))


@pytest.mark.parametrize("client", [with_a_token, with_a_password, of_the_sandbox])
def test_every_way_to_a_session_is_taken(
    tmp_path: Path, client: Callable[[Sandbox, Path], Awaitable[Explorer]]
) -> None:
    async def main() -> None:
        async with serve(tmp_path / "explorer") as sandbox:
            explorer = await client(sandbox, tmp_path)
            assert (await explorer.jobs(None)).total == 0

    asyncio.run(main())
