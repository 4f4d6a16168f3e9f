"""What all figures share: where they work, at which sizes, how often, and what was measured already."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.daemon import Daemon
from bench.git import Repository
from bench.server import Server
from bench.site import Site

T = TypeVar("T")
MANY_WORKFLOWS = 50
SETTLES_S = 2.5


@dataclass
class Place:
    """One run of the benchmark. `is_brief` asks for the least that shows that a figure can be measured."""

    directory: Path
    server: Server
    sizes: tuple[int, ...]
    rounds: int
    is_brief: bool = False
    _known: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def once(self, what: str, size: int | None, measure: Callable[[], T]) -> T:
        """What this measures, at its first call; another figure may be made from it."""
        if (what, size) not in self._known:
            self._known[what, size] = measure()
        found: T = self._known[what, size]
        return found

    def site(self, count: int, workflows: int = MANY_WORKFLOWS, name: str = "done") -> Site:
        """A tree of this size; others of the same name and size get the same one."""
        site = Site(
            self.directory / "sites" / f"{name}-{count}-{workflows}", self.server.url, count, workflows
        )
        if self.is_brief:
            site.settings["POLL_S"] = "0.2"
        site.grow()
        return site

    def done_site(self, count: int, name: str = "done") -> Site:
        """A tree of this size, and a state in which each of its manifests is done."""
        site = self.site(count, name=name)
        site.record_as_done()
        return site

    def repository(self, site: Site) -> Repository:
        """A git repository of the same files, which the daemon cannot see; warm."""
        repository = Repository(site.directory / "git", site.jobs_dir)
        repository.record()
        repository.status_s()
        return repository

    def settle(self, daemon: Daemon) -> None:
        """Return once the daemon has made its first pass, and trusts what it has read.

        A file that changed less than two seconds before it was read is read again by the next pass.
        """
        daemon.until_passes(1)
        time.sleep(0.1 if self.is_brief else SETTLES_S)

    def times(self, usual: int) -> int:
        """How often something is repeated that is usually repeated so often in five rounds."""
        return 1 if self.is_brief else max(2, usual * self.rounds // 5)
