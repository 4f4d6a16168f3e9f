"""What was read before is believed only where it cannot be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.source.cache import SETTLED_NS, Cache, SourceFile
from reconciler.source.reading import Content, Unusable, signature
from tests.source.understanding import Understanding


def cache(known: dict[str, SourceFile], started_ns: int, understanding: Understanding | None = None) -> Cache:
    return Cache(known, understanding or Understanding(), started_ns)


@pytest.mark.parametrize(
    ("mtime_ns", "ctime_ns", "is_settled"),
    [(0, 0, True), (0, 1, False), (1, 0, False), (-10, 0, True), (10**18, 0, False)],
)
def test_a_file_is_settled_if_both_its_times_lie_two_seconds_before_the_pass(
    mtime_ns: int, ctime_ns: int, is_settled: bool
) -> None:
    content = Content((1, 3, mtime_ns, ctime_ns), b"one")
    assert cache({}, SETTLED_NS).understood("a.yaml", content).is_settled is is_settled


def test_a_signature_is_believed_only_of_a_settled_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("one")
    status = (tmp_path / "a.yaml").stat()
    for age_ns in (SETTLED_NS, SETTLED_NS - 1):
        now_ns = status.st_ctime_ns + age_ns
        file = cache({}, now_ns).understood("a.yaml", Content(signature(status), b"one"))
        believed = cache({"a.yaml": file}, now_ns).unchanged("a.yaml", status)
        assert (believed is file) is (age_ns == SETTLED_NS)


def test_the_same_bytes_at_another_path_are_understood_anew() -> None:
    understanding = Understanding()
    content = Content((1, 3, 0, 0), b"one")
    file = cache({}, 0, understanding).understood("a.yaml", content)
    cache({"a.yaml": file}, 0, understanding).understood("b.yaml", content)
    assert understanding.paths == ["a.yaml", "b.yaml"]


def test_a_file_that_stays_unusable_for_the_same_reason_stays_the_same_object() -> None:
    why = Unusable("too_large", "the file is too large")
    first = cache({}, 0).unusable("a.yaml", why)
    assert cache({"a.yaml": first}, 0).unusable("a.yaml", why) is first
    other = cache({"a.yaml": first}, 0).unusable("a.yaml", Unusable("not_a_file", "this is a FIFO"))
    assert other.documents != first.documents


def test_a_file_that_can_be_read_again_is_understood_anew() -> None:
    refused = cache({}, 0).unusable("a.yaml", Unusable("unreadable", "no"))
    file = cache({"a.yaml": refused}, 0).understood("a.yaml", Content((1, 0, 0, 0), b""))
    assert not file.hides_names
