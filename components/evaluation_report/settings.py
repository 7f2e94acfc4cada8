"""The settings of the report: what the page shows that no number does, and all that `EvaluationReport` is made with."""

import functools
from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import Field

from ...errors import ConfigurationError
from ..evaluator.metric import Metric, task_metrics
from ..evaluator.settings import EvaluationSettings
from ..prediction_task import PredictionTask
from ..settings import Settings, require_known
from ..text import Language, Text

Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_ON_SYNTHETIC_RECORDS = Text(
    en="Measured on real records; this run's are synthetic, so the two do not compare.",
    es="Medido con registros reales; los de esta ejecución son sintéticos, así que no se comparan.",
)


class Costs(Settings):
    """What a wrong alert and a missed one cost, in a unit of the user: where the page's threshold slider starts."""

    false_positive: Cost = 1.0
    false_negative: Cost = 1.0


class Anchor(Settings):
    """A published result that stands beside the model's own.

    Args:
        name: string.
        task: string or None. The task beside whose results it stands. Defaults to every task.
        metrics: dict of metric to value.
        records: string. What it was measured on.
        caveat: `Text`. Why it may not compare.
        source: string. Citation.
    """

    name: Annotated[str, Field(min_length=1)]
    task: str | None = None
    metrics: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(min_length=1)
    records: str = ""
    caveat: Text = Text()
    source: Annotated[str, Field(min_length=1)]


class Card(Settings):
    """The model card; `title` and `tasks` say in Spanish what fields of the configuration say in English."""

    title: Text = Text()
    tasks: dict[str, Text] = {}
    intended_use: Text = Text()
    limits: Text = Text()
    ethics: Text = Text()
    contact: str = ""


class ReportSettings(Settings):
    """What the evaluation page shows that no number does.

    Args:
        language: `"en"`, `"es"` or None. What the page starts with; None takes the reader's own.
        alert_label: string or None. The class that is acted upon. Defaults to the first of `label.values`.
        costs: `Costs`.
        unit: string. Unit of the target of a regression or forecast.
        error_columns: tuple of columns by whose values the errors of a regression or forecast are shown.
        baselines: dict of name to the column that holds what a baseline predicts, for the skill of a regression; of a
            forecast a sequence as long as the label.
        anchors: tuple of `Anchor`.
        card: `Card`.
    """

    language: Language | None = None
    alert_label: str | None = None
    costs: Costs = Costs()
    unit: str = ""
    error_columns: tuple[str, ...] = ()
    baselines: dict[str, str] = {}
    anchors: tuple[Anchor, ...] = ()
    card: Card = Card()

    def check(
        self,
        labels: Collection[str],
        has_numbers: bool,
        columns: Collection[str],
        metrics: Mapping[str, Collection[str]],
    ) -> None:
        """Checks the names in the section against the rest of the configuration.

        Args:
            labels: collection of strings. The classes; empty where numbers are predicted.
            has_numbers: bool. Whether a task predicts numbers.
            columns: collection of strings. Those that the records may have, inputs or not.
            metrics: mapping of each task to the names of its metrics.

        Raises:
            ValueError: if one is not known there.
        """
        if self.alert_label is not None:
            if not labels:
                raise ValueError("report.alert_label: expected none, for a regression has no classes")
            require_known("report.alert_label", self.alert_label, labels)
        for field, names in (("error_columns", self.error_columns), ("baselines", list(self.baselines.values()))):
            if names and not has_numbers:
                raise ValueError(f"report.{field}: expected none, for it is about the errors of a regression")
            for name in names:
                require_known(f"report.{field}", name, columns)
        for index, anchor in enumerate(self.anchors):
            if anchor.task is not None:
                require_known(f"report.anchors.{index}.task", anchor.task, metrics)
            known = [name for task, names in metrics.items() if anchor.task in (None, task) for name in names]
            for metric in anchor.metrics:
                require_known(f"report.anchors.{index}.metrics", metric, list(dict.fromkeys(known)))
        for task in self.card.tasks:
            require_known("report.card.tasks", task, metrics)


class ReportConfig(Settings):
    """All that a report is made with beside the artifacts.

    Args:
        task: `PredictionTask`.
        pipeline: string. Name of the pipeline.
        task_name: string.
        title: string. What the pipeline is for.
        description: string. What the task is.
        is_synthetic: bool. Whether the records are synthetic, so that no number is about real people.
        evaluation: `EvaluationSettings`, as the Evaluator has them.
        report: `ReportSettings`.
        excluded: dict of column that is no input to the reason.
        seed: int. Of resamples and shuffles.
        source: string. Of the records.
        licence: string. Of the records.
        image: string. The container image of the step; empty where it runs in none.
        profile_page: string. Path of the page of what the data held when the pipeline was made, which is copied beside
            the report; empty for none.
    """

    task: PredictionTask
    pipeline: str = ""
    task_name: str = ""
    title: str = ""
    description: str = ""
    is_synthetic: bool = False
    evaluation: EvaluationSettings = EvaluationSettings()
    report: ReportSettings = ReportSettings()
    excluded: dict[str, str] = {}
    seed: int = 42
    source: str = ""
    licence: str = ""
    image: str = ""
    profile_page: str = ""

    def check(self) -> None:
        """Checks the names against the task.

        Raises:
            ConfigurationError: if one does not fit.
        """
        self.evaluation.check(self.metrics)
        classes = self.task.label.values
        if self.report.alert_label is not None and classes and self.report.alert_label not in classes:
            raise ConfigurationError(
                f"Expected report.alert_label to be one of {', '.join(classes)}. Received: {self.report.alert_label!r}."
            )

    @functools.cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics of the task."""
        return task_metrics(self.task)

    @property
    def alert_label(self) -> str:
        """The class that is acted upon; empty where numbers are predicted."""
        classes = self.task.label.values
        return (self.report.alert_label or classes[0]) if classes else ""

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """The published results of the task, each with a caveat where this run's records are synthetic."""
        found = tuple(anchor for anchor in self.report.anchors if anchor.task in (None, self.task_name))
        if not self.is_synthetic:
            return found
        more = _ON_SYNTHETIC_RECORDS
        return tuple(
            anchor.model_copy(
                update={
                    "caveat": Text(
                        en=f"{more.en} {anchor.caveat.en}".strip(),
                        es=f"{more.es} {anchor.caveat.es or anchor.caveat.en}".strip(),
                    )
                }
            )
            for anchor in found
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the raw examples by which records are grouped, each once."""
        slices = (column for columns in self.evaluation.slices for column in columns)
        return tuple(dict.fromkeys([*slices, *self.evaluation.fairness, *self.report.error_columns]))
