"""Cross-validation of a configuration, with the preprocessing and the trainer of the pipeline in each fold."""

import dataclasses
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ..components.evaluator.metric import measure, task_metrics
from ..components.example_gen.ingest import IngestSummary, ingest
from ..components.example_gen.inputs import resolve_input
from ..components.example_gen.quarantine import QUARANTINE_FILE
from ..components.example_gen.write import whole_or_absent
from ..components.examples import read_examples
from ..components.feature_selection.records import (
    columns_of,
    decode_records,
    hash_records,
    sample_records,
    split_keys,
)
from ..components.feature_selection.select import reduce_schema, select_features, selection_columns, unselected
from ..components.feature_selection.settings import FeatureSelectionSettings
from ..components.features import Problem
from ..components.prediction_task import PredictionTask
from ..components.sequences import stored_schema
from ..components.splitter import Splitter
from ..components.trainer.settings import TrainerSettings, check_trainer
from ..components.trainer.table import make_table
from ..components.trainer.target import Target
from ..components.trainer.train import predict_scores, to_predictions, train
from ..components.transform.analyze import analyze, transform_arrays
from ..components.transform.settings import TransformConfig
from ..errors import UsageError
from ..schemas import parse_schema
from .columns import ingest_spec
from .config.pipeline_config import PipelineConfig

PREDICTIONS_FILE = "out_of_fold_predictions.csv"
METRICS_FILE = "cross_validation.json"
MIN_FOLDS = 2


@dataclasses.dataclass(frozen=True)
class Fold:
    """What came of one fold.

    Args:
        number: int. From 1 on.
        num_train: int. Records that the preprocessing and the model saw.
        num_held_out: int. Records on which the metrics are.
        family: string. The model family; with `"auto"` the one that was best on a validation part of the training part.
        features: tuple of strings. The inputs of the model; fewer than the task's with feature selection.
        metrics: dict of metric name to value.
        seconds: float.
    """

    number: int
    num_train: int
    num_held_out: int
    family: str
    features: tuple[str, ...]
    metrics: dict[str, float]
    seconds: float


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """What came of a cross-validation.

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
        output_dir: path. Holds the predictions, this result as JSON and the quarantined records.
    """

    pipeline: str
    task: str
    family: str
    is_synthetic: bool
    method: str
    seed: int
    folds: tuple[Fold, ...]
    pooled: dict[str, float]
    rows: dict[str, int]
    data_fingerprint: str
    warnings: tuple[str, ...]
    seconds: float
    output_dir: Path

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
) -> CrossValidation:
    """Cross-validates a task of a configuration.

    The records of both splits are read once and put together, in an order that depends on their content alone. Nothing
    of a fold's held-out part is seen by its preprocessing, feature selection or training. Folds are those of
    `Splitter.folds`.

    Args:
        config: `PipelineConfig`.
        schema_text: string. The curated schema in text form.
        task: string. Name of a task of the configuration.
        data_uri: string. File, folder or pattern of the records.
        family: string. A model family or `"auto"`.
        folds: int. At least 2.
        workdir: path of the folder that gets the predictions, the metrics and the quarantined records, at the end only.
        on_fold: function. Called with each `Fold` when it is done. Defaults to None.

    Raises:
        UsageError: if there are fewer than two folds, or the pipeline trains by a function of its own.
        ConfigurationError: if the family is unknown or cannot do the task.
        DataError: if the data cannot be read, has too few records for the folds, or `workdir` cannot be written.
        ModelError: if a model cannot be trained.
    """
    if folds < MIN_FOLDS:
        raise UsageError(f"Expected at least {MIN_FOLDS} folds. Received: {folds}.")
    start = time.perf_counter()
    schema = parse_schema(schema_text)
    prediction_task = config.prediction_task(task)
    settings = config.model.model_copy(update={"family": family})
    if settings.run_fn is not None:
        raise UsageError(
            f"Expected a pipeline whose model is of a family. Received: one with its own `model.run_fn` "
            f"{settings.run_fn!r}. Make a family of it in the system's model.py, or set `model.run_fn` to null."
        )
    check_trainer(prediction_task, settings)
    with whole_or_absent(Path(workdir)):
        pass  # A folder that cannot be written is found out before the work, not after it.
    with tempfile.TemporaryDirectory(prefix="yachay-evaluate-") as scratch:
        summary = ingest(
            resolve_input(data_uri),
            ingest_spec(schema, config, task),
            Path(scratch, "examples"),
            Path(scratch, "quarantine"),
        )
        files = sorted(Path(scratch, "examples").glob("Split-*/*"))
        examples = [example for batch in read_examples(files) for example in batch]
        records = _Records.read(examples, stored_schema(schema))
        divided = _split_folds(records.table, prediction_task, folds, settings.seed)
        predictions, results = [], []
        for number, (train_rows, held_out) in enumerate(divided, start=1):
            fold, labels, scores = _run_fold(
                number, records, train_rows, held_out, prediction_task, config, settings, Path(scratch)
            )
            predictions.append((held_out, labels, scores))
            results.append(fold)
            if on_fold:
                on_fold(fold)
        rows, labels, scores = (np.concatenate(parts) for parts in zip(*predictions, strict=True))
        result = CrossValidation(
            pipeline=config.name,
            task=task,
            family=family,
            is_synthetic=config.is_synthetic,
            method=_fold_method(prediction_task),
            seed=settings.seed,
            folds=tuple(results),
            pooled=measure(task_metrics(prediction_task), labels, to_predictions(scores, prediction_task)),
            rows=_row_counts(summary),
            data_fingerprint=summary.data_fingerprint,
            warnings=tuple(summary.warnings),
            seconds=round(time.perf_counter() - start, 3),
            output_dir=Path(workdir),
        )
        numbers = np.repeat([fold.number for fold in results], [fold.num_held_out for fold in results])
        out_of_fold = _prediction_table(records.hashes[rows], numbers, labels, scores, prediction_task)
        with whole_or_absent(Path(workdir)) as draft:
            out_of_fold.iloc[np.argsort(rows, kind="stable")].to_csv(draft / PREDICTIONS_FILE, index=False)
            (draft / METRICS_FILE).write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
            shutil.copyfile(Path(scratch, "quarantine", QUARANTINE_FILE), draft / QUARANTINE_FILE)
    return result


