"""Named nasty trees: how each is made, and what is told of it, to the letter."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GOOD = "apiVersion: reconciler/v1\nkind: WorkflowJob\nmetadata: {name: NAME}\nspec: {workflowId: 42}\n"


@dataclass(frozen=True, slots=True)
class Nasty:
    """Something bad in a directory: `make` puts it there, and `told` are the lines about it."""

    make: Callable[[Path], None]
    told: tuple[str, ...]


def _fifo(name: str) -> Callable[[Path], None]:
    return lambda here: os.mkfifo(here / name)


def _socket(here: Path) -> None:
    directory = os.open(here, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:  # by way of /proc: a socket's path is short
            listener.bind(f"/proc/self/fd/{directory}/s.yaml")
    finally:
        os.close(directory)


def _link(target: str, name: str = "l.yaml") -> Callable[[Path], None]:
    return lambda here: (here / name).symlink_to(target)


def _file(name: str, data: bytes) -> Callable[[Path], None]:
    def make(here: Path) -> None:
        path = os.fsencode(here) + b"/" + os.fsencode(name)
        with open(path, "wb") as file:  # noqa: PTH123 - the name may be no text
            file.write(data)

    return make


def _both(*makes: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(here: Path) -> None:
        for one in makes:
            one(here)

    return make


def _hidden(here: Path) -> None:
    (here / ".git").mkdir()
    (here / ".git" / "config").write_text("[remote]\n url = https://user:secret@example.org\n")
    _link(".git/config")(here)


def _sparse(here: Path) -> None:
    with (here / "huge.yaml").open("wb") as file:
        file.truncate(8 * 1024**3)


def _loop(here: Path) -> None:
    _link("b.yaml", "a.yaml")(here)
    _link("a.yaml", "b.yaml")(here)


def _chain(here: Path) -> None:
    for number in range(45):
        (here / f"link-{number}").symlink_to(f"link-{number + 1}")
    _link("link-0")(here)


def _directory_link(here: Path) -> None:
    (here / "real").mkdir()
    _link("real")(here)


def _deep(here: Path) -> None:
    (here / "/".join(["d"] * 70)).mkdir(parents=True)


def _ignoring(rules: bytes) -> Callable[[Path], None]:
    return _both(_file("never-read.yaml", b"x"), _file(".reconcilerignore", rules))


def _in_directory(make: Callable[[Path], None], name: str) -> Callable[[Path], None]:
    def inside(here: Path) -> None:
        (here / name).mkdir()
        make(here / name)

    return inside


_TOO_LARGE = "; at most 262,144 are read. Split it into several files"
_NO_FILE = "; a manifest is a regular file"
_SECOND = (
    "metadata.name 'twice' stands also at {}.yaml:1; a name is unique in the tree. Rename or remove all but"
    " one; until then none of them acts."
)
_BAD_RULE = ". Nothing in this directory is read until the rule is mended"
_BAD_BYTE = '1:1 wrong_type: the document is the string "x"; a manifest is a mapping'

NASTY: dict[str, Nasty] = {
    "a FIFO that nobody writes to": Nasty(
        _fifo("f.yaml"), ("f.yaml:1:1 not_a_file: this is a FIFO" + _NO_FILE,)
    ),
    "a FIFO called JSON": Nasty(_fifo("f.json"), ("f.json:1:1 not_a_file: this is a FIFO" + _NO_FILE,)),
    "a FIFO of rules": Nasty(
        _fifo(".reconcilerignore"), (".reconcilerignore:1:1 not_a_file: this is a FIFO" + _NO_FILE,)
    ),
    "a socket": Nasty(_socket, ("s.yaml:1:1 not_a_file: this is a socket" + _NO_FILE,)),
    "a link to the system's passwords": Nasty(
        _link("/etc/passwd"),
        ("l.yaml:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link to the daemon's environment": Nasty(
        _link("/proc/self/environ"),
        ("l.yaml:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link to a device without end": Nasty(
        _link("/dev/zero"),
        ("l.yaml:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link upwards": Nasty(
        _link("../" * 40 + "etc/hostname"),
        ("l.yaml:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link out by way of the process": Nasty(
        _link("/proc/self/root/etc/passwd"),
        ("l.yaml:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link out by way of a directory's link": Nasty(
        _both(_link("/etc", "etc"), _link("etc/passwd")),
        ("l.yaml:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link to nothing": Nasty(
        _link("nowhere"),
        ("l.yaml:1:1 link_broken: the link leads nowhere. Remove it, or put its target in place",),
    ),
    "a link to itself": Nasty(
        _link("l.yaml"),
        (
            "l.yaml:1:1 unreadable: the file cannot be read: Too many levels of symbolic links. What it"
            " asked for before stays as it is",
        ),
    ),
    "two links to each other": Nasty(
        _loop,
        tuple(
            f"{name}.yaml:1:1 unreadable: the file cannot be read: Too many levels of symbolic links. What"
            " it asked for before stays as it is"
            for name in "ab"
        ),
    ),
    "a chain of links": Nasty(
        _chain, ("l.yaml:1:1 link_broken: the link leads nowhere. Remove it, or put its target in place",)
    ),
    "a link to a directory": Nasty(
        _directory_link, ("l.yaml:1:1 not_a_file: this is a directory" + _NO_FILE,)
    ),
    "a link to a FIFO": Nasty(
        _both(_fifo("fifo"), _link("fifo")), ("l.yaml:1:1 not_a_file: this is a FIFO" + _NO_FILE,)
    ),
    "a link to git's own settings": Nasty(
        _hidden, ("l.yaml:1:1 link_hidden: the link leads to what begins with a dot, which is never read",)
    ),
    "a link of rules out of the tree": Nasty(
        _link("/etc/hostname", ".reconcilerignore"),
        (".reconcilerignore:1:1 link_outside: the link leads out of the tree. Put the file itself here",),
    ),
    "a link that says a thousand directories": Nasty(
        _link("d/" * 1000 + "x"),
        ("l.yaml:1:1 link_broken: the link leads nowhere. Remove it, or put its target in place",),
    ),
    "eight gigabytes of nothing": Nasty(
        _sparse,
        ("huge.yaml:1:1 too_large: the file has 8,589,934,592 bytes" + _TOO_LARGE,),
    ),
    "a byte more than is read": Nasty(
        _file("big.yaml", b"#" * 262_145),
        ("big.yaml:1:1 too_large: the file has 262,145 bytes" + _TOO_LARGE,),
    ),
    "rules of more than 256 KiB": Nasty(
        _file(".reconcilerignore", b"#" * 262_145),
        (".reconcilerignore:1:1 too_large: the file has 262,145 bytes" + _TOO_LARGE,),
    ),
    "a name that is not UTF-8": Nasty(
        _file("caf\udce9.yaml", b"x"),
        ("caf\\xe9.yaml:1:1 name_not_utf8: the name is not UTF-8. Rename it",),
    ),
    "a directory whose name is not UTF-8": Nasty(
        _in_directory(_file("a.yaml", b"x"), "d\udcff"),
        ("d\\xff:1:1 name_not_utf8: the name is not UTF-8. Rename it",),
    ),
    "a name with a newline": Nasty(_file("a\nb.yaml", b"x"), ("a\nb.yaml:" + _BAD_BYTE,)),
    "a name that clears the screen": Nasty(_file("\x1b[2J.yaml", b"x"), ("\x1b[2J.yaml:" + _BAD_BYTE,)),
    "a name that is shown backwards": Nasty(
        _file("\u202elmay.yaml", b"x"), ("\u202elmay.yaml:" + _BAD_BYTE,)
    ),
    "a name with markup": Nasty(_file("[red]a.yaml", b"x"), ("[red]a.yaml:" + _BAD_BYTE,)),
    "a name of markup that closes nothing": Nasty(
        _in_directory(_file("x].yaml", b"x"), "["), ("[/x].yaml:" + _BAD_BYTE,)
    ),
    "a name with a script": Nasty(
        _file("<img src=x onerror=alert(1)>.yaml", b"x"),
        ("<img src=x onerror=alert(1)>.yaml:" + _BAD_BYTE,),
    ),
    "a name like an option": Nasty(_file("--config.yaml", b"x"), ("--config.yaml:" + _BAD_BYTE,)),
    "a name with a place in it": Nasty(
        _file("a.yaml:9:9: fine.yaml", b"x"), ("a.yaml:9:9: fine.yaml:" + _BAD_BYTE,)
    ),
    "a name of 255 bytes": Nasty(_file("n" * 250 + ".yaml", b"x"), ("n" * 250 + ".yaml:" + _BAD_BYTE,)),
    "names that differ by case": Nasty(
        _both(_file("a.yaml", b"x"), _file("A.yaml", b"x")), ("A.yaml:" + _BAD_BYTE, "a.yaml:" + _BAD_BYTE)
    ),
    "names that differ by Unicode's form": Nasty(
        _both(_file("\u00e9.yaml", b"x"), _file("e\u0301.yaml", b"x")),
        ("e\u0301.yaml:" + _BAD_BYTE, "\u00e9.yaml:" + _BAD_BYTE),
    ),
    "directories that go too deep": Nasty(
        _deep, ("d/" * 64 + ":1:1 too_deep: directories go at most 64 deep. Move this one up",)
    ),
    "a directory called like a manifest": Nasty(
        _in_directory(_file("a.yaml", b"x"), "x.yaml"), ("x.yaml/a.yaml:" + _BAD_BYTE,)
    ),
    "two files with one name": Nasty(
        _both(*(_file(f"{it}.yaml", GOOD.replace("NAME", "twice").encode()) for it in "ab")),
        tuple(f"{it}.yaml:1:1 duplicate_name: {_SECOND.format(other)}" for it, other in ("ab", "ba")),
    ),
    "a hard link beside its file": Nasty(
        _both(
            _file("a.yaml", GOOD.replace("NAME", "linked").encode()),
            lambda here: (here / "b.yaml").hardlink_to(here / "a.yaml"),
        ),
        tuple(
            f"{it}.yaml:1:1 duplicate_name: {_SECOND.format(other).replace('twice', 'linked')}"
            for it, other in ("ab", "ba")
        ),
    ),
    "a rule that never ends to match": Nasty(
        _ignoring(b"*a" * 200),
        (f".reconcilerignore:1:1 bad_ignore_rule: a pattern has at most 255 characters{_BAD_RULE}",),
    ),
    "more rules than hold in a directory": Nasty(
        _ignoring(b"a\n" * 101),
        (
            ".reconcilerignore:101:1 bad_ignore_rule: with this rule more than 100 hold here, those of the"
            f" directories around it included{_BAD_RULE}",
        ),
    ),
    "a rule without an end to its bracket": Nasty(
        _ignoring(b"*.yml\n[a\n"), (f".reconcilerignore:2:1 bad_ignore_rule: a [ has no ]{_BAD_RULE}",)
    ),
    "a rule with a backward range": Nasty(
        _ignoring(b"[z-a]\n"),
        (f".reconcilerignore:1:1 bad_ignore_rule: a range in [] goes backwards{_BAD_RULE}",),
    ),
    "a rule that names nothing": Nasty(
        _ignoring(b"!\n"),
        (f".reconcilerignore:1:1 bad_ignore_rule: the pattern names nothing{_BAD_RULE}",),
    ),
    "a rule that ends in a backslash": Nasty(
        _ignoring(b"a\\\n"),
        (
            ".reconcilerignore:1:1 bad_ignore_rule: the pattern ends in a backslash that escapes"
            f" nothing{_BAD_RULE}",
        ),
    ),
    "rules that are not UTF-8": Nasty(
        _ignoring(b"a\n\xff\n"),
        (f".reconcilerignore:2:1 bad_ignore_rule: the text is not UTF-8{_BAD_RULE}",),
    ),
    "rules that are a directory": Nasty(
        lambda here: (here / ".reconcilerignore").mkdir(),
        (".reconcilerignore:1:1 not_a_file: this is a directory" + _NO_FILE,),
    ),
}
