"""The points of a submission at which a process may be made to die or to stand still, in order.

One row a label: what the launcher calls it, how far the run has come there, and what the server must have
given for the walk to come by. Where each is hooked in is in `hooks`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Stage(enum.IntEnum):
    """What is on disk, and what may have left, when a process dies at a label."""

    UNSENT = 1
    """No intent is on disk: nobody has sent anything."""

    NOTED = 2
    """The intent is on disk, and no byte of the body was sent: the server cannot have made a job."""

    SENT = 3
    """The whole request may have arrived, and what came of it is not on disk."""

    RECORDED = 4
    """What came of the request is on disk."""


class Gives(enum.IntEnum):
    """What the server must have given first."""

    NOTHING = 0
    CLOSE = 1
    """An end of the connection, at least."""

    REPLY = 2
    """A reply, whatever it says."""

    JOB = 3
    """A job's ID."""


@dataclass(frozen=True, slots=True)
class Label:
    """One point of the walk; `times` says at which passage of it the submission is there."""

    name: str
    stage: Stage
    needs: Gives = Gives.NOTHING
    times: int = 1

    def __str__(self) -> str:
        return self.name


_U, _N, _S, _R = Stage.UNSENT, Stage.NOTED, Stage.SENT, Stage.RECORDED

LABELS = (
    Label("scan: before", _U),
    Label("scan: after", _U),
    Label("plan: after", _U),
    Label("observe: before", _U),
    Label("observe: COMMIT before", _U),
    Label("observe: COMMIT after", _U),
    Label("connect: connection before", _U),
    Label("connect: request sent", _U),
    Label("connect: reply read", _U),
    Label("list: request sent", _U),
    Label("list: reply read", _U),
    Label("workflow_listed: in the transaction", _U),
    Label("workflow_listed: COMMIT after", _U),
    Label("claim: in the transaction", _U),
    Label("begin: before", _U),
    Label("begin: BEGIN after", _U),
    Label("begin: intent inserted", _U),
    Label("begin: in the transaction", _U),
    Label("begin: COMMIT before", _U),
    Label("begin: COMMIT after", _N),
    Label("begin: after", _N),
    Label("log_in: after", _N),
    Label("submit: connection before", _N),
    Label("submit: connected", _N),
    Label("submit: SO_LINGER after", _N),
    Label("submit: part written before", _N),
    Label("submit: part written", _S),
    Label("submit: request sent", _S),
    Label("submit: first byte before", _S, Gives.CLOSE),
    Label("submit: first byte after", _S, Gives.REPLY),
    Label("submit: headers read", _S, Gives.REPLY),
    Label("submit: reply read", _S, Gives.REPLY),
    Label("submit: receipt", _S),
    Label("record: before", _S),
    Label("record: BEGIN after", _S),
    Label("record: run updated", _S),
    Label("record: in the transaction", _S),
    Label("record: COMMIT before", _S),
    Label("record: COMMIT after", _R),
    Label("record: after", _R),
    Label("follow: before", _R, Gives.JOB),
    Label("follow: listed", _R, Gives.JOB),
    Label("job_changed: in the transaction", _R, Gives.JOB),
    Label("job_changed: COMMIT after", _R, Gives.JOB),
    Label("job_changed: after", _R, Gives.JOB),
)
