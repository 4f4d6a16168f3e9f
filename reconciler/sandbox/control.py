"""Paths that the real API does not have, to steer a sandbox in another process.

`GET`, `PUT` and `DELETE /sandbox/faults` · `POST /sandbox/jobs` (`{"workflowId", "input"}`: a foreign job) ·
`POST /sandbox/forget-sessions` · `GET /sandbox/ledger`. They need no session, and no fault touches them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from reconciler.sandbox.api import Explorer
from reconciler.sandbox.faults import Faults, read_faults
from reconciler.sandbox.ledger import Job, Ledger
from reconciler.sandbox.sessions import Sessions
from reconciler.sandbox.wire import Code, RefusedError, Reply, Request, refused, success

PREFIX = "/sandbox/"


class _ForeignJob(msgspec.Struct, frozen=True, rename="camel"):
    workflow_id: str
    input: dict[str, Any] = msgspec.field(default_factory=dict)


class Control:
    """The answers to the paths under `/sandbox/`."""

    def __init__(self, explorer: Explorer, ledger: Ledger, sessions: Sessions, faults: Faults) -> None:
        self._explorer = explorer
        self._ledger = ledger
        self._sessions = sessions
        self._faults = faults

    def answer(self, request: Request, now_s: float) -> Reply:
        """What a control request gets; a job that it makes still has to settle in the ledger."""
        routes: dict[tuple[str, str], Callable[[], Reply]] = {
            ("GET", "faults"): self._shown_faults,
            ("PUT", "faults"): lambda: self._replaced_faults(request.body),
            ("DELETE", "faults"): lambda: self._replaced_faults(b"[]"),
            ("POST", "jobs"): lambda: self._foreign_job(request.body, now_s),
            ("POST", "forget-sessions"): self._forgotten_sessions,
            ("GET", "ledger"): self._shown_ledger,
        }
        asked = request.method, request.path.removeprefix(PREFIX)
        try:
            if asked not in routes:
                raise RefusedError(Code.ERR_NOT_FOUND, f"the sandbox has no {request.method} {request.path}")
            return routes[asked]()
        except RefusedError as refusal:
            return refused(refusal)
        except (ValueError, RecursionError) as error:
            return refused(RefusedError(Code.ERR_PARAM, str(error)))

    def _shown_faults(self) -> Reply:
        return success({"faults": self._faults.active})

    def _replaced_faults(self, text: bytes) -> Reply:
        faults = read_faults(text)
        self._faults.switch_off()
        self._faults.switch_on(*faults)
        return self._shown_faults()

    def _foreign_job(self, text: bytes, now_s: float) -> Reply:
        wanted = msgspec.json.decode(text, type=_ForeignJob)
        body = msgspec.json.encode({"input": wanted.input})
        return success({"id": self._explorer.add_foreign_job(wanted.workflow_id, body, now_s).id})

    def _forgotten_sessions(self) -> Reply:
        self._sessions.forget_all()
        return success({"success": True})

    def _shown_ledger(self) -> Reply:
        return success({"jobs": [_shown(job) for job in self._ledger.jobs]})


def _shown(job: Job) -> dict[str, Any]:
    return {**msgspec.to_builtins(job), "input": job.input}
