"""What a configuration tells the report: the component's parameter `report_config`, checked."""

import functools
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from ..evaluator.metric import Metric, task_metrics
from ..features import FeatureKind, Problem
from ..prediction_task import Label, PredictionTask
from .report import ModelCard, Text


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Section):
    """The values of a metric over all records with which a model is blessed, and why."""

    lower: float | None = None
    upper: float | None = None
    lower_reason: str = ""
    upper_reason: str = ""


class Change(_Section):
    """How much worse than the last blessed model a candidate may be."""

    metric: str
    tolerance: float = 0.0


class Anchor(_Section):
    """Published figures, as in `LeaderboardRow`."""

    name: str
    metrics: dict[str, float]
    records: str = ""
    caveat: Text = Text()
    source: str = ""


class ReportConfig(_Section):
    """What a configuration tells the report.

    Args:
        problem: `Problem`.
        label: string. The column to predict.
        label_values: tuple of strings. The classes in the order of the scores; empty for a regression.
        features: dict of input column to `FeatureKind`.
        excluded: dict of column that is no input to the reason.
        slices: tuple of tuples of columns, as the Evaluator slices.
        min_slice_rows: int. Slices and groups with fewer records show no rates.
        fairness: tuple of columns whose groups are compared.
        thresholds: dict of metric to `Bounds`, as the gate's.
        change: `Change` or None.
        alert_label: string. The class that is acted upon; the last one of `label_values` where it is empty.
        cost_false_positive: float. Cost of an alert too many.
        cost_false_negative: float. Cost of a record of the class that is not alerted.
        unit: string. Unit of the target of a regression.
        error_columns: tuple of columns by whose values the errors of a regression are shown.
        baseline_predictions: dict of name to the column that holds a baseline's prediction, for the skill of a
            regression.
        anchors: tuple of `Anchor`.
        image: string. The container image of the step; empty where it runs in none.
        language: `"en"`, `"es"` or None. What the page starts with; None takes the reader's own.
    """

    problem: Problem
    label: str
    label_values: tuple[str, ...] = ()
    pipeline: str = ""
    task: str = ""
    is_synthetic: bool = False
    features: dict[str, FeatureKind] = {}
    excluded: dict[str, str] = {}
    slices: tuple[tuple[str, ...], ...] = ()
    min_slice_rows: int = 10
    fairness: tuple[str, ...] = ()
    thresholds: dict[str, Bounds] = {}
    change: Change | None = None
    seed: int = 42
    source: str = ""
    licence: str = ""
    alert_label: str = ""
    cost_false_positive: float = 1.0
    cost_false_negative: float = 1.0
    unit: str = ""
    error_columns: tuple[str, ...] = ()
    baseline_predictions: dict[str, str] = {}
    anchors: tuple[Anchor, ...] = ()
    card: ModelCard = ModelCard()
    image: str = ""
    language: Literal["en", "es"] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.problem is Problem.CLASSIFICATION and len(self.label_values) < 2:
            raise ValueError("label_values: expected at least two classes for a classification")
        if self.alert_label and self.alert_label not in self.label_values:
            raise ValueError(f"alert_label: expected one of {', '.join(self.label_values)}")
        return self

    @functools.cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics of the task."""
        task = PredictionTask(
            problem=self.problem,
            label=Label(name=self.label, values=self.label_values),
            features=self.features or {"_": FeatureKind.NUMERIC},
        )
        return task_metrics(task)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the raw examples by which records are grouped, each once."""
        slices = (column for columns in self.slices for column in columns)
        return tuple(dict.fromkeys([*slices, *self.fairness, *self.error_columns]))
