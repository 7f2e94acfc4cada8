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
from ..components.feature_selection.records import decode_records, hash_records, sample_records
from ..components.feature_selection.select import reduce_schema, select_features
from ..components.features import Problem
from ..components.splitter import Splitter
from ..components.trainer.config import TrainerConfig
from ..components.trainer.table import make_table
from ..components.trainer.train import train
from ..components.transform.analyze import analyze, transform_arrays
from ..errors import UsageError
from ..schemas import parse_schema
from .columns import ingest_spec
from .config.model_settings import Family
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
    family: Family,
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
        UsageError: if there are fewer than two folds.
        DataError: if the data cannot be read, has too few records for the folds, or `workdir` cannot be written.
        ModelError: if a model cannot be trained.
    """
    if folds < MIN_FOLDS:
        raise UsageError(f"Expected at least {MIN_FOLDS} folds. Received: {folds}.")
    start = time.perf_counter()
    schema = parse_schema(schema_text)
    with whole_or_absent(Path(workdir)):
        pass  # A folder that cannot be written is found out before the work, not after it.
    with tempfile.TemporaryDirectory(prefix="yachay-evaluate-") as scratch:
        summary = ingest(
            resolve_input(data_uri),
            ingest_spec(schema, config),
            Path(scratch, "examples"),
            Path(scratch, "quarantine"),
        )
        files = sorted(Path(scratch, "examples").glob("Split-*/*"))
        records = _Records.read([example for batch in read_examples(files) for example in batch], schema)
        predictions, results = [], []
        for number, (train_rows, held_out) in enumerate(_split_folds(records.table, config, folds), start=1):
            fold, labels, scores = _run_fold(number, records, train_rows, held_out, config, task, family, Path(scratch))
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
            method=_fold_method(config),
            seed=config.model.seed,
            folds=tuple(results),
            pooled=_metrics(labels, scores, config),
            rows=_row_counts(summary),
            data_fingerprint=summary.data_fingerprint,
            warnings=tuple(summary.warnings),
            seconds=round(time.perf_counter() - start, 3),
            output_dir=Path(workdir),
        )
        numbers = np.repeat([fold.number for fold in results], [fold.num_held_out for fold in results])
        out_of_fold = _prediction_table(records.hashes[rows], numbers, labels, scores, config)
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


def _fold_method(config: PipelineConfig) -> str:
    if config.split.method == "hash":
        return "stratified" if config.problem is Problem.CLASSIFICATION else "shuffled"
    return {"group": "grouped", "time": "time"}[config.split.method]


def _split_folds(
    table: pd.DataFrame, config: PipelineConfig, num_folds: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    labels, classes = pd.factorize(table[config.label.name], sort=True)
    is_classification = config.problem is Problem.CLASSIFICATION
    return Splitter(config.split).folds(
        pd.factorize(table[config.split.key], sort=True)[0] if config.split.key else None,
        labels if is_classification else table[config.label.name].to_numpy(np.float64),
        num_folds,
        config.model.seed,
        classes.tolist() if is_classification else None,
    )


def _run_fold(
    number: int,
    records: _Records,
    train_rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    config: PipelineConfig,
    task: str,
    family: Family,
    scratch: Path,
) -> tuple[Fold, NDArray[Any], NDArray[np.float32]]:
    """Returns the fold, and the labels `(N,)` and scores `(N, K)` of the rows held out."""
    start = time.perf_counter()
    features = config.task_features(task)
    train_examples = records.examples[train_rows].tolist()
    schema = _selected_schema(train_examples, records.schema, config, list(features))
    modelling = {
        "features": {name: kind.value for name, kind in features.items()},
        "label": config.label.name,
        "label_values": config.label.values,
        "problem": config.problem.value,
    }
    transform_output = analyze(train_examples, schema, modelling, scratch / f"transform-{number}")
    arrays = transform_arrays(transform_output, records.examples.tolist())
    trainer_config = TrainerConfig.from_custom_config(
        {
            **modelling,
            "family": family,
            "seed": config.model.seed,
            "validation_share": config.model.validation_share,
            "hyperparameters": config.model.hyperparameters,
        }
    )
    table = make_table(transform_output, _take(arrays, train_rows), trainer_config)
    trained = train(table, trainer_config)
    unseen = _take(arrays, held_out)
    labels, scores = unseen[config.label.name], trained.model.predict(unseen)
    fold = Fold(
        number=number,
        num_train=len(train_rows),
        num_held_out=len(held_out),
        family=trained.family,
        features=tuple(column.name for column in table.columns),
        metrics=_metrics(labels, scores, config),
        seconds=round(time.perf_counter() - start, 3),
    )
    return fold, labels, scores


def _selected_schema(
    examples: list[bytes], schema: schema_pb2.Schema, config: PipelineConfig, features: list[str]
) -> schema_pb2.Schema:
    if not config.feature_selection.enabled:
        return schema
    selection = select_features(
        sample_records([examples], schema, [*features, config.label.name]),
        features=features,
        label=config.label.name,
        label_values=config.label.values,
        problem=config.problem,
        threshold=config.feature_selection.threshold,
        num_folds=config.feature_selection.folds,
        seed=config.model.seed,
    )
    return reduce_schema(schema, set(features) - set(selection.selected))


def _metrics(labels: NDArray[Any], scores: NDArray[np.float32], config: PipelineConfig) -> dict[str, float]:
    metrics = task_metrics(config.prediction_task(config.default_task))
    return measure(metrics, labels, scores if config.problem is Problem.CLASSIFICATION else scores[:, 0])


def _prediction_table(
    hashes: NDArray[np.uint64],
    folds: NDArray[np.int64],
    labels: NDArray[Any],
    scores: NDArray[np.float32],
    config: PipelineConfig,
) -> pd.DataFrame:
    columns: dict[str, Any] = {"record": [f"{value:016x}" for value in hashes], "fold": folds}
    if config.problem is Problem.CLASSIFICATION:
        values = np.array(config.label.values, dtype=object)
        columns |= {"label": values[labels], "predicted": values[scores.argmax(axis=1)]}
        columns |= {f"score_{value}": scores[:, k] for k, value in enumerate(values)}
    else:
        columns |= {"label": labels, "predicted": scores[:, 0]}
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
