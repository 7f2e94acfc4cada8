"""The section `tasks` of a configuration: what is asked, and by what a model is judged."""

from typing import Any

from ...components.evaluator.settings import Bounds, Change
from ...components.features import Problem
from ...components.prediction_task import Label
from ...components.settings import Settings


class Task(Settings):
    """A prediction task: what is predicted, what is known then, and the bounds of a useful model.

    Args:
        description: string.
        problem: `Problem` or None. Defaults to the configuration's.
        label: `Label` or None. Defaults to the configuration's.
        exclude: dict of column name or pattern to the reason why it is no input.
        thresholds: dict of metric to `Bounds`.
        change: `Change` or None. Defaults to that of `evaluation`.
        family: string or None. The model family. Defaults to that of `model`.
        hyperparameters: dict of family name to hyperparameters that differ from those of `model`.
        objective: string or None. The metric that a search looks for. Defaults to that of `tune`.
    """

    description: str = ""
    problem: Problem | None = None
    label: Label | None = None
    exclude: dict[str, str] = {}
    thresholds: dict[str, Bounds] = {}
    change: Change | None = None
    family: str | None = None
    hyperparameters: dict[str, dict[str, Any]] = {}
    objective: str | None = None
