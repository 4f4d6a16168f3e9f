"""Which workflows exist, what each takes as input, and how long its jobs live.

The built-in ones are in `workflows.json` beside this file; a `workflows.json` in the sandbox's directory
stands in their place, and has the same form: an object of workflow ID → workflow. The ID `*` stands for every
other ID.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from reconciler.sandbox.watched import Watched
from reconciler.sandbox.wire import Code, RefusedError, parsed

FILE_NAME = "workflows.json"

Ending = Literal["Success", "Failed", "Interrupted"]


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task of a workflow: its parameters, and the rows that its result shows."""

    name: str = ""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Workflow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One workflow, and how long its jobs live, in seconds.

    `accepts_anything` (`any` in the file) takes every task and parameter.
    """

    name: str
    tasks: dict[str, Task] = msgspec.field(default_factory=dict)
    accepts_anything: bool = msgspec.field(default=False, name="any")
    ends: Ending = "Success"
    preparing_s: float = 1.0
    running_s: float = 2.0
    stopping_s: float = 1.0


class Catalogue:
    """The workflows of one sandbox; a changed file counts from the next request on."""

    def __init__(self, directory: Path) -> None:
        self._file = Watched(directory / FILE_NAME, read_catalogue, built_in())

    def workflow(self, workflow_id: str) -> Workflow:
        """The workflow with this ID. Raises RefusedError: ERR_PARAM for what is no number, ERR_NOT_FOUND."""
        if not (workflow_id.isascii() and workflow_id.isdigit()):
            raise RefusedError(Code.ERR_PARAM, f"{workflow_id!r} is not a workflow ID")
        workflows = self._file.value()
        found = workflows.get(workflow_id) or workflows.get("*")
        if found is None:
            raise RefusedError(Code.ERR_NOT_FOUND, f"there is no workflow {workflow_id}")
        return found


def read_catalogue(text: bytes) -> dict[str, Workflow]:
    """The workflows of a file. Raises ValueError with the place of what is wrong."""
    return msgspec.json.decode(text, type=dict[str, Workflow])


def built_in() -> dict[str, Workflow]:
    """The workflows that exist where the directory has no file of its own."""
    return read_catalogue(resources.files(__package__).joinpath(FILE_NAME).read_bytes())


def accepted_input(workflow: Workflow, body: bytes) -> dict[str, dict[str, str | int | float]]:
    """The input of a submission that this workflow takes.

    Raises RefusedError as a real server was seen to refuse: ERR_PARAM for a wrong shape, an unknown task or
    an extra parameter, ERR_INTERNAL_CONTROLLER for a required parameter that is missing.
    """
    value = parsed(body, "the body")
    if not isinstance(value, dict):
        raise RefusedError(Code.ERR_PARAM, "the body is not an object")
    tasks = value.get("input", {})
    _check_shape(tasks)
    if not workflow.accepts_anything:
        _check_names(workflow, tasks)
        _check_required(workflow, tasks)
    accepted: dict[str, dict[str, str | int | float]] = tasks
    return accepted


def _check_shape(tasks: Any) -> None:
    if not isinstance(tasks, dict):
        raise RefusedError(Code.ERR_PARAM, "input is not an object")
    for task_id, parameters in tasks.items():
        if not isinstance(parameters, dict):
            raise RefusedError(Code.ERR_PARAM, f"input.{task_id} is not an object")
        for name, value in parameters.items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise RefusedError(Code.ERR_PARAM, f"input.{task_id}.{name} is neither a string nor a number")


def _check_names(workflow: Workflow, tasks: dict[str, dict[str, Any]]) -> None:
    for task_id, parameters in tasks.items():
        task = workflow.tasks.get(task_id)
        if task is None:
            raise RefusedError(Code.ERR_PARAM, f"the workflow has no task {task_id!r}")
        for name in parameters:
            if name not in task.required and name not in task.optional:
                raise RefusedError(Code.ERR_PARAM, f"task {task_id!r} has no parameter {name!r}")


def _check_required(workflow: Workflow, tasks: dict[str, dict[str, Any]]) -> None:
    for task_id, task in workflow.tasks.items():
        for name in task.required:
            if name not in tasks.get(task_id, {}):
                # A caller's fault, yet the real server answers 500 with this code.
                raise RefusedError(Code.ERR_INTERNAL_CONTROLLER, f"task {task_id!r} misses {name!r}")
