"""Secrets show themselves to nobody, and their files are noticed when they change."""

from __future__ import annotations

import copy
import os
import pickle
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from reconciler.explorer.secret import Secret, SecretFile, without_tokens

CANARY = "canary-of-a-secret"


@dataclass
class _Holder:
    secret: Secret


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!r}".format, "%s".__mod__, lambda it: f"{_Holder(it)}"]
)
def test_no_way_of_writing_a_secret_down_shows_it(show: object) -> None:
    assert CANARY not in show(Secret(CANARY))  # type: ignore[operator]


@pytest.mark.parametrize("spread", [pickle.dumps, copy.copy, copy.deepcopy, lambda it: asdict(_Holder(it))])
def test_a_secret_is_neither_pickled_nor_copied(spread: object) -> None:
    with pytest.raises(TypeError) as caught:
        spread(Secret(CANARY))  # type: ignore[operator]
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_secrets_are_not_compared_by_what_they_hold() -> None:
    assert Secret(CANARY) != Secret(CANARY)
    assert Secret(CANARY) != CANARY


def test_a_secret_file_gives_its_text_without_the_end_of_its_line(tmp_path: Path) -> None:
    for content in ("pass word", "pass word\n", "pass word\r\n"):
        (tmp_path / "secret").write_bytes(content.encode())
        found = SecretFile(tmp_path / "secret").read()
        assert isinstance(found, Secret)
        assert found.reveal() == "pass word"


def test_a_file_has_changed_once_another_is_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("1")
    (tmp_path / "second").write_text("2")
    link = tmp_path / "secret"
    file = SecretFile(link)
    assert not file.has_changed()
    link.symlink_to("first")
    assert file.has_changed()
    file.read()
    assert not file.has_changed()
    link.unlink()
    assert not file.has_changed()
    link.symlink_to("second")
    assert file.has_changed()


def test_a_file_that_becomes_readable_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("text")
    file = SecretFile(path)
    path.chmod(0)
    file.read()
    path.chmod(0o600)
    assert file.has_changed()


def test_what_cannot_be_a_secret_is_told_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert "No such file" in str(SecretFile(path).read())
    path.mkdir()
    assert "directory" in str(SecretFile(path).read()).lower()
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in str(SecretFile(path).read())
    path.unlink()
    path.write_bytes(CANARY.encode() + b"\xff")
    assert SecretFile(path).read() == "is not UTF-8"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no token here: a.b.c", "no token here: a.b.c"),
        ("eyJhbGciOi.eyJ1c2Vy.signature", "***"),
        ("eyJhbGciOi.eyJ1c2Vy.", "***"),
        ("eyJhbGciOi.eyJ1c2Vy", "***"),
        ("cookie=eyJhbGciOi.eyJ1c2Vy.s; Path=/", "cookie=***; Path=/"),
        ("tokeneyJhbGciOi.eyJ1c2Vy.s", "token***"),
        ("one eyJhbGciOi.a.b two eyJhbGciOi.c.d", "one *** two ***"),
        ("eyJ.a.b is too short", "eyJ.a.b is too short"),
        ("größe.eyJhbGciOi.a.b", "größe.***"),
    ],
)
def test_what_looks_like_a_token_is_covered_wherever_it_stands(text: str, shown: str) -> None:
    assert without_tokens(text) == shown


def test_a_text_made_to_be_searched_for_ever_is_searched_once() -> None:
    """Each of these takes a pattern that begins anew at every `eyJ` hours, and this one a moment."""
    for evil in ("eyJ" * 1_000_000, "eyJhbGci." * 300_000, "-" * 3_000_000, "eyJhbGci " * 300_000):
        assert without_tokens(evil)
