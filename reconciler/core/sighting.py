"""What a pass saw of each name in the tree: the part of the record that is not about runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.model import DEFAULTS, Digest, Name, Policies, WorkflowId


class Presence(StrEnum):
    """How the last complete pass saw a name in the tree."""

    WANTED = "wanted"
    SUSPENDED = "suspended"
    INVALID = "invalid"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the last complete pass saw of one name, and what the plan said of it.

    `digest`, `workflow_id`, `policies` and `labels` are those of the last valid manifest; `reason` is the
    plan's, or the first problem of an invalid document.
    """

    name: Name
    presence: Presence
    path: str
    digest: Digest | None
    workflow_id: WorkflowId | None
    reason: str
    revision: str | None
    updated_ms: int
    policies: Policies = DEFAULTS
    labels: Mapping[str, str] = field(default_factory=dict)
