"""Cross-validation of a configuration, with the preprocessing and the trainer of the pipeline in each fold."""

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..components.cross_validator.folds import Fold, FoldWork, Records
from ..components.cross_validator.settings import MIN_FOLDS, FoldMethod
from ..components.cross_validator.workers import run_folds
from ..components.evaluator.metric import measure, task_metrics
from ..components.example_gen.ingest import IngestSummary, ingest
from ..components.example_gen.inputs import resolve_input
from ..components.example_gen.write import whole_or_absent
from ..components.examples import read_examples
from ..components.features import Problem
from ..components.nested_cross_validator.folds import NestedWork
from ..components.prediction_task import PredictionTask
from ..components.sequences import stored_schema
from ..components.trainer.settings import check_trainer
from ..components.trainer.target import Target
from ..components.trainer.train import to_predictions
from ..components.tuner.checks import check_search
from ..components.tuner.search import objective_of
from ..errors import UsageError
from ..files import scratch_folder
from ..schemas import parse_schema
from .columns import ingest_spec
from .config.pipeline_config import PipelineConfig

PREDICTIONS_FILE = "out_of_fold_predictions.csv"
METRICS_FILE = "cross_validation.json"


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """The result of a cross-validation.

    Args:
        pipeline: string. The configuration's name.
        task: string.
        family: string. As asked for.
        is_synthetic: bool. Whether the records are synthetic.
        method: string. `"stratified"`, `"shuffled"` (a regression), `"grouped"` or `"time"`.
        seed: int.
        folds: tuple of `Fold`.
        pooled: dict of metric name to its value on all out-of-fold predictions together.
        rows: dict with `read`, `kept` and `quarantined`.
        data_fingerprint: string.
        warnings: tuple of strings of the ingest.
        seconds: float. Ingest included.
        output_dir: path. Holds the predictions, this result as JSON, the quarantined records, and what a reader noted.
        objective: string or None. The metric that was searched for in each fold; None without a search.
        higher_is_better: bool or None. Which way is better of the objective.
    """

    pipeline: str
    task: str
    family: str
    is_synthetic: bool
    method: FoldMethod
    seed: int
    folds: tuple[Fold, ...]
    pooled: dict[str, float]
    rows: dict[str, int]
    data_fingerprint: str
    warnings: tuple[str, ...]
    seconds: float
    output_dir: Path
    objective: str | None = None
    higher_is_better: bool | None = None

    @property
    def is_optimistic(self) -> bool:
        """Whether the searches expected more of the objective than the held-out records show."""
        if self.inner_score is None or self.objective is None:
            return False
        lead = self.inner_score - self.mean[self.objective]
        return lead > 0 if self.higher_is_better else lead < 0

    @property
    def inner_score(self) -> float | None:
        """Mean over the folds of what their searches expected of the objective; None without a search."""
        scores = [fold.inner_score for fold in self.folds if fold.inner_score is not None]
        return float(np.mean(scores)) if scores else None

    @property
    def mean(self) -> dict[str, float]:
        """Mean of each metric over the folds."""
        return {name: float(np.mean([fold.metrics[name] for fold in self.folds])) for name in self.pooled}

    @property
    def deviation(self) -> dict[str, float]:
        """Sample standard deviation of each metric over the folds."""
        return {name: float(np.std([fold.metrics[name] for fold in self.folds], ddof=1)) for name in self.pooled}

    @property
    def predictions_path(self) -> Path:
        """CSV with the record's hash, fold, label and prediction of each record that was held out."""
        return self.output_dir / PREDICTIONS_FILE

    def to_json(self) -> dict[str, Any]:
        """Returns the result as JSON types; a metric that has no value is null."""
        document = dataclasses.asdict(self) | {"mean": self.mean, "deviation": self.deviation}
        document["inner_score"] = self.inner_score
        document["output_dir"] = str(self.output_dir)
        document["predictions"] = str(self.predictions_path)
        finite: dict[str, Any] = _without_nan(document)
        return finite