@dataclasses.dataclass(frozen=True)
class _Records:
    """The records in canonical order: serialized, as a table, and the hash of each."""

    examples: NDArray[np.object_]
    table: pd.DataFrame
    hashes: NDArray[np.uint64]
    schema: schema_pb2.Schema

    @classmethod
    def read(cls, examples: Sequence[bytes], schema: schema_pb2.Schema) -> "_Records":
        table = decode_records(examples, schema)
        hashes = hash_records(table)
        order = np.argsort(hashes, kind="stable")
        serialized = np.array(examples, dtype=object)[order]
        return cls(serialized, table.iloc[order].reset_index(drop=True), hashes[order], schema)


def _fold_method(task: PredictionTask) -> str:
    if task.split.method == "hash":
        return "stratified" if task.problem is Problem.CLASSIFICATION else "shuffled"
    return {"group": "grouped", "time": "time"}[task.split.method]


def _split_folds(
    table: pd.DataFrame, task: PredictionTask, num_folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    keys = split_keys(table, task.split)
    if task.problem is not Problem.CLASSIFICATION:
        labels = table[columns_of(table, task.label.name)].to_numpy(np.float64)
        return Splitter(task.split).folds(keys, labels, num_folds, seed)
    codes, classes = pd.factorize(table[task.label.name], sort=True)
    return Splitter(task.split).folds(keys, codes, num_folds, seed, [str(value) for value in classes])


def _run_fold(
    number: int,
    records: _Records,
    train_rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    task: PredictionTask,
    config: PipelineConfig,
    settings: TrainerSettings,
    scratch: Path,
) -> tuple[Fold, NDArray[Any], NDArray[np.float32]]:
    """Returns the fold, and the labels and the scores of the rows held out."""
    start = time.perf_counter()
    train_examples = records.examples[train_rows].tolist()
    schema = _selected_schema(train_examples, records.schema, task, config.feature_selection, settings.seed)
    transform_output = analyze(
        train_examples, schema, TransformConfig(task=task, settings=config.transform), scratch / f"transform-{number}"
    )
    arrays = transform_arrays(transform_output, records.examples.tolist())
    table = make_table(transform_output, _take(arrays, train_rows), task)
    trained = train(table, task, settings, is_validated=False)
    unseen = _take(arrays, held_out)
    labels, scores = unseen[task.label.name], predict_scores(trained.model, unseen, len(held_out), task)
    fold = Fold(
        number=number,
        num_train=len(train_rows),
        num_held_out=len(held_out),
        family=trained.family,
        features=tuple(column.name for column in table.columns),
        metrics=measure(task_metrics(task), labels, to_predictions(scores, task)),
        seconds=round(time.perf_counter() - start, 3),
    )
    return fold, labels, scores


def _selected_schema(
    examples: list[bytes],
    schema: schema_pb2.Schema,
    task: PredictionTask,
    settings: FeatureSelectionSettings,
    seed: int,
) -> schema_pb2.Schema:
    if not settings.enabled:
        return schema
    sample = sample_records([examples], schema, selection_columns(task))
    return reduce_schema(schema, unselected(task, select_features(sample, task, settings, seed)))


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


def _take(arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {name: values[rows] for name, values in arrays.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
