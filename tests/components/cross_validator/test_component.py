from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from pyarrow import parquet
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.types import artifact_utils, standard_artifacts

from yachay.components.cross_validator.component import CrossValidator
from yachay.components.cross_validator.executor import Executor
from yachay.components.cross_validator.folds import FoldWork
from yachay.components.cross_validator.settings import CrossValidatorConfig
from yachay.components.evaluation_report.analysis.predictions import predict
from yachay.components.evaluator import executor as evaluator
from yachay.components.evaluator.artifacts import OutOfFoldPredictions
from yachay.components.evaluator.component import Evaluator
from yachay.components.evaluator.evaluation import read_evaluation
from yachay.components.evaluator.predictions_file import read_predictions
from yachay.components.evaluator.settings import Bounds, EvaluationSettings
from yachay.components.prediction_task import PredictionTask
from yachay.errors import ConfigurationError, DataError

pytestmark = pytest.mark.integration

FIXED = "presence { min_fraction: 1 } shape { dim { size: 1 } }"
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} {FIXED} }} '
    for name, kind in {"x": "FLOAT", "group": "BYTES", "label": "BYTES", "y": "FLOAT"}.items()
)
NUM_GROUPS, NUM_RECORDS = 12, 240


def task(problem: str = "classification", **split: Any) -> PredictionTask:
    label = {"name": "label", "values": ["no", "yes"]} if problem == "classification" else {"name": "y"}
    given = {"problem": problem, "label": label, "features": {"x": "numeric"}}
    return PredictionTask.model_validate(given | {"split": {"method": "group", "key": "group", **split}})


def config(problem: str = "classification", **fields: Any) -> CrossValidatorConfig:
    return CrossValidatorConfig.model_validate(
        {"task": task(problem), "trainer": {"family": "linear"}, "folds": 3, **fields}
    )


def write_examples(folder: Path, num_files: int = 2) -> list[dict[str, Any]]:
    """Writes records whose label depends on `x`, and returns them in the order of the files."""
    random = np.random.default_rng(4)
    folder.joinpath("Split-eval").mkdir(parents=True)
    records = []
    for file in range(num_files):
        with tf.io.TFRecordWriter(str(folder / "Split-eval" / f"data-{file}.gz"), "GZIP") as writer:
            for _ in range(NUM_RECORDS // num_files):
                x = float(np.float32(random.normal()))
                record = {"x": x, "group": f"g{random.integers(NUM_GROUPS)}", "label": "yes" if x > 0 else "no"}
                record["y"] = 3 * x
                example = tf.train.Example()
                for name, value in record.items():
                    feature = example.features.feature[name]
                    if isinstance(value, str):
                        feature.bytes_list.value.append(value.encode())
                    else:
                        feature.float_list.value.append(value)
                writer.write(example.SerializeToString())
                records.append(record)
    return records


def artifact(kind: type[types.Artifact], folder: Path) -> types.Artifact:
    made = kind()
    made.uri = str(folder)
    return made


def run(root: Path, given: CrossValidatorConfig) -> tuple[types.Artifact, types.Artifact, list[dict[str, Any]]]:
    records = write_examples(root / "examples")
    examples = artifact(standard_artifacts.Examples, root / "examples")
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    schema = artifact(standard_artifacts.Schema, root / "schema")
    Path(schema.uri).mkdir()
    Path(schema.uri, "schema.pbtxt").write_text(SCHEMA)
    predictions = artifact(OutOfFoldPredictions, root / "predictions")
    node = CrossValidator(types.Channel(standard_artifacts.Examples), types.Channel(standard_artifacts.Schema), given)
    Executor().Do({"examples": [examples], "schema": [schema]}, {"predictions": [predictions]}, node.exec_properties)
    return examples, predictions, records


def evaluate(root: Path, examples: types.Artifact, predictions: types.Artifact, of: PredictionTask) -> Path:
    settings = EvaluationSettings(
        method="out_of_fold", slices=(("group",),), thresholds={"accuracy": Bounds(lower=0.9)}
    )
    evaluation = artifact(standard_artifacts.ModelEvaluation, root / "evaluation")
    blessing = artifact(standard_artifacts.ModelBlessing, root / "blessing")
    # Nothing is read of the model: there is none.
    evaluator.Executor().Do(
        {
            "examples": [examples],
            "model": [artifact(standard_artifacts.Model, root / "model")],
            "predictions": [predictions],
        },
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"task": of.to_property(), "settings": settings.to_property(), "engine": "auto", "version": "1"},
    )
    assert (root / "blessing" / "BLESSED").exists()
    return Path(evaluation.uri)


def test_each_record_is_predicted_by_a_model_that_has_not_seen_its_group(tmp_path: Path) -> None:
    _, predictions, records = run(tmp_path, config())

    table = parquet.read_table(Path(predictions.uri, "out_of_fold.parquet")).to_pandas()

    assert len(table) == NUM_RECORDS
    folds: dict[str, set[int]] = {}
    for fold, record in zip(table["fold"], records, strict=True):
        folds.setdefault(record["group"], set()).add(fold)
    assert all(len(held_out) == 1 for held_out in folds.values())
    assert set.union(*folds.values()) == {1, 2, 3}
    right = [scores[1] > 0.5 for scores in table["scores"]]
    assert np.mean([one == (record["label"] == "yes") for one, record in zip(right, records, strict=True)]) > 0.95


