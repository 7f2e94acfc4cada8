"""The prediction task: what is predicted, from which features, and how its records are divided."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .features import FeatureKind, Problem
from .settings import Identifier, Settings


class Label(Settings):
    """The column to predict.

    Args:
        name: string.
        values: tuple of strings. For a classification the classes in the order of the scores.
        ordered: bool. Whether that order means something, such as grades from best to worst: metrics and families that
            know how far a class is from another are then available. Defaults to False.
        cut_of: string or None. A column of numbers that the classes are a cut of, such as the grade average behind a
            grade class. It is known with the label only and never an input; families that learn it and cut what they
            predict are then available. Defaults to None.
        cut_share: float in (0, 1) or None. The share of the training records, those with the lowest `cut_of`, that are
            of the first of two classes. Each fold of a cross-validation has the cut of its own training records, and
            its held-out records are judged by it. Defaults to None: the classes are those of the data.
        steps: int. For a forecast the number of values ahead, the length of the label's sequence. Defaults to 1.
        quantiles: tuple of floats in (0, 1), ascending. The quantiles that a regression or a forecast predicts; empty
            for one number a step.
    """

    name: Identifier
    values: tuple[str, ...] = ()
    ordered: bool = False
    cut_of: Identifier | None = None
    cut_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    steps: Annotated[int, Field(ge=1)] = 1
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError("quantiles: expected distinct numbers in ascending order")
        if len(set(self.values)) != len(self.values):
            raise ValueError("values: expected distinct classes")
        if self.ordered and len(self.values) < 3:
            raise ValueError("ordered: expected three classes or more, fewer have no order that matters")
        if self.cut_of == self.name:
            raise ValueError("cut_of: expected another column than the label's own")
        if self.cut_of is not None and len(self.values) > 2 and not self.ordered:
            raise ValueError("cut_of: expected `ordered: true` with it, for a cut of a number has an order")
        if self.cut_share is not None and (self.cut_of is None or len(self.values) != 2):
            raise ValueError("cut_share: expected `cut_of` and two classes in `values` with it")
        return self


class SplitSettings(Settings):
    """How records are divided, in every place that divides them: ingest, validation, folds, resampling.

    Args:
        method: string. `"hash"` goes by the hash of the whole record, `"group"` keeps all records of one value of `key`
            together, `"time"` takes the latest values of `key` for evaluation. `"hash"` with a `key` is `"group"`.
        key: string or None. A column of the schema.
        eval_share: float in (0, 1). The part of the records that goes to `eval`.
        eval_from: string or None. With the method `"time"` the time with which `eval` begins, ISO 8601, in place of
            `eval_share`. Defaults to None.
        gap: int or string. With the method `"time"` how many distinct times are left out between what is learned from
            and what it is judged on, before `eval`, before validation and around folds: as many as a window spans; or
            how far apart the two are, such as `"72h"` or `"7d"`, however many times that is. Defaults to 0.
        salt: string. Another salt gives another split.
    """

    method: Literal["hash", "group", "time"] = "hash"
    key: Identifier | None = None
    eval_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    eval_from: str | None = None
    gap: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[1-9]\d{0,5}[hd]$")] = 0
    salt: str = ""

    @model_validator(mode="before")
    @classmethod
    def _keyed_hash_is_group(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("key") is not None and given.get("method", "hash") == "hash":
            return given | {"method": "group"}
        return given

    @model_validator(mode="after")
    def _time_of_eval(self) -> Self:
        if self.eval_from is not None and self.method != "time":
            raise ValueError(f"eval_from: expected none with the method {self.method!r}")
        if self.gap and self.method != "time":
            raise ValueError(f"gap: expected 0 with the method {self.method!r}")
        if self.eval_from is not None and not _is_time(self.eval_from):
            raise ValueError(
                f"eval_from: expected an ISO 8601 time such as 2016-07-01T00:00+08:00, received {self.eval_from!r}"
            )
        return self

    @property
    def gap_times(self) -> int:
        """The gap as a number of times; 0 where it is in hours or days."""
        return self.gap if isinstance(self.gap, int) else 0

    @property
    def gap_us(self) -> int | None:
        """The gap in microseconds, the unit of times as a key; None where it is a number of times."""
        if isinstance(self.gap, int):
            return None
        return int(self.gap[:-1]) * (24 if self.gap[-1] == "d" else 1) * 3_600_000_000

    @model_validator(mode="after")
    def _key_where_needed(self) -> Self:
        if self.method != "hash" and self.key is None:
            raise ValueError(f"expected `key` to name a column for the method {self.method!r}")
        return self


def _is_time(text: str) -> bool:
    from .times import is_time  # Takes a quarter of a second.

    return is_time(text)


class PredictionTask(Settings):
    """What is predicted, from which features; the one description that Transform, Trainer, Evaluator and report share.

    Args:
        problem: `Problem`.
        label: `Label`.
        features: dict of input column to `FeatureKind`. Which of them are sequences, and how long, the schema says.
        split: `SplitSettings`.
        extensions: tuple of strings. Dotted paths of modules with a system's own families, metrics and page sections.
        code: string. The fingerprint of the code of those that bring families or metrics; with other code no result is
            taken from TFX's cache, and a search is another one. Defaults to none.
    """

    problem: Problem
    label: Label
    features: Annotated[dict[Identifier, FeatureKind], Field(min_length=1)]
    split: SplitSettings = SplitSettings()
    extensions: tuple[str, ...] = ()
    code: str = ""

    @property
    def prediction_key(self) -> str:
        """The output of a SavedModel that holds what the metrics are of."""
        if self.problem is Problem.CLASSIFICATION:
            return "scores"
        return "quantiles" if self.label.quantiles else "outputs"

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.label.name in self.features:
            raise ValueError(f"features: expected inputs only, received the label {self.label.name!r}")
        if self.label.cut_of in self.features:
            raise ValueError(f"features: expected no {self.label.cut_of!r}, for the label is a cut of it")
        if self.problem is not Problem.CLASSIFICATION and self.label.cut_of is not None:
            raise ValueError(f"label.cut_of: expected none, for a {self.problem} has no classes")
        if self.problem is Problem.CLASSIFICATION and len(self.label.values) < 2:
            raise ValueError("label.values: expected at least two classes for a classification")
        if self.problem is not Problem.CLASSIFICATION and self.label.values:
            raise ValueError(f"label.values: expected none, for a {self.problem} has no classes")
        if self.problem is not Problem.FORECAST and self.label.steps != 1:
            raise ValueError(f"label.steps: expected 1, for a {self.problem} predicts one value")
        if self.problem is Problem.CLASSIFICATION and self.label.quantiles:
            raise ValueError("label.quantiles: expected none, for a classification has no quantiles")
        return self
