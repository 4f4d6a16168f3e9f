"""What the system refuses is told with the setting to raise."""

from __future__ import annotations

import errno

import pytest

from reconciler.source.trouble import TroubleReason, refusal


@pytest.mark.parametrize(
    ("number", "reason", "told"),
    [
        (errno.ENOSPC, TroubleReason.WATCH_LIMIT, "fs.inotify.max_user_watches is "),
        (errno.EMFILE, TroubleReason.INSTANCE_LIMIT, "the limit on inotify instances ("),
        (errno.ENFILE, TroubleReason.INSTANCE_LIMIT, "or on open files is reached"),
        (errno.EACCES, TroubleReason.UNWATCHED, "a directory cannot be watched: "),
    ],
)
def test_each_refusal_has_its_reason(number: int, reason: TroubleReason, told: str) -> None:
    trouble = refusal(OSError(number, "no"))
    assert trouble.reason is reason
    assert told in trouble.detail
