"""A file is read whole and as it stood, or not at all, and nothing blocks."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.source import reading
from reconciler.source.putoff import PutOffReason, Unsettled
from reconciler.source.reading import MAX_BYTES, Content, Unusable, read_entry, signature


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_a_file_is_its_bytes_and_its_signature(tmp_path: Path, directory: int) -> None:
    (tmp_path / "a.yaml").write_bytes(b"one")
    status = (tmp_path / "a.yaml").stat()
    assert read_entry("a.yaml", directory, "a.yaml") == Content(signature(status), b"one")


def test_a_file_of_the_largest_size_is_read_and_one_byte_more_is_not(tmp_path: Path, directory: int) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a" * MAX_BYTES)
    (tmp_path / "b.yaml").write_bytes(b"a" * (MAX_BYTES + 1))
    assert isinstance(read_entry("a.yaml", directory, "a.yaml"), Content)
    refused = read_entry("b.yaml", directory, "b.yaml")
    told = "the file has 262,145 bytes; at most 262,144 are read. Split it into several files"
    assert refused == Unusable("too_large", told)


def test_what_is_no_regular_file_is_told_and_never_opened(
    tmp_path: Path, directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "directory.yaml").mkdir()
    (tmp_path / "link.yaml").symlink_to("fifo.yaml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.yaml"))
    monkeypatch.setattr(reading, "_open_and_read", None)
    told = {path.name: read_entry(path.name, directory, path.name) for path in tmp_path.iterdir()}
    assert {
        name: why.message.partition(";")[0] for name, why in told.items() if isinstance(why, Unusable)
    } == {
        "fifo.yaml": "this is a FIFO",
        "directory.yaml": "this is a directory",
        "link.yaml": "this is a symbolic link",
        "socket.yaml": "this is a socket",
    }


@pytest.mark.parametrize("what", ["fifo", "link", "nothing", "socket"])
def test_a_file_that_turns_into_something_else_before_it_is_opened_puts_the_pass_off(
    tmp_path: Path, directory: int, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"one")
    open_and_read = reading._open_and_read

    def turn(name: str, directory: int, told: str) -> Content | Unusable:
        path.unlink()
        if what == "fifo":
            os.mkfifo(path)
        elif what == "link":
            path.symlink_to("/etc/passwd")
        elif what == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        return open_and_read(name, directory, told)

    monkeypatch.setattr(reading, "_open_and_read", turn)
    with pytest.raises(Unsettled) as raised:
        read_entry("a.yaml", directory, "a.yaml")
    assert raised.value.put_off.reason is PutOffReason.FILE_CHANGED


def test_no_descriptor_stays_open(tmp_path: Path, directory: int) -> None:
    (tmp_path / "a.yaml").write_bytes(b"one")
    (tmp_path / "b.yaml").write_bytes(b"a" * (MAX_BYTES + 1))
    before = set(Path("/proc/self/fd").iterdir())
    for name in ("a.yaml", "b.yaml"):
        read_entry(name, directory, name)
    assert set(Path("/proc/self/fd").iterdir()) == before
