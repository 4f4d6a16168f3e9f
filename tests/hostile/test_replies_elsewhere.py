"""What a reply or the environment says of other places: none of them hears a byte from us."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.explorer.raw import TOKEN, http, saying, saying_nothing, serving
from tests.hostile.replies import GOOD, NEW_TOKEN
from tests.hostile.test_replies import came_of, end_of

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "SOCKS_PROXY")

POINTERS = (
    *(f"{status}: Location" for status in (300, 301, 302, 303, 305, 307, 308)),
    "200: Refresh",
    "200: Alt-Svc",
    "200: Content-Location",
    "200: Link",
    "201: Location",
    "401: Location",
    "503: Location",
)


@pytest.mark.parametrize("operation", GOOD)
@pytest.mark.parametrize("pointer", POINTERS)
def test_no_other_place_that_a_reply_points_at_hears_a_byte(
    operation: str, pointer: str, tmp_path: Path
) -> None:
    status, _, header = pointer.partition(": ")

    async def main() -> bytes:
        async with serving(saying_nothing) as other:
            place = {
                "Refresh": f"0; url={other.url}/",
                "Alt-Svc": f'h2="127.0.0.1:{other.port}"',
                "Link": f"<{other.url}/>; rel=preload",
            }.get(header, f"{other.url}/api-open/v1/jobs")
            cookie = f"Set-Cookie: explorer_token={NEW_TOKEN}; Domain=127.0.0.1; Path=/"
            reply = http(int(status), GOOD[operation], f"{header}: {place}", cookie)
            async with serving(saying(reply)) as raw:
                await came_of(operation, raw.url, tmp_path)
                await came_of(operation, raw.url, tmp_path)
            assert not other.heard
            return b"".join(heard.data for heard in other.heard)

    assert asyncio.run(main()) == b""


@pytest.mark.parametrize("operation", GOOD)
def test_a_proxy_of_the_environment_hears_no_byte(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with serving(saying_nothing) as proxy:
            for name in (*PROXIES, *(name.lower() for name in PROXIES)):
                monkeypatch.setenv(name, proxy.url)
            for name in ("NO_PROXY", "no_proxy"):
                monkeypatch.setenv(name, "")
            reply = http(200, GOOD[operation], f"Set-Cookie: explorer_token={NEW_TOKEN}")
            async with serving(saying(reply)) as raw:
                assert end_of(operation, await came_of(operation, raw.url, tmp_path)) == "taken"
                heard = raw.heard[0].data
                assert TOKEN.encode() in heard or b"Authorization: Bearer" in heard, "nothing was at stake"
            assert not proxy.heard

    asyncio.run(main())
