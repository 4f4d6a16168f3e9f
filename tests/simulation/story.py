"""What happened, as lines that a person can read: kept only for a seed that is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Story:
    """Lines with their virtual times. To tell nothing costs next to nothing, and changes nothing."""

    is_told: bool
    now_s: Callable[[], float]
    lines: list[str] = field(default_factory=list)

    def tell(self, text: str, *about: object) -> None:
        if self.is_told:
            self.lines.append(f"{self.now_s():10.3f}  {text.format(*about)}")
