"""What only a person knows of a file, and what follows from an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...components.features import FeatureKind, Problem


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        text: string. In one line, with what to do by hand.
        action: string. What `yes` does; empty where nothing can be done for the asker.
        exclude: tuple of strings. The columns that are no feature then, by their identifiers.
        reason: string. Why they are none.
        kinds: mapping of column to the `FeatureKind` that it has then.
        split: mapping. The part `split` of the configuration then.
        data: mapping. Fields of the part `data` of the configuration then.
        rejected_share: float. The part of the rows that is then quarantined.
        problem: `Problem` or None. What is predicted then.
    """

    text: str
    action: str = ""
    exclude: tuple[str, ...] = ()
    reason: str = ""
    kinds: Mapping[str, FeatureKind] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    rejected_share: float = 0.0
    problem: Problem | None = None

    def __str__(self) -> str:
        return self.text
