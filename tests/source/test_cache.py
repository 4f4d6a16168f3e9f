"""What was read before is believed only where it cannot be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.source.cache import NO_MARK, SETTLED_NS, Cache, SourceFile, mark_of, marks_of
from reconciler.source.reading import Unusable, signature
from tests.source.understanding import Understanding


def cache(started_ns: int = 0) -> Cache:
    return Cache(Understanding(), started_ns)


@pytest.mark.parametrize(
    ("mtime_ns", "ctime_ns", "is_believed"),
    [(0, 0, True), (0, 1, False), (1, 0, False), (-10, 0, True), (10**18, 0, False), (10**21, 0, False)],
)
def test_a_file_is_believed_if_both_its_times_lie_two_seconds_before_the_pass(
    mtime_ns: int, ctime_ns: int, is_believed: bool
) -> None:
    mark = cache(SETTLED_NS).believed((1, 3, mtime_ns, ctime_ns))
    assert (mark != NO_MARK) is is_believed


def test_a_mark_is_that_of_a_settled_file_only(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("one")
    status = (tmp_path / "a.yaml").stat()
    for age_ns in (SETTLED_NS, SETTLED_NS - 1):
        believed = cache(status.st_ctime_ns + age_ns).believed(signature(status))
        assert (believed == mark_of(status)) is (age_ns == SETTLED_NS)


@pytest.mark.parametrize("seconds", [-(10**11), 10**11])
def test_times_that_no_mark_can_hold_do_no_harm(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "a.yaml"
    path.touch()
    os.utime(path, (seconds, seconds))
    assert mark_of(path.stat()) != NO_MARK


def test_a_file_knows_its_own_bytes() -> None:
    file = cache().understood("a.yaml", b"one")
    assert file.is_of(b"one")
    assert not file.is_of(b"two")


def test_a_file_that_stays_unusable_for_the_same_reason_stays_the_same() -> None:
    why = Unusable("too_large", "the file is too large")
    first = cache().unusable("a.yaml", why)
    assert cache().unusable("a.yaml", why) == first
    other = cache().unusable("a.yaml", Unusable("not_a_file", "this is a FIFO"))
    assert not other.has_documents_of(first)
    assert first.hides_names


@pytest.mark.parametrize(("text", "has", "hides"), [(b"one", True, False), (b"broken", True, True)])
def test_a_file_says_whether_it_has_documents_and_hides_names(text: bytes, has: bool, hides: bool) -> None:
    file = cache().understood("a.yaml", text)
    assert (file.has_documents, file.hides_names) == (has, hides)
    assert not SourceFile.of(bytes(16), ()).has_documents


def test_the_marks_of_entries_are_theirs_one_after_the_other(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    for name in names:
        (tmp_path / name).write_text(name * 3)
    os.utime(tmp_path / "b", (10**11, 10**11))
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        for some in (names, ["a", "c"], []):
            assert marks_of(some, fd) == b"".join(mark_of((tmp_path / name).stat()) for name in some)
        with pytest.raises(FileNotFoundError):
            marks_of(["a", "d"], fd)
    finally:
        os.close(fd)
