"""What a search leaves: each trial with its parameters, its folds' metrics, its seconds and its outcome.

The artifact `tuner_results` holds

- `search.json`: a `Search`, all of it; `schemas/search/search.schema.json` describes it;
- `tuned.yaml`: a `Tuned`, what the best trial had, to keep beside a configuration (`tuned: {<task>: tuned.yaml}`);
- `tuner_results.json`: what TFX's own Tuner writes there, a row a trial.

While a search runs it appends a line a trial to `trials.jsonl`, from which a later one goes on: see `TrialLog`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from ...errors import DataError
from ...files import write_atomically
from ..settings import Settings
from ..trainer.settings import Tuned
from .settings import Choices, OracleName, Range

SEARCH_FILE, TUNED_FILE, RESULTS_FILE = "search.json", "tuned.yaml", "tuner_results.json"
FORMAT: Literal[1] = 1

Status = Literal["completed", "stopped", "out_of_time", "failed"]
"""`completed`: all folds; `stopped`: early, as hopeless; `out_of_time`: the budget ended it; `failed`: no model."""

Source = Literal["configuration", "random", "bayesian", "hyperband"]


class FoldResult(Settings):
    """One inner fold of a trial.

    Args:
        metrics: dict of metric name to its value on the held-out part; null where it does not exist.
        seconds: float.
    """

    metrics: dict[str, float | None]
    seconds: float


class Trial(Settings):
    """One choice of family, hyperparameters and options, and the result of its folds.

    Args:
        number: int. From 1 on, in the order of the proposals.
        source: string. What proposed it: `"configuration"` is the configuration as it is, `"random"` also the first
            ones of the oracle `bayesian`.
        family: string.
        hyperparameters: dict. All of the family's, also those that are not searched.
        training: dict. The settings of the Trainer that are searched; empty where none is.
        rounds_share: float in (0, 1]. With hyperband the share of the configured rounds that it was trained for.
        status: string. See `Status`.
        folds: tuple of `FoldResult`. As far as it got, in the order of the folds.
        score: float or None. The mean of the objective over these folds; None without any, and of a trial that failed.
        seconds: float. Of its own work.
        ended_seconds: float. Seconds of the search when it ended, those of earlier parts that were killed included.
        message: string. Why it was stopped or failed; else empty.
    """

    number: int
    source: Source
    family: str
    hyperparameters: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)
    rounds_share: float = 1.0
    status: Status
    folds: tuple[FoldResult, ...] = ()
    score: float | None = None
    seconds: float = 0.0
    ended_seconds: float = 0.0
    message: str = ""

    @property
    def tuned(self) -> Tuned:
        """What the Trainer takes of it."""
        return Tuned(family=self.family, hyperparameters=self.hyperparameters, **self.training)

    def scores(self, objective: str) -> tuple[float, ...]:
        """Returns the values of a metric on the folds of a completed trial."""
        return tuple(float(value) for fold in self.folds if (value := fold.metrics[objective]) is not None)


class Search(Settings):
    """A search that has ended.

    Args:
        format: int. 1; a reader of another number cannot read it.
        objective: string. The metric.
        higher_is_better: bool. Of the objective.
        oracle: string.
        seed: int.
        method: string. How inner folds are divided: `"stratified"`, `"shuffled"`, `"grouped"` or `"time"`.
        num_folds: int. The inner folds of a trial that is completed.
        num_records: int. The training records that all of it was done on; no other was seen.
        spaces: dict of family to `{hyperparameter: Range or Choices}`, those that were searched in.
        training: dict of option to `Range` or `Choices`.
        left_out: tuple of strings. Families that the settings name and that cannot do the task.
        max_trials: int. The budget.
        max_minutes: float or None. The budget.
        early_stop: float. The level of significance at which a trial is stopped; 0 stops none.
        keep_level: float. The level of significance at which the best trial must lead the configuration to be taken.
        best: int. The number of the best completed trial.
        configured: int or None. The number of the trial that is the configuration as it is; where it names no family
            that was searched in, the best of those that have a family as configured. None where none was completed.
        p_value: float or None. Of the lead of the best over the configured trial; None where they are one.
        taken: int. The number of the trial that the Trainer takes: the best, or the configured one that it does not
            lead at `keep_level`.
        seconds: float. Of the whole search, earlier parts that were killed included.
        num_resumed: int. Trials that were done before the last start of this search.
        versions: dict of package to version.
        trials: tuple of `Trial`, in the order of their numbers.
    """

    format: Literal[1] = FORMAT
    objective: str
    higher_is_better: bool
    oracle: OracleName
    seed: int
    method: Literal["stratified", "shuffled", "grouped", "time"]
    num_folds: int
    num_records: int
    spaces: dict[str, dict[str, Range | Choices]]
    training: dict[str, Range | Choices] = Field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    max_trials: int
    max_minutes: float | None
    early_stop: float
    keep_level: float
    best: int
    configured: int | None
    p_value: float | None
    taken: int
    seconds: float
    num_resumed: int = 0
    versions: dict[str, str] = Field(default_factory=dict)
    trials: tuple[Trial, ...] = Field(min_length=1)

    @property
    def best_trial(self) -> Trial:
        """The best completed trial."""
        return self._numbered(self.best)

    @property
    def configured_trial(self) -> Trial | None:
        """The configuration as it is."""
        return None if self.configured is None else self._numbered(self.configured)

    @property
    def taken_trial(self) -> Trial:
        """The trial that the Trainer takes."""
        return self._numbered(self.taken)

    @property
    def is_kept(self) -> bool:
        """Whether the configuration is taken though another trial was better."""
        return self.taken != self.best

    def write(self, folder: Path) -> None:
        """Writes `search.json`, `tuned.yaml` and TFX's `tuner_results.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            {"trial_id": str(trial.number), "score": trial.score, "family": trial.family}
            | trial.hyperparameters
            | trial.training
            for trial in self.trials
        ]
        write_atomically(folder / SEARCH_FILE, self.model_dump_json(indent=1) + "\n")
        write_atomically(folder / RESULTS_FILE, json.dumps(rows))
        write_atomically(folder / TUNED_FILE, self._tuned_text())

    def _numbered(self, number: int) -> Trial:
        return next(trial for trial in self.trials if trial.number == number)

    def _tuned_text(self) -> str:
        taken, best, configured = self.taken_trial, self.best_trial, self.configured_trial
        beside = ""
        if self.is_kept:
            beside = (
                f", the configuration; trial {best.number} had {best.score:.4f}, within noise (p {self.p_value:.2g})"
            )
        elif configured is not None:
            beside = f", {configured.score:.4f} as configured"
        return (
            f"# Trial {taken.number} of {len(self.trials)}: {self.objective} {taken.score:.4f}{beside}.\n"
            f"# Means of {self.num_folds} inner folds. "
            "A best of many is an optimistic estimate; the evaluation of the model is the honest one.\n"
            "# Beside the configuration it is taken by `tuned: {<task>: <this file>}`.\n"
            + yaml.safe_dump(taken.tuned.model_dump(mode="json", exclude_unset=True), sort_keys=False)
        )


def read_search(folder: Path) -> Search:
    """Reads a search from the folder of the artifact.

    Raises:
        DataError: if there is none, or it is of another format.
    """
    path = folder / SEARCH_FILE
    try:
        return Search.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"Expected the record of a search at {path}. Received: {error.strerror}.") from None
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in one["loc"]) for one in error.errors()[:3])
        raise DataError(
            f"Expected {path} to hold a search of the format {FORMAT}. Received: another {fields or 'document'}. "
            "Search again with this version."
        ) from None


def best_of(trials: Sequence[Trial], higher_is_better: bool) -> Trial | None:
    """Returns the trial with the best score, the first of equal ones; None of none."""
    scored = [trial for trial in trials if trial.score is not None and math.isfinite(trial.score)]
    sign = 1 if higher_is_better else -1
    return max(scored, key=lambda trial: (sign * trial.score, -trial.number), default=None)  # type: ignore[operator]
