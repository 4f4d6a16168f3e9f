import os

import pytest

from reconciler.sandbox.watched import Watched


def test_a_file_is_read_again_only_when_it_changed(tmp_path):
    path, reads = tmp_path / "number.json", []

    def read(text):
        reads.append(text)
        return int(text)

    path.write_text("1")
    watched = Watched(path, read, 0)
    assert [watched.value(), watched.value()] == [1, 1]
    path.write_text("22")
    assert [watched.value(), watched.value()] == [22, 22]
    assert reads == [b"1", b"22"]


def test_a_file_of_the_same_size_that_was_replaced_is_noticed(tmp_path):
    path = tmp_path / "number.json"
    path.write_text("1")
    watched = Watched(path, int, 0)
    (tmp_path / "new").write_text("2")
    os.utime(tmp_path / "new", ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    (tmp_path / "new").rename(path)
    assert watched.value() == 2


def test_a_file_may_come_and_go(tmp_path):
    path = tmp_path / "number.json"
    watched = Watched(path, int, 0)
    assert watched.value() == 0
    path.write_text("1")
    assert watched.value() == 1
    path.unlink()
    assert watched.value() == 0


def test_a_file_that_is_wrong_at_first_raises_and_later_keeps_its_value_with_one_warning(tmp_path, caplog):
    path = tmp_path / "number.json"
    path.write_text("one")
    with pytest.raises(ValueError, match="one"):
        Watched(path, int, 0)
    path.write_text("1")
    watched = Watched(path, int, 0)
    path.write_text("two")
    assert [watched.value(), watched.value()] == [1, 1]
    assert len(caplog.records) == 1
    path.write_text("2")
    assert watched.value() == 2
