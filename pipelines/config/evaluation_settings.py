"""The sections `evaluation` and `tasks` of a configuration: by what a model is judged."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ...components.settings import Identifier, Settings


class Bounds(Settings):
    """The values of a metric over all records with which a model is blessed, and why others are not."""

    lower: float | None = None
    upper: float | None = None
    lower_reason: str = ""
    upper_reason: str = ""

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.lower is None and self.upper is None:
            raise ValueError("expected `lower`, `upper` or both")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError(
                f"expected `lower` <= `upper`, received {self.lower} and {self.upper}: no model can meet them"
            )
        return self


class Change(Settings):
    """How much worse than the last blessed model a candidate may be (0: ties pass)."""

    metric: str
    tolerance: Annotated[float, Field(ge=0)] = 0.0


class Evaluation(Settings):
    """The slices and the change threshold of the gate."""

    slices: list[list[Identifier]] = []
    min_slice_rows: Annotated[int, Field(ge=1)] = 10
    change: Change | None = None
    fairness: list[Identifier] = []


class Task(Settings):
    """A prediction task: what is known when the prediction is made, and the bounds of a useful model."""

    description: str = ""
    exclude: dict[str, str] = {}
    thresholds: dict[str, Bounds] = {}
