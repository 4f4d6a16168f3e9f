"""A pass that does not count says which file did not stand still."""

from __future__ import annotations

from reconciler.source.putoff import PutOff, PutOffReason, Unsettled


def test_a_file_that_did_not_stand_still_is_named() -> None:
    unsettled = Unsettled.file("a/b.yaml", "went")
    assert unsettled.put_off == PutOff(PutOffReason.FILE_CHANGED, "a/b.yaml went while it was read")
