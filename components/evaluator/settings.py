"""How a model is judged: the settings of the `Evaluator`, which the configuration holds and the report shows."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ...errors import ConfigurationError
from ..settings import Identifier, Settings, require_known
from .metric import Metric

Number = Annotated[float, Field(allow_inf_nan=False)]


class Bounds(Settings):
    """The values of a metric over all records with which a model is blessed, and why others are rejected.

    Args:
        lower: float or None.
        upper: float or None. A value above it is rejected too: it may show a leak.
        lower_reason: string. Shown beside the bound.
        upper_reason: string.
    """

    lower: Number | None = None
    upper: Number | None = None
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
    """How much worse than the last blessed model a candidate may be.

    Args:
        metric: string.
        tolerance: float, in the unit of the metric. With 0 ties pass.
    """

    metric: str
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class EvaluationSettings(Settings):
    """How a model is judged.

    Args:
        thresholds: dict of metric to `Bounds` on its value over all records.
        change: `Change` against the last blessed model, or None.
        beats_trivial: bool. Whether a model must beat the best prediction that knows no feature by more than chance;
            see `components.evaluator.trivial`. Defaults to True.
        slices: tuple of tuples of columns; metrics are computed for each combination of their values.
        min_slice_rows: int. Smaller slices and groups show no rates.
        fairness: tuple of columns whose groups the report compares.
        method: string. `"holdout"` judges the model on records that it has not seen, the split's `eval_share`.
            `"out_of_fold"` trains it on all records and judges what models of a cross-validation, of the same settings,
            predict of those that each has not seen: for few records, or few groups of them. Defaults to `"holdout"`.
        folds: int. Of the cross-validation, and of `yachay evaluate`. Defaults to 5.
        workers: int or None. How many of its folds run at a time; see `components.cross_validator.workers`. The results
            do not depend on it. Defaults to None, what is soonest.
    """

    thresholds: dict[str, Bounds] = {}
    change: Change | None = None
    beats_trivial: bool = True
    slices: tuple[tuple[Identifier, ...], ...] = ()
    min_slice_rows: Annotated[int, Field(ge=1)] = 10
    fairness: tuple[Identifier, ...] = ()
    method: Literal["holdout", "out_of_fold"] = "holdout"
    folds: Annotated[int, Field(ge=2)] = 5
    workers: Annotated[int, Field(ge=1)] | None = None

    @property
    def is_out_of_fold(self) -> bool:
        """Whether out-of-fold predictions are judged."""
        return self.method == "out_of_fold"

    def problems(self, metrics: Mapping[str, Metric], prefix: str = "") -> list[str]:
        """Returns a line for each setting that does not fit the metrics of a task.

        Args:
            metrics: mapping of name to `Metric`, as `task_metrics` returns it.
            prefix: string. Stands before the field's name: `"evaluation."`. Defaults to none.
        """
        found = []
        for name, bounds in self.thresholds.items():
            field = f"{prefix}thresholds"
            try:
                require_known(field, name, metrics)
            except ValueError as error:
                found.append(str(error))
                continue
            highest, lowest = metrics[name].highest, metrics[name].lowest
            if bounds.lower is not None and highest is not None and bounds.lower > highest:
                found.append(
                    f"{field}.{name}: expected `lower` <= {highest:g}, received {bounds.lower}: no model can meet it"
                )
            if bounds.upper is not None and lowest is not None and bounds.upper < lowest:
                found.append(
                    f"{field}.{name}: expected `upper` >= {lowest:g}, received {bounds.upper}: no model can meet it"
                )
        if self.change is not None:
            try:
                require_known(f"{prefix}change.metric", self.change.metric, metrics)
            except ValueError as error:
                found.append(str(error))
        return found

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Checks the names and bounds against the metrics of a task.

        Raises:
            ConfigurationError: if one does not fit; the message lists every such field.
        """
        if found := self.problems(metrics):
            raise ConfigurationError("\n".join(["Invalid evaluation settings:", *(f"  - {line}" for line in found)]))
