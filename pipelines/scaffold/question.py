"""What only a person knows of a file, and what follows from an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...components.features import Problem


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        text: string. In one line, with what to do by hand.
        action: string. What `yes` does; empty where nothing can be done for the asker.
        exclude: string. The column that is no feature then, by its identifier.
        reason: string. Why it is none.
        split: mapping. The part `split` of the configuration then.
        data: mapping. Fields of the part `data` of the configuration then.
        rejected_share: float. The part of the rows that is then quarantined.
        problem: `Problem` or None. What is predicted then.
    """

    text: str
    action: str = ""
    exclude: str = ""
    reason: str = ""
    split: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    rejected_share: float = 0.0
    problem: Problem | None = None

    def __str__(self) -> str:
        return self.text
