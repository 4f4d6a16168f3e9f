"""What is remembered of the tree from pass to pass: folders with their files, and what has changed in them.

Memory only: nothing here looks at the file system (`walk` does), and nothing decides what may be believed
(`cache` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.source.cache import MARK_BYTES, NO_MARK, Mark, SourceFile, inode_of
from reconciler.source.ignore import NO_RULES, Rules


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after; None where it was not there. The path is known to whoever holds this."""

    before: SourceFile | None
    after: SourceFile | None


def then(first: Change, second: Change) -> Change:
    """Two changes of one file as one."""
    return Change(first.before, second.after)


@dataclass(slots=True)
class Folder:
    """One directory as it was last listed, under the rules of the directories around it (`outer`).

    `files` and `folders` are its entries that matter. While its `mark` is believed they still are, all are
    regular files and directories that could be read, and where it has rules of its own their file has
    `rules_mark`. `marks` are those of its files, one after the other in the order of `files`, or empty.
    `listed` is a hash of the names and kinds of all its entries, where another directory with the same would
    be taken in the same way; else it is empty. `folders` holds a folder from before it is entered, so that
    whatever is remembered below can be forgotten.
    """

    mark: Mark = NO_MARK
    listed: bytes = b""
    outer: Rules | None = None
    rules: Rules = NO_RULES
    rules_mark: Mark = NO_MARK
    files: dict[str, SourceFile] = field(default_factory=dict)
    marks: bytes = b""
    folders: dict[str, None] = field(default_factory=dict)

    def mark_by_name(self) -> dict[str, Mark]:
        """The mark of each file, as far as they are known."""
        return dict(zip(self.files, _each(self.marks), strict=False))

    def moved(self, marks: bytes) -> list[str]:
        """The files whose marks are others now, or were never believed."""
        pairs = zip(self.files, _each(self.marks), _each(marks), strict=False)
        return [name for name, before, now in pairs if before != now]


def _each(marks: bytes) -> Iterator[Mark]:
    return (marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES))


@dataclass(slots=True)
class Memory:
    """All folders, by their path with a `/` at its end (the root's is empty), and what follows from them.

    `hiding` are the files in which names may be hidden, `unruled` the folders that are not read since their
    rules cannot be told; `filled` counts the files with a document.
    `changes` holds each file whose documents are others than when they were last taken; None until they are
    taken for the first time, since then all are.
    """

    folders: dict[str, Folder] = field(default_factory=dict)
    hiding: set[str] = field(default_factory=set)
    unruled: set[str] = field(default_factory=set)
    filled: int = 0
    changes: dict[str, Change] | None = None

    @property
    def is_all_read(self) -> bool:
        """Whether each file and folder could be read, whatever stands in it."""
        files = Files(self.folders)
        return not self.unruled and all(files[path].was_read for path in self.hiding)

    def folder(self, prefix: str) -> Folder:
        """The folder, made where it was not known."""
        found = self.folders.get(prefix)
        if found is None:
            found = self.folders[prefix] = Folder()
        return found

    def inodes(self) -> frozenset[int] | None:
        """The inodes of all folders; None if there are none, or if the mark of one is not believed."""
        marks = [folder.mark for folder in self.folders.values()]
        return None if not marks or NO_MARK in marks else frozenset(map(inode_of, marks))

    def keep(self, folder: Folder, prefix: str, name: str, after: SourceFile) -> None:
        """A file of the folder as it was read now."""
        before = folder.files.get(name)
        folder.files[name] = after
        if before is None or not after.has_documents_of(before):
            self._changed(prefix + name, before, after)
        if after.hides_names:
            self.hiding.add(prefix + name)
        else:
            self.hiding.discard(prefix + name)

    def drop(self, prefix: str, folder: Folder, name: str) -> None:
        """A file that is not there any more."""
        self._changed(prefix + name, folder.files.pop(name), None)
        self.hiding.discard(prefix + name)

    def drop_folder(self, prefix: str) -> None:
        """A folder that is not there any more, with all that was in it."""
        folder = self.folders.pop(prefix, None)
        self.unruled.discard(prefix)
        if folder is None:
            return
        for name in list(folder.files):
            self.drop(prefix, folder, name)
        for name in folder.folders:
            self.drop_folder(f"{prefix}{name}/")

    def take_changes(self) -> Mapping[str, Change]:
        """What has changed since this was last asked; whoever takes it is the only one to learn it.

        The first answer is a view of all that there is, and so holds until the next scan only.
        """
        taken, self.changes = self.changes, {}
        return taken if taken is not None else Added(Files(self.folders))

    def _changed(self, path: str, before: SourceFile | None, after: SourceFile | None) -> None:
        if self.changes is not None:
            change, earlier = Change(before, after), self.changes.get(path)
            self.changes[path] = then(earlier, change) if earlier else change
        self.filled += (after is not None and after.has_documents) - (
            before is not None and before.has_documents
        )


class Files(Mapping[str, SourceFile]):
    """All files by path, in a fixed order: a view that goes with the memory it looks into."""

    def __init__(self, folders: Mapping[str, Folder]) -> None:
        self._folders = folders

    def __getitem__(self, path: str) -> SourceFile:
        above, slash, name = path.rstrip("/").rpartition("/")
        is_folder = path.endswith("/")
        return self._folders[above + slash].files[f"{name}/" if is_folder else name]

    def __iter__(self) -> Iterator[str]:
        return self._below("") if "" in self._folders else iter(())

    def __len__(self) -> int:
        return sum(len(folder.files) for folder in self._folders.values())

    def _below(self, prefix: str) -> Iterator[str]:
        folder = self._folders[prefix]
        for name in sorted((*folder.files, *folder.folders)):
            if name in folder.files:
                yield prefix + name
            if name in folder.folders:
                yield from self._below(f"{prefix}{name}/")


class Added(Mapping[str, Change]):
    """All files as new ones: what a first look brings, without an object a file."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def __getitem__(self, path: str) -> Change:
        return Change(None, self._files[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
