"""The ops port of a real daemon, by the names that it is told to know."""

from __future__ import annotations

import http.client

import pytest

from tests.walk.daemon import PATIENCE_S, Daemon, Installation


def status_by(daemon: Daemon, host: str) -> int:
    address, _, port = daemon.says("status page")[0]["url"].removeprefix("http://").strip("/").rpartition(":")
    connection = http.client.HTTPConnection(address, int(port), timeout=PATIENCE_S)
    try:
        connection.request("GET", "/livez", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("names", ["", "Reconciler.Jobs.svc,ops.example."])
def test_a_name_is_answered_only_if_a_setting_says_that_it_is_ours(
    installation: Installation, names: str
) -> None:
    installation.settings["LISTEN_NAMES"] = names
    with installation.daemon() as daemon:
        assert status_by(daemon, "127.0.0.1:9469") == status_by(daemon, "localhost") == 200
        assert status_by(daemon, "evil.example") == status_by(daemon, "x.ops.example") == 421
        known = 200 if names else 421
        assert status_by(daemon, "reconciler.jobs.svc:9469") == status_by(daemon, "OPS.example.") == known
