"""The section `report` of the configuration: what the evaluation page says that no number does."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ...components.settings import Settings, require_known

Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Words(Settings):
    """A text in the languages of the page; a plain string is English, which stands in for a Spanish one left out."""

    en: str = ""
    es: str = ""

    @model_validator(mode="before")
    @classmethod
    def _plain_is_english(cls, given: Any) -> Any:
        return {"en": given} if isinstance(given, str) else given


class Costs(Settings):
    """What a wrong alert and a missed one cost, in a unit of the user: where the page's threshold slider starts."""

    false_positive: Cost = 1.0
    false_negative: Cost = 1.0


class Anchor(Settings):
    """A published result to stand beside the model's own; without `task` it stands beside those of every task.

    `records` says what it was measured on, `caveat` why it may not compare.
    """

    name: Annotated[str, Field(min_length=1)]
    task: str | None = None
    metrics: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(min_length=1)
    records: str = ""
    caveat: Words = Words()
    source: Annotated[str, Field(min_length=1)]


class Card(Settings):
    """The model card in words; `title` and `tasks` say in Spanish what fields of the configuration say in English."""

    title: Words = Words()
    tasks: dict[str, Words] = Field(default_factory=dict)
    intended_use: Words = Words()
    limits: Words = Words()
    ethics: Words = Words()
    contact: str = ""


class ReportSettings(Settings):
    """What the evaluation page says that no number does.

    Args:
        language: `"en"`, `"es"` or None. What the page starts with; None takes the reader's own.
        alert_label: string or None. The class of which a record is alerted; None takes the first of `label.values`.
        costs: `Costs`.
        unit: string. Unit of a regression's target.
        error_columns: list of columns by whose values the errors of a regression are shown: horizon, hour, season.
        baselines: dict of name to the column that holds what a baseline predicts, for the skill of a regression.
        anchors: list of `Anchor`.
        card: `Card`.
    """

    language: Literal["en", "es"] | None = None
    alert_label: str | None = None
    costs: Costs = Costs()
    unit: str = ""
    error_columns: list[str] = Field(default_factory=list)
    baselines: dict[str, str] = Field(default_factory=dict)
    anchors: list[Anchor] = Field(default_factory=list)
    card: Card = Card()

    def check(
        self, labels: Collection[str], columns: Collection[str], metrics: Collection[str], tasks: Collection[str]
    ) -> None:
        """Checks the names in the section against the rest of the configuration.

        Args:
            labels: collection of strings. The classes; empty for a regression.
            columns: collection of strings. Those that the records may have, inputs or not.
            metrics: collection of strings. Those of the problem.
            tasks: collection of strings.

        Raises:
            ValueError: if one is not known there.
        """
        if self.alert_label is not None:
            if not labels:
                raise ValueError("report.alert_label: expected none, for a regression has no classes")
            require_known("report.alert_label", self.alert_label, labels)
        for field, names in (("error_columns", self.error_columns), ("baselines", list(self.baselines.values()))):
            if names and labels:
                raise ValueError(f"report.{field}: expected none, for it is about the errors of a regression")
            for name in names:
                require_known(f"report.{field}", name, columns)
        for index, anchor in enumerate(self.anchors):
            for metric in anchor.metrics:
                require_known(f"report.anchors.{index}.metrics", metric, metrics)
            if anchor.task is not None:
                require_known(f"report.anchors.{index}.task", anchor.task, tasks)
        for task in self.card.tasks:
            require_known("report.card.tasks", task, tasks)
