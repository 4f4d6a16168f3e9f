"""One walk through the tree: which files are manifests, and what could not be read.

A walk knows one pass only, and brings a `Memory` up to date. That the tree stood still meanwhile is checked
around it, in `tree`; what an unchanged file is recognised by is `cache`'s. A folder whose own times did not
change still has the entries that it had, so it is not listed again: each file costs one look at its status.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from reconciler.source import ignore
from reconciler.source.cache import NO_MARK, Cache, Mark, mark_of, marks_of
from reconciler.source.folder import Folder, Memory
from reconciler.source.ignore import NO_RULES, BadRules, Rules
from reconciler.source.linked import link_mark, read_link
from reconciler.source.opened import Opened
from reconciler.source.putoff import PutOff, PutOffReason, Unsettled
from reconciler.source.reading import (
    Content,
    Unusable,
    read_entry,
    read_regular,
    signature,
    unreadable,
)

SUFFIXES = (".yaml", ".yml", ".json")

MAX_DEPTH = 64
"""How deep directories may go; each that is open costs a file descriptor."""

DATA_LINK = "..data"
"""The link that all files of a ConfigMap lead through, exchanged as a whole when it changes."""


@dataclass(slots=True)
class Walk:
    """One pass below `root` (a path without links), whose open directory is `root_fd`.

    What it finds goes into `memory`: each file by itself, so that a walk that is broken off leaves only what
    is true.
    """

    root: str
    root_fd: int
    cache: Cache
    memory: Memory
    _is_partial: bool = field(default=False, init=False)

    def run(self) -> None:
        """Walk. Raises Unsettled where the tree is being changed, OSError if the root cannot be listed."""
        self._folder(Opened.root(self.root_fd), NO_RULES)

    def run_only(self, prefixes: Iterable[str]) -> None:
        """Look at these folders that are known, and at new ones in them. Raises as `run` does."""
        self._is_partial = True
        for prefix in sorted(prefixes):
            folder = self.memory.folders.get(prefix)
            if folder is None:  # one above it was listed anew
                raise Unsettled.file(prefix, "went")
            chain = [Opened.root(self.root_fd)]
            for name in prefix.split("/")[:-1]:
                chain.append(chain[-1].below(name))
            try:
                self._folder(chain[-1], folder.outer or NO_RULES)
            finally:
                for opened in reversed(chain[1:]):
                    opened.close()

    def _folder(self, here: Opened, outer: Rules) -> None:
        folder = self.memory.folder(here.prefix)
        is_as_known = folder.mark != NO_MARK and folder.outer is outer and self._stands(folder, here)
        if not (is_as_known and self._again(folder, here)):
            self._list(folder, here, outer)

    def _stands(self, folder: Folder, here: Opened) -> bool:
        """Whether the folder has the entries that it had, and the same rules hold in it."""
        try:
            fd = here.fd()
            if mark_of(os.fstat(fd)) != folder.mark:
                return False
            return folder.rules_mark == NO_MARK or marks_of((ignore.NAME,), fd) == folder.rules_mark
        except OSError:
            return False  # what is the matter, the listing says

    def _again(self, folder: Folder, here: Opened) -> bool:
        """Look at the files and folders that a folder is known to have; whether nothing odd was seen."""
        try:
            marks = marks_of(folder.files, here.fd()) if folder.files else b""
        except FileNotFoundError as error:
            raise Unsettled.file(f"{here.prefix}{error.filename}", "went") from None
        except OSError:
            return False
        if marks != folder.marks and not self._read_again(folder, here, marks):
            return False
        return self._below(folder, here)

    def _read_again(self, folder: Folder, here: Opened, marks: bytes) -> bool:
        """Read the files of a known folder that may have changed; whether all of them can be read."""
        known = folder.mark_by_name()
        for name in folder.moved(marks):
            content = read_entry(name, here.fd(), here.prefix + name)
            if isinstance(content, Unusable):
                return False
            known[name] = self.cache.believed(content.signature)
            self._keep(folder, here.prefix, name, content.data)
        if mark_of(os.fstat(here.fd())) != folder.mark:
            raise Unsettled.file(here.prefix or ".", "changed")
        folder.marks = b"".join([known[name] for name in folder.files])
        return True

    def _below(self, folder: Folder, here: Opened) -> bool:
        """Enter the folders that a folder is known to have; whether nothing odd was seen."""
        below = () if self._is_partial else folder.folders
        return all(self._subfolder(here, name, folder.rules) is None for name in below)

    def _list(self, folder: Folder, here: Opened, outer: Rules) -> None:
        """List the folder anew, and look at all that is in it."""
        fd = here.fd()
        before = os.fstat(fd)
        mark = self.cache.believed(signature(before))
        listed = folder.listed if folder.outer is outer and mark != NO_MARK else b""
        known, folder.mark, folder.marks, folder.listed = folder.mark_by_name(), NO_MARK, b"", b""
        with os.scandir(fd) as entries:
            found = {entry.name: entry for entry in sorted(entries, key=_name)}
        if listed and listed == _hash_of(found.values()) and self._reread(folder, here):
            self._check_still(here, before)
            folder.mark, folder.listed = mark, listed
            return
        listing = _Listing(folder, here, fd, found, known, is_still=mark != NO_MARK)
        folder.outer = outer
        data_mark = _data_mark(fd) if DATA_LINK in found else None
        if self._take_rules(listing, outer):
            for entry in found.values():
                if entry.name[0] != ".":
                    self._entry(entry, listing)
        if data_mark is not None and _data_mark(fd) != data_mark:
            detail = f"{here.prefix}{DATA_LINK} was exchanged while its files were read"
            raise Unsettled(PutOff(PutOffReason.LINK_SWAPPED, detail))
        if mark != NO_MARK:
            self._check_still(here, before)
        self._forget_others(listing)
        folder.marks = b"".join([listing.marks.get(name, NO_MARK) for name in folder.files])
        if data_mark is None and listing.is_plain:
            folder.mark = mark
            folder.listed = _hash_of(found.values()) if ignore.NAME not in found else b""

    def _check_still(self, here: Opened, before: os.stat_result) -> None:
        """Raises Unsettled if an entry came, went or was exchanged since the directory looked like this."""
        if signature(os.fstat(here.fd())) != signature(before):
            raise Unsettled.file(here.prefix or ".", "changed")

    def _reread(self, folder: Folder, here: Opened) -> bool:
        """Read each file of another directory with the same entries; whether nothing odd was seen.

        This is what a new worktree costs, so it is a tight loop: half of its time goes by in the kernel.
        """
        files, fd, settled_ns, marks = folder.files, here.fd(), self.cache.settled_ns, []
        for name, before in files.items():
            read = read_regular(name, fd, settled_ns)
            if read is None:
                return False
            status, data = read
            marks.append(mark_of(status))
            if not before.is_of(data):
                self._keep(folder, here.prefix, name, data)
        folder.marks = b"".join(marks)
        return self._below(folder, here)

    def _take_rules(self, listing: _Listing, outer: Rules) -> bool:
        """Find out which rules hold in a directory; whether that can be told.

        Else nothing of the directory is read: what its author meant to leave out must not be submitted.
        """
        folder, prefix = listing.folder, listing.here.prefix
        folder.rules, folder.rules_mark = outer, NO_MARK
        self.memory.unruled.discard(prefix)
        entry = listing.entries.get(ignore.NAME)
        if entry is None:
            return True
        content = self._content(entry, listing.fd, prefix + ignore.NAME)
        most = ignore.MAX_RULES - outer.count
        said = ignore.parse(content.data, most) if isinstance(content, Content) else content
        match said:
            case Unusable():
                self._refuse(listing, ignore.NAME, said)
            case BadRules(line, why):
                message = f"{why}. Nothing in this directory is read until the rule is mended"
                self._refuse(listing, ignore.NAME, Unusable("bad_ignore_rule", message, line))
            case _:
                folder.rules = outer.below(prefix, said)
                if isinstance(content, Content):
                    folder.rules_mark = self.cache.believed(content.signature)
                listing.is_plain &= folder.rules_mark != NO_MARK
                return True
        self.memory.unruled.add(prefix)
        return False

    def _entry(self, entry: os.DirEntry[str], listing: _Listing) -> None:
        name = entry.name
        is_directory = entry.is_dir(follow_symlinks=False)
        if not is_directory and not name.endswith(SUFFIXES):
            return
        rules = listing.folder.rules
        if rules is not NO_RULES and rules.leave_out(listing.here.prefix + name + "/" * is_directory):
            return
        if not name.isascii() and not _is_utf8(name):
            self._refuse_name(listing, name)
        elif is_directory:
            self._new_subfolder(listing, name)
        elif not (entry.is_file(follow_symlinks=False) and self._regular(entry, listing)):
            self._other(entry, listing)

    def _regular(self, entry: os.DirEntry[str], listing: _Listing) -> bool:
        """A regular file, if no more than that is the matter with it; whether that is so."""
        name, folder, prefix = entry.name, listing.folder, listing.here.prefix
        mark = listing.known.get(name, NO_MARK)
        if mark != NO_MARK and mark == _entry_mark(entry):
            listing.marks[name] = mark
            return True
        read = read_regular(name, listing.fd, self.cache.settled_ns) if listing.is_still else None
        if read is None:
            return False
        status, data = read
        listing.marks[name] = mark_of(status)
        self._keep(folder, prefix, name, data)
        return True

    def _new_subfolder(self, listing: _Listing, name: str) -> None:
        """A directory of a listing; below a folder that is known a partial walk enters only what is new."""
        if listing.here.depth >= MAX_DEPTH:
            message = f"directories go at most {MAX_DEPTH} deep. Move this one up"
            self._refuse(listing, name + "/", Unusable("too_deep", message))
            return
        listing.folders[name] = listing.folder.folders[name] = None
        if not (self._is_partial and f"{listing.here.prefix}{name}/" in self.memory.folders):
            why = self._subfolder(listing.here, name, listing.folder.rules)
            if why is not None:
                del listing.folders[name]
                self.memory.drop_folder(f"{listing.here.prefix}{name}/")
                self._refuse(listing, name + "/", why)

    def _subfolder(self, above: Opened, name: str, rules: Rules) -> Unusable | None:
        """Enter a directory; what keeps it from being read, if something does."""
        here = above.below(name)
        try:
            self._folder(here, rules)
        except OSError as error:
            return unreadable("directory", error)
        finally:
            here.close()
        return None

    def _other(self, entry: os.DirEntry[str], listing: _Listing) -> None:
        """What has to be read with more care: a link, a file that was written just now, or no file at all."""
        folder, prefix, name = listing.folder, listing.here.prefix, entry.name
        match self._content(entry, listing.fd, prefix + name):
            case Content() as content:
                listing.marks[name] = self.cache.believed(content.signature)
                listing.is_plain &= not entry.is_symlink()
                self._keep(folder, prefix, name, content.data)
            case Unusable() as why:
                self._refuse(listing, name, why)

    def _keep(self, folder: Folder, prefix: str, name: str, data: bytes) -> None:
        before = folder.files.get(name)
        if before is None or not before.is_of(data):
            self.memory.keep(folder, prefix, name, self.cache.understood(prefix + name, data))

    def _content(self, entry: os.DirEntry[str], fd: int, path: str) -> Content | Unusable:
        if entry.is_symlink():
            return read_link(entry.name, fd, path, self.root, self.root_fd)
        return read_entry(entry.name, fd, path)

    def _refuse(self, listing: _Listing, name: str, why: Unusable) -> None:
        listing.is_plain = False
        listing.marks[name] = NO_MARK
        prefix = listing.here.prefix
        self.memory.keep(listing.folder, prefix, name, self.cache.unusable(prefix + name, why))

    def _refuse_name(self, listing: _Listing, name: str) -> None:
        """A name that no text can hold is told with its bytes escaped, unless a file has just that name."""
        escaped = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        listing.is_plain = False
        if escaped not in listing.entries:
            self._refuse(listing, escaped, Unusable("name_not_utf8", "the name is not UTF-8. Rename it"))

    def _forget_others(self, listing: _Listing) -> None:
        """What a folder had and a listing of it has not is gone."""
        folder, prefix = listing.folder, listing.here.prefix
        for name in folder.files.keys() - listing.marks.keys():
            self.memory.drop(prefix, folder, name)
        for name in set(folder.folders).difference(listing.folders):
            if f"{prefix}{name}/" in self.memory.folders:
                self.memory.drop_folder(f"{prefix}{name}/")
        folder.folders = listing.folders


@dataclass(slots=True)
class _Listing:
    """A folder that is being listed.

    `marks` has what is kept of its files, `folders` of its directories; `known` are the marks of before.
    `is_still`: whether an entry that is exchanged would show in the directory's times. `is_plain`: whether
    all in it can be known by its marks.
    """

    folder: Folder
    here: Opened
    fd: int
    entries: dict[str, os.DirEntry[str]]
    known: dict[str, Mark]
    is_still: bool
    is_plain: bool = True
    marks: dict[str, Mark] = field(default_factory=dict)
    folders: dict[str, None] = field(default_factory=dict)


def _hash_of(entries: Iterable[os.DirEntry[str]]) -> bytes:
    """A hash of the names of entries, in order, and of what each of them is."""
    told = "/".join([_kind(entry) + entry.name for entry in entries])
    return sha256(told.encode("utf-8", "surrogateescape")).digest()[:16]


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_file(follow_symlinks=False):
        return "f"
    if entry.is_dir(follow_symlinks=False):
        return "d"
    return "l" if entry.is_symlink() else "o"


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _entry_mark(entry: os.DirEntry[str]) -> Mark:
    try:
        return mark_of(entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        raise Unsettled.file(entry.name, "went") from None


def _data_mark(fd: int) -> tuple[int, int, str] | None:
    try:
        return link_mark(DATA_LINK, fd)
    except FileNotFoundError:
        return None


def _is_utf8(name: str) -> bool:
    try:
        name.isascii() or name.encode()
    except UnicodeEncodeError:
        return False
    return True
