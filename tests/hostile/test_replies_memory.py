"""How much memory a bad reply takes, in a real process; what it may take is said in docs/security.md."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from reconciler.explorer.transport import LARGE_REPLY
from tests.explorer.raw import Script, http, saying, serving
from tests.hostile.replies import ANSWERS, GOOD, WIRES

MOST_BYTES = 64 * 2**20
ROOT = Path(__file__).parents[2]

_JOB = b'{"id":%d,"workflowId":4216617528,"status":1}'
_LARGEST_PAGE = b'{"code":0,"data":{"items":[%b],"total":9}}' % b",".join(
    _JOB % number for number in range(1, LARGE_REPLY // 53)
)
_MOST_ITEMS = b'{"code":0,"data":{"items":[%b],"total":9}}' % b",".join([b"{}"] * (LARGE_REPLY // 3 - 30))
_TOKENS = b'{"code":0,"data":{"items":[],"total":0},"x":"%b"}' % (b"eyJ" * (LARGE_REPLY // 3 - 30))
_DOTS = b'{"code":0,"data":{"items":[],"total":0},"x":"%b"}' % (b"eyJhbGc.." * (LARGE_REPLY // 9 - 30))
_ESCAPES = b'{"code":0,"data":{"items":[],"total":0},"x":"%b"}' % (b"\\u0041" * (LARGE_REPLY // 6 - 30))

LARGEST = {
    "as many jobs as a page can hold": _LARGEST_PAGE,
    "as many items as a page can hold": _MOST_ITEMS,
    "nothing but beginnings of tokens": _TOKENS,
    "nothing but tokens": _DOTS,
    "nothing but escapes": _ESCAPES,
}
"""Listings just below the limit, each the worst for one step of reading it."""


def scripts() -> list[tuple[str, str, Script]]:
    """Operation, name and script of every reply."""
    largest = [("list", name, saying(http(200, body))) for name, body in LARGEST.items()]
    wires = [
        (operation, wire.name, wire.script(GOOD[operation], ()))
        for wire in WIRES
        for operation in ("submit", "list")
    ]
    return [*largest, *wires, *((it.operation, it.name, saying(it.reply)) for it in ANSWERS)]


async def growth(cases: list[tuple[str, str, Script]]) -> dict[str, int]:
    """By how many bytes the client grew at its peak, a case each."""
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hostile.replies_memory"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert client.stdin
    assert client.stdout
    grown = {}
    async with AsyncExitStack() as stack:
        for operation, name, script in [("list", "", saying(http(200, GOOD["list"]))), *cases]:
            async with serving(script) as raw:
                timeout_s = 120 if name in LARGEST else 0.5
                client.stdin.write(json.dumps([operation, raw.url, timeout_s]).encode() + b"\n")
                async with asyncio.timeout(240):
                    told, end = json.loads(await client.stdout.readline())
                grown[f"{operation}: {name}"] = told
                assert name not in LARGEST or (end == "taken") == ("items" not in name), (
                    "it was not read whole"
                )
        stack.push_async_callback(client.wait)
        client.stdin.close()
    del grown["list: "]  # the first brings the libraries into memory
    return grown


def test_no_reply_takes_more_memory_than_allowed() -> None:
    assert all(len(body) <= LARGE_REPLY for body in LARGEST.values())
    grown = asyncio.run(growth(scripts()))
    worst = sorted(grown, key=lambda name: -grown[name])[:5]
    print("\n" + "\n".join(f"{grown[name] / 2**20:.1f} MiB: {name}" for name in worst))
    assert grown[worst[0]] <= MOST_BYTES
    assert len(grown) >= 200
