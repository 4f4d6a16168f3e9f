"""The port's verbs that only read, each a question to a `Reader`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TypeVar

from reconciler.core.item import Item
from reconciler.core.model import Accepted, JobId, Name, Pause, Run, RunKey, State, WorkflowId
from reconciler.core.overview import Overview, Question
from reconciler.core.plan import World
from reconciler.core.record import Dossier, Event
from reconciler.store.dossier import dossier_of
from reconciler.store.port import Wish
from reconciler.store.reading import Reader

T = TypeVar("T")


class Questions:
    """What may be asked of a state. How a question reaches the reader is the implementation's."""

    async def known(self, without: Container[Name] = ()) -> dict[Name, str]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.known(without))

    async def world(self, names: Iterable[Name], workflow_ids: Iterable[WorkflowId]) -> World:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.world(names, workflow_ids))

    async def followed_runs(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.runs(("Followed",)))

    async def waiting_runs(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.runs(("Waiting",)))

    async def unknown_runs(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.runs(("Unknown",)))

    async def held_runs(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.runs(("Held",)))

    async def counts(self) -> dict[str, int]:
        """See `port.Store`."""
        return await self._read(Reader.counts)

    async def items(self) -> list[Item]:
        """See `port.Store`."""
        await self._written()
        return await self._look(lambda reader: list(reader.items()))

    async def item(self, name: Name) -> Item | None:
        """See `port.Store`."""
        await self._written()
        return await self._look(lambda reader: reader.item(name))

    async def state_counts(self) -> Mapping[State, int]:
        """See `port.Store`."""
        return await self._look(Reader.state_counts)

    async def overview(self, question: Question) -> Overview:
        """See `port.Store`."""
        return await self._look(lambda reader: reader.overview(question))

    async def dossier(self, name: Name, events: int) -> Dossier | None:
        """See `port.Store`."""
        return await self._look(lambda reader: dossier_of(reader, name, events))

    async def history(self, name: Name) -> list[Event]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.history(name))

    async def open_wishes(self) -> list[Wish]:
        """See `port.Store`."""
        return await self._read(Reader.open_wishes)

    async def quarantine(self) -> str | None:
        """See `port.Store`."""
        return await self._read(Reader.quarantine)

    async def foreign_among(self, workflow_id: WorkflowId, listed: Sequence[JobId]) -> tuple[JobId, ...]:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.foreign_among(workflow_id, listed))

    async def unfinished_names(self) -> set[Name]:
        """See `port.Store`."""
        return await self._read(Reader.unfinished_names)

    async def runs_without_tasks(self) -> list[Run]:
        """See `port.Store`."""
        return await self._read(Reader.runs_without_tasks)

    async def job_to_cancel(self, key: RunKey) -> Accepted | None:
        """See `port.Store`."""
        return await self._read(lambda reader: reader.job_to_cancel(key))

    async def paused(self) -> Pause | None:
        """See `port.Store`."""
        return await self._read(Reader.pause)

    async def _written(self) -> None:
        """Return once all is on disk that was written before."""
        raise NotImplementedError

    async def _read(self, query: Callable[[Reader], T]) -> T:
        """What the query gives, with all in it that was written before it was asked for."""
        raise NotImplementedError

    async def _look(self, query: Callable[[Reader], T]) -> T:
        """What the query gives as of the last commit; holds up no other reading, and waits for no write."""
        raise NotImplementedError
