"""One trial: the training of each inner fold, in this process or another."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ..cross_validator.folds import FoldTables, limit_operations_to_one_thread, needs_processes
from ..evaluator.metric import measure, task_metrics
from ..prediction_task import PredictionTask
from ..trainer.settings import TrainerSettings, Tuned
from ..trainer.train import predict_scores, to_predictions, train
from .race import is_hopeless
from .record import FoldResult, Status


@dataclasses.dataclass(frozen=True)
class TrialRequest:
    """A trial to run.

    Args:
        tuned: `Tuned`.
        best: tuple of floats. The objective of the best trial on each fold; empty where none is to be beaten.
        deadline: float or None. Seconds since the epoch after which no further fold begins.
    """

    tuned: Tuned
    best: tuple[float, ...] = ()
    deadline: float | None = None


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """The result of a trial; see `record.Trial`."""

    status: Status
    folds: tuple[FoldResult, ...]
    score: float | None
    seconds: float
    message: str = ""


@dataclasses.dataclass(frozen=True)
class TrialWork:
    """What every trial needs, here or in another process.

    Args:
        folder: path of the folder with the folds' tables, see `write_fold`.
        num_folds: int.
        task: `PredictionTask`.
        trainer: `TrainerSettings`. A trial's own stand over them.
        families: tuple of strings. Those that are searched in.
        objective: string. The metric.
        early_stop: float. See `TuneSettings`.
    """

    folder: Path
    num_folds: int
    task: PredictionTask
    trainer: TrainerSettings
    families: tuple[str, ...]
    objective: str
    early_stop: float

    def needs_processes(self) -> bool:
        """Returns whether trials must run in processes of their own; see `cross_validator.folds`."""
        trainers = [self.trainer.model_copy(update={"family": family}) for family in self.families]
        return any(needs_processes(self.task, trainer) for trainer in trainers)

    def prepare(self) -> None:
        """Prepares a new process for trials: each operation of TensorFlow gets one thread."""
        limit_operations_to_one_thread()

    def run(self, request: TrialRequest) -> TrialResult:
        """Trains on each fold, as far as it is worth it and the time allows.

        A trial that cannot be trained, be it on a later fold, has no score.
        """
        start, done, scores = time.perf_counter(), list[FoldResult](), list[float]()
        metrics = task_metrics(self.task)
        higher_is_better = metrics[self.objective].higher_is_better

        def result(status: Status, message: str = "") -> TrialResult:
            score = sum(scores) / len(scores) if scores and status != "failed" else None
            return TrialResult(status, tuple(done), score, round(time.perf_counter() - start, 3), message)

        trainer = request.tuned.apply(self.trainer)
        for number in range(1, self.num_folds + 1):
            if request.deadline is not None and time.time() > request.deadline:
                return result("out_of_time", "the time of the search was over")
            fold_start = time.perf_counter()
            tables = read_fold(self.folder, number)
            try:
                # As in a cross-validation: sums of several threads depend on their number.
                with threadpool_limits(limits=1):
                    trained = train(tables.train, self.task, trainer, is_validated=False)
                    predicted = predict_scores(trained.model, tables.unseen, len(tables.labels), self.task)
            except ValueError as error:
                # An error of ours, or of a library that does not take the values.
                return result("failed", str(error))
            measured = measure(metrics, tables.labels, to_predictions(predicted, self.task))
            seconds = round(time.perf_counter() - fold_start, 3)
            finite = {name: value if math.isfinite(value) else None for name, value in measured.items()}
            done.append(FoldResult(metrics=finite, seconds=seconds))
            if finite[self.objective] is None:
                return result("failed", f"{self.objective} has no value on fold {number}")
            scores.append(measured[self.objective])
            if request.best and is_hopeless(scores, request.best, self.num_folds, self.early_stop, higher_is_better):
                return result("stopped", f"worse than the best at the level {self.early_stop:g} after {number} folds")
        return result("completed")


def write_fold(folder: Path, number: int, tables: FoldTables) -> None:
    """Writes the tables of a fold for all processes."""
    joblib.dump(tables, _path(folder, number))


@functools.lru_cache(maxsize=64)
def read_fold(folder: Path, number: int) -> FoldTables:
    """Returns the tables of a fold, whose arrays stay in the file until they are used."""
    tables: Any = joblib.load(_path(folder, number), mmap_mode="c")
    found: FoldTables = tables
    return found


def _path(folder: Path, number: int) -> Path:
    return folder / f"fold-{number}.joblib"