def cross_validate(
    config: PipelineConfig,
    schema_text: str,
    task: str,
    data_uri: str,
    family: str,
    folds: int,
    workdir: Path,
    on_fold: Callable[[Fold], None] | None = None,
    workers: int | None = None,
) -> CrossValidation:
    """Cross-validates a task of a configuration.

    The records of both splits are read once and put together, in an order that depends on their content alone. Nothing
    of a fold's held-out part is seen by its preprocessing, feature selection or training. Folds are those of
    `Splitter.folds`. With `tune.enabled` each fold has a search of its own on its training part: a nested
    cross-validation.

    Args:
        config: `PipelineConfig`.
        schema_text: string. The curated schema in text form.
        task: string. Name of a task of the configuration.
        data_uri: string. File, folder or pattern of the records.
        family: string. A model family or `"auto"`; one that is not the configuration's is what a search is in.
        folds: int. At least 2.
        workdir: path of the folder that gets the predictions, the metrics and the quarantined records, at the end only.
        on_fold: function. Called with each `Fold` when it is done. Defaults to None.
        workers: int or None. The number of folds at a time; see `run_folds`. Defaults to None, what is soonest.

    Raises:
        UsageError: if there are fewer than two folds.
        ConfigurationError: if the family is unknown or cannot do the task, or the pipeline trains by a function of its
            own.
        DataError: if the data cannot be read, has too few records for the folds, or `workdir` cannot be written.
        ModelError: if a model cannot be trained.
        RunError: if a process ends before its fold.
    """
    if folds < MIN_FOLDS:
        raise UsageError(f"Expected at least {MIN_FOLDS} folds. Received: {folds}.")
    start = time.perf_counter()
    schema = parse_schema(schema_text)
    prediction_task = config.prediction_task(task)
    settings = config.cross_validator(task, folds, family)
    view = config.for_task(task)
    tune = view.tune
    if tune.enabled:
        if family != view.model.family:
            tune = tune.model_copy(update={"families": ()})  # What is asked for is that family.
        check_search(prediction_task, settings.trainer, tune)
    else:
        settings.trainer.require_family()
        check_trainer(prediction_task, settings.trainer)
    with whole_or_absent(Path(workdir)):
        pass  # A folder that cannot be written is found out before the work, not after it.
    with scratch_folder() as scratch:
        summary = ingest(
            resolve_input(data_uri),
            ingest_spec(schema, config, task),
            scratch / "examples",
            scratch / "quarantine",
        )
        # Of out-of-fold predictions each split has all records.
        splits = "Split-eval" if config.evaluation.is_out_of_fold else "Split-*"
        files = sorted((scratch / "examples").glob(f"{splits}/*"))
        examples = [example for batch in read_examples(files) for example in batch]
        records = Records.of(examples, stored_schema(schema))
        work = FoldWork(records.examples, records.schema, settings, scratch)
        if tune.enabled:
            work = NestedWork(records.examples, records.schema, settings, scratch, tune)
        held_out = []
        for part in run_folds(work, records.folds(prediction_task, folds, settings.trainer.seed), workers):
            held_out.append(part)
            if on_fold:
                on_fold(part.fold)
        rows, labels, scores = (
            np.concatenate([getattr(part, name) for part in held_out]) for name in ("rows", "labels", "scores")
        )
        results = tuple(part.fold for part in held_out)
        objective = objective_of(config.tuner(task)) if config.tune.enabled else None
        result = CrossValidation(
            pipeline=config.name,
            task=task,
            family=family,
            is_synthetic=config.is_synthetic,
            method=settings.method,
            seed=settings.trainer.seed,
            folds=results,
            pooled=measure(task_metrics(prediction_task), labels, to_predictions(scores, prediction_task)),
            rows=_row_counts(summary),
            data_fingerprint=summary.data_fingerprint,
            warnings=tuple(summary.warnings),
            seconds=round(time.perf_counter() - start, 3),
            output_dir=Path(workdir),
            objective=objective.name if objective else None,
            higher_is_better=objective.higher_is_better if objective else None,
        )
        numbers = np.repeat([fold.number for fold in results], [fold.num_held_out for fold in results])
        out_of_fold = _prediction_table(records.hashes[rows], numbers, labels, scores, prediction_task)
        with whole_or_absent(Path(workdir)) as draft:
            out_of_fold.iloc[np.argsort(rows, kind="stable")].to_csv(draft / PREDICTIONS_FILE, index=False)
            (draft / METRICS_FILE).write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
            shutil.copytree(scratch / "quarantine", draft, dirs_exist_ok=True)
    return result


def _prediction_table(
    hashes: NDArray[np.uint64],
    folds: NDArray[np.int64],
    labels: NDArray[Any],
    scores: NDArray[np.float32],
    task: PredictionTask,
) -> pd.DataFrame:
    columns: dict[str, Any] = {"record": [f"{value:016x}" for value in hashes], "fold": folds}
    if task.problem is Problem.CLASSIFICATION:
        values = np.array(task.label.values, dtype=object)
        columns |= {"label": values[labels], "predicted": values[scores.argmax(axis=1)]}
        columns |= {f"score_{value}": scores[:, k] for k, value in enumerate(values)}
        return pd.DataFrame(columns)
    target = Target.of(task)
    truths = labels.reshape(len(labels), -1)
    predictions = scores.reshape(len(scores), truths.shape[1], -1)
    names = [f"quantile_{level:g}" for level in target.quantiles] or ["predicted"]
    for step in range(truths.shape[1]):
        suffix = "" if target.steps is None else f"[{step}]"
        columns[f"label{suffix}"] = truths[:, step]
        columns |= {f"{name}{suffix}": predictions[:, step, place] for place, name in enumerate(names)}
    return pd.DataFrame(columns)


def _row_counts(summary: IngestSummary) -> dict[str, int]:
    return {"read": summary.rows_read, "kept": summary.rows_kept, "quarantined": summary.rows_quarantined}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
