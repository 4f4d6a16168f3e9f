"""One walk through the tree: which files are manifests, and what could not be read.

A walk knows one pass only. That the tree stood still meanwhile is checked around it, in `tree`; what an
unchanged file is recognised by is `cache`'s. For such a file the walk costs one listing entry and one look
at its status. A trust in directories (skip what did not change) belongs into `_directory`, an order of files
(those first that an event named) into `run`; neither touches the rest.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from reconciler.source import ignore
from reconciler.source.cache import Cache, SourceFile
from reconciler.source.ignore import BadRules, Rules
from reconciler.source.linked import link_mark, read_link
from reconciler.source.putoff import PutOff, PutOffReason, Unsettled
from reconciler.source.reading import Content, Unusable, open_directory, read_entry, unreadable

SUFFIXES = (".yaml", ".yml", ".json")

MAX_DEPTH = 64
"""How deep directories may go; each that is open costs a file descriptor."""

DATA_LINK = "..data"
"""The link that all files of a ConfigMap lead through, exchanged as a whole when it changes."""


@dataclass(slots=True)
class Walk:
    """One pass below `root` (a path without links), whose open directory is `root_fd`.

    `run` fills `files`, by path relative to the root in a fixed order, and `unreadable`: paths, and
    directories' paths with a `/` at their end (`""` for the whole tree), below which names may be hidden.
    """

    root: str
    root_fd: int
    cache: Cache
    files: dict[str, SourceFile] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Walk. Raises Unsettled where the tree is being changed, OSError if the root cannot be listed."""
        self._directory(self.root_fd, "", Rules(), 0)

    def _directory(self, fd: int, prefix: str, rules: Rules, depth: int) -> None:
        with os.scandir(fd) as listing:
            entries = sorted(listing, key=_name)
        hidden = {entry.name: entry for entry in entries if entry.name[0] == "."}
        mark = _data_mark(fd) if DATA_LINK in hidden else None
        here = self._rules(hidden.get(ignore.NAME), fd, prefix, rules)
        if here is None:
            self.unreadable.append(prefix)
            return
        for entry in entries:
            if entry.name not in hidden:
                self._entry(entry, fd, prefix, here, depth)
        if mark is not None and _data_mark(fd) != mark:
            detail = f"{prefix}{DATA_LINK} was exchanged while its files were read"
            raise Unsettled(PutOff(PutOffReason.LINK_SWAPPED, detail))

    def _rules(self, entry: os.DirEntry[str] | None, fd: int, prefix: str, outer: Rules) -> Rules | None:
        """The rules that hold in this directory, or None if they cannot be told.

        Then nothing of the directory is read: what its author meant to leave out must not be submitted.
        """
        if entry is None:
            return outer
        path = prefix + ignore.NAME
        content = self._content(entry, fd, path)
        most = ignore.MAX_RULES - outer.count
        said = ignore.parse(content.data, most) if isinstance(content, Content) else content
        match said:
            case Unusable():
                self._refuse(path, said)
            case BadRules(line, why):
                message = f"{why}. Nothing in this directory is read until the rule is mended"
                self._refuse(path, Unusable("bad_ignore_rule", message, line))
            case _:
                return outer.below(prefix, said)
        return None

    def _entry(self, entry: os.DirEntry[str], fd: int, prefix: str, rules: Rules, depth: int) -> None:
        path = prefix + entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if not is_directory and not path.endswith(SUFFIXES):
            return
        if rules.leave_out(path + "/" if is_directory else path):
            return
        if not _is_utf8(entry.name):
            self._refuse_name(path)
        elif is_directory:
            self._subdirectory(entry.name, fd, path + "/", rules, depth + 1)
        else:
            self._file(entry, fd, path)

    def _subdirectory(self, name: str, parent: int, prefix: str, rules: Rules, depth: int) -> None:
        if depth > MAX_DEPTH:
            message = f"directories go at most {MAX_DEPTH} deep. Move this one up"
            self._refuse(prefix, Unusable("too_deep", message))
            return
        try:
            fd = open_directory(name, parent)
        except (FileNotFoundError, NotADirectoryError):
            raise Unsettled.file(prefix, "went") from None
        except OSError as error:
            self._refuse(prefix, unreadable("directory", error))
            return
        try:
            self._directory(fd, prefix, rules, depth)
        except OSError as error:
            self._refuse(prefix, unreadable("directory", error))
        finally:
            os.close(fd)

    def _file(self, entry: os.DirEntry[str], fd: int, path: str) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            raise Unsettled.file(path, "went") from None
        if stat.S_ISREG(status.st_mode) and (before := self.cache.unchanged(path, status)):
            self._keep(path, before)
            return
        match self._content(entry, fd, path):
            case Content() as content:
                self._keep(path, self.cache.understood(path, content))
            case Unusable() as why:
                self._refuse(path, why)

    def _content(self, entry: os.DirEntry[str], fd: int, path: str) -> Content | Unusable:
        if entry.is_symlink():
            return read_link(entry.name, fd, path, self.root, self.root_fd)
        return read_entry(entry.name, fd, path)

    def _keep(self, path: str, file: SourceFile) -> None:
        self.files[path] = file
        if file.hides_names:
            self.unreadable.append(path)

    def _refuse(self, path: str, why: Unusable) -> None:
        self._keep(path, self.cache.unusable(path, why))

    def _refuse_name(self, path: str) -> None:
        """A name that no text can hold is told with its bytes escaped, unless a file has just that name."""
        escaped = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if escaped not in self.files:
            self._refuse(escaped, Unusable("name_not_utf8", "the name is not UTF-8. Rename it"))


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _data_mark(fd: int) -> tuple[int, int, str] | None:
    try:
        return link_mark(DATA_LINK, fd)
    except FileNotFoundError:
        return None


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
