"""`.reconcilerignore` means what `.gitignore` means: git itself is asked."""

from __future__ import annotations

import random
import re
import subprocess
import time

import pytest

from reconciler.source.ignore import MAX_RULES, BadRules, Rules, parse
from tests.source.git import Repository


def rules(outer: str, inner: str = "") -> Rules:
    """Rules at the root, and in the directory `inner/`."""
    found = Rules()
    for directory, text in (("", outer), ("inner/", inner)):
        spec = parse(text.encode())
        assert not isinstance(spec, BadRules)
        found = found.below(directory, spec)
    return found


@pytest.mark.parametrize(
    ("outer", "inner", "path"),
    [
        ("x.yaml", "", "x.yaml"),
        ("x.yaml", "", "inner/x.yaml"),
        ("/x.yaml", "", "inner/x.yaml"),
        ("*.yaml", "!x.yaml", "inner/x.yaml"),
        ("*.yaml", "!x.yaml", "inner/y.yaml"),
        ("", "/x.yaml", "inner/x.yaml"),
        ("", "x.yaml", "x.yaml"),
        ("*\n!x.yaml", "", "x.yaml"),
        ("# x.yaml", "", "x.yaml"),
        ("a?c.yaml", "", "abc.yaml"),
        ("[a-c].yaml", "", "b.yaml"),
        ("x.yaml ", "", "x.yaml"),
    ],
)
def test_a_path_is_left_out_if_git_would_ignore_it(
    repository: Repository, outer: str, inner: str, path: str
) -> None:
    (repository.path / "inner").mkdir()
    (repository.path / ".gitignore").write_text(outer)
    (repository.path / "inner" / ".gitignore").write_text(inner)
    (repository.path / path).touch()
    try:
        repository.git("check-ignore", "--quiet", path)
        is_ignored = True
    except subprocess.CalledProcessError:
        is_ignored = False
    layers = rules(outer, inner) if path.startswith("inner/") else rules(outer)
    assert layers.leave_out(path) == is_ignored


def test_a_rule_that_ends_in_a_slash_is_for_directories() -> None:
    assert rules("drafts/").leave_out("drafts/")
    assert not rules("drafts/").leave_out("drafts")


def test_a_line_that_is_no_rule_is_told_by_its_number() -> None:
    said = parse(b"*.yaml\n!\n")
    assert isinstance(said, BadRules)
    assert said.line == 2


def test_text_that_is_not_utf8_is_told_by_its_line() -> None:
    said = parse(b"*.yaml\n\xff\n")
    assert said == BadRules(2, "the text is not UTF-8")


@pytest.mark.parametrize(
    "hostile",
    [
        "*a" * 25 + "b",
        "**/*a*a*a/" * 20 + "b",
        "**/" * 80 + "b",
        "[a-a]*" * 40 + "b",
    ],
)
def test_no_pattern_takes_long_whatever_it_is_tried_on(hostile: str) -> None:
    """Each of these kept a matcher that tries combinations busy for longer than anybody waits."""
    deep = "/".join(["a" * 60] * 64)
    began_s = time.thread_time()
    assert not rules(hostile).leave_out(deep)
    assert time.thread_time() - began_s < 30


def test_so_many_rules_hold_in_one_directory_and_no_more() -> None:
    assert not isinstance(parse(b"a\n" * MAX_RULES), BadRules)
    said = parse(b"# c\n\n" + b"a\n" * (MAX_RULES + 1))
    assert isinstance(said, BadRules)
    assert said.line == MAX_RULES + 3
    assert "more than 100" in said.why
    assert parse(b"a\n", most=0) == BadRules(1, said.why)


PARTS = [
    "a",
    "b",
    ".",
    "*",
    "**",
    "?",
    "/",
    "/",
    "[ab]",
    "[!a]",
    "[^-a]",
    "[]a]",
    "\\*",
    "\\ ",
    " ",
    "!",
    "#",
]


def test_git_and_we_agree_on_patterns_made_at_random(repository: Repository) -> None:
    chance = random.Random(11)
    paths = [
        "/".join(
            "".join(chance.choices("ab.*# ", k=chance.randint(1, 3))) for _ in range(chance.randint(1, 4))
        )
        for _ in range(60)
    ]
    paths = sorted({path for path in paths if not {"", ".", "..", ".git"} & set(path.split("/"))})
    for _ in range(150):
        line = "".join(chance.choices(PARTS, k=chance.randint(1, 6)))
        if line[:1] == "!" or isinstance(parse(line.encode()), BadRules):
            continue  # what takes back needs something to take back; what we refuse git takes for nothing
        if re.search(r"[^/]\*\*|\*\*[^/]", line):
            continue  # a star among others is one by git's manual, and not always by git
        (repository.path / ".gitignore").write_text(line + "\n")
        assert ours(line, paths) == gits(repository, paths), line


def ours(line: str, paths: list[str]) -> set[str]:
    """Those left out: by themselves, or with a directory that they lie in."""
    holds = rules(line)

    def is_out(path: str) -> bool:
        above = [path[: index + 1] for index, character in enumerate(path) if character == "/"]
        return any(map(holds.leave_out, [*above, path]))

    return {path for path in paths if is_out(path)}


def gits(repository: Repository, paths: list[str]) -> set[str]:
    done = subprocess.run(
        ["git", "check-ignore", "--stdin", "-z", "--no-index"],
        cwd=repository.path,
        input="\0".join(paths),
        capture_output=True,
        text=True,
        check=False,
    )
    return {path for path in done.stdout.split("\0") if path}