def test_the_evaluator_judges_and_keeps_the_out_of_fold_predictions_and_the_report_reads_them(tmp_path: Path) -> None:
    examples, predictions, records = run(tmp_path, config())

    folder = evaluate(tmp_path, examples, predictions, task())

    evaluation, kept = read_evaluation(folder), read_predictions(folder)
    scores = np.stack(parquet.read_table(Path(predictions.uri, "out_of_fold.parquet")).to_pandas()["scores"])
    assert kept is not None
    np.testing.assert_array_equal(kept.scores, scores)
    labels = np.array([record["label"] == "yes" for record in records])
    assert evaluation.metrics["accuracy"] == pytest.approx(np.mean((scores[:, 1] > scores[:, 0]) == labels))
    assert evaluation.rows[()] == NUM_RECORDS
    assert len(evaluation.rows) == 1 + NUM_GROUPS

    files = sorted(map(str, (tmp_path / "examples" / "Split-eval").iterdir()))
    np.testing.assert_array_equal(predict(files, None, None, task(), stored=kept).scores, scores)
    with pytest.raises(DataError, match=r"Expected the evaluation to hold out-of-fold predictions.*those of others"):
        predict(files[:1], None, None, task(), stored=kept)
    with pytest.raises(DataError, match=r"Expected the evaluation to hold out-of-fold predictions.*Received: none"):
        predict(files, None, None, task())


def test_numbers_are_predicted_out_of_fold_too(tmp_path: Path) -> None:
    _, predictions, records = run(tmp_path, config("regression"))

    scores = np.stack(parquet.read_table(Path(predictions.uri, "out_of_fold.parquet")).to_pandas()["scores"])

    np.testing.assert_allclose(scores[:, 0], [record["y"] for record in records], atol=0.2)


def test_predictions_of_other_or_further_examples_are_an_error(tmp_path: Path) -> None:
    examples, predictions, _ = run(tmp_path, config())
    files = sorted((tmp_path / "examples" / "Split-eval").iterdir())
    later = files[0].rename(tmp_path / "examples" / "Split-eval" / "later.gz")

    with pytest.raises(DataError, match=r"Expected out-of-fold predictions of these examples, in their order"):
        evaluate(tmp_path, examples, predictions, task())

    later.rename(files[0])
    files[1].unlink()
    with pytest.raises(DataError, match=r"Expected out-of-fold predictions of these examples, in their order"):
        evaluate(tmp_path, examples, predictions, task())

    examples.set_string_custom_property("payload_format", "FORMAT_PARQUET")
    with pytest.raises(ConfigurationError, match=r"out-of-fold predictions can be compared with.*Ingest with"):
        evaluate(tmp_path, examples, predictions, task())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"trainer": {"run_fn": "yachay.components.trainer.run_fn.run_fn"}},
            r"model\.run_fn: expected null, for folds are trained by a",
        ),
        ({"task": task(method="time")}, r"Expected a split by hash or group\. Received: one by time"),
    ],
)
def test_what_has_no_folds_is_rejected_where_the_pipeline_is_written(fields: dict[str, Any], message: str) -> None:
    examples, schema = types.Channel(standard_artifacts.Examples), types.Channel(standard_artifacts.Schema)

    with pytest.raises(ConfigurationError, match=message):
        CrossValidator(examples, schema, config(**fields))


def test_a_family_that_trains_in_tensorflow_does_so_with_one_thread_of_it() -> None:
    tf.constant(1)
    examples = np.array([], object)

    def needs_processes(family: str) -> bool:
        return FoldWork(examples, schema_pb2.Schema(), config(trainer={"family": family}), Path()).needs_processes()

    assert [needs_processes(family) for family in ("linear", "boosted_trees", "keras", "auto")] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("other", [{"engine": "beam"}, {"baseline_model": types.Channel(standard_artifacts.Model)}])
def test_out_of_fold_predictions_are_evaluated_alone_and_by_arrays(other: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"Expected out-of-fold predictions alone, evaluated by arrays"):
        Evaluator(
            types.Channel(standard_artifacts.Examples),
            types.Channel(standard_artifacts.Model),
            task(),
            predictions=types.Channel(OutOfFoldPredictions),
            **other,
        )


def test_each_fold_has_the_cut_of_its_own_training_records(tmp_path: Path) -> None:
    label = {"name": "label", "values": ["yes", "no"], "cut_of": "y", "cut_share": 0.3}
    cut = PredictionTask.model_validate(task().model_dump() | {"label": label})
    given = {"task": cut, "trainer": {"family": "two_step"}, "folds": 3}
    examples, predictions, records = run(tmp_path, CrossValidatorConfig.model_validate(given))

    table = parquet.read_table(Path(predictions.uri, "out_of_fold.parquet")).to_pandas()
    numbers = np.array([record["y"] for record in records])
    expected = np.empty(NUM_RECORDS, np.int64)
    cuts = set()
    for fold in (1, 2, 3):
        own = table["fold"] == fold
        others = np.sort(numbers[~own])
        cuts.add(others[round(0.3 * len(others)) - 1])
        expected[own] = numbers[own] > others[round(0.3 * len(others)) - 1]
    assert len(cuts) > 1
    np.testing.assert_array_equal(table["label"], expected)

    kept = read_predictions(evaluate(tmp_path, examples, predictions, cut))
    assert kept is not None
    np.testing.assert_array_equal(kept.labels, expected)
    files = sorted(map(str, (tmp_path / "examples" / "Split-eval").iterdir()))
    np.testing.assert_array_equal(predict(files, None, None, cut, stored=kept).labels, expected)
