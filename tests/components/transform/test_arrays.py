"""Transform by arrays beside Transform by Beam: one graph, one schema, the same vocabularies and values."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import Artifact, standard_artifacts

from yachay.components.examples import read_examples
from yachay.components.transform.analyze import analyze, transform_arrays
from yachay.components.transform.arrays import ArrayTransform
from yachay.components.transform.beam_analysis import analyze_with_beam
from yachay.components.transform.component import PREPROCESSING_FN
from yachay.components.transform.executor import Executor
from yachay.components.transform.settings import TransformConfig
from yachay.errors import ConfigurationError, DataError

pytestmark = pytest.mark.slow

NUM_ROWS = 400
SCHEMA = text_format.Parse(
    """
    feature { name: "income" type: FLOAT presence { min_fraction: 1 } shape {} }
    feature { name: "visits" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
    feature { name: "grade" type: FLOAT }
    feature { name: "absences" type: INT }
    feature { name: "city" type: BYTES presence { min_fraction: 1 } shape {} }
    feature { name: "school" type: BYTES }
    feature { name: "branch" type: INT }
    feature { name: "size" type: FLOAT }
    feature { name: "member" type: INT }
    feature { name: "urban" type: FLOAT presence { min_fraction: 1 } shape {} }
    feature { name: "enrolled" type: INT presence { min_fraction: 1 } shape {} }
    feature { name: "rain" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 3 } } }
    feature { name: "sky" type: BYTES presence { min_fraction: 1 } shape { dim { size: 2 } } }
    feature { name: "left_out" type: FLOAT }
    feature { name: "outcome" type: BYTES presence { min_fraction: 1 } shape {} }
    feature { name: "amount" type: FLOAT presence { min_fraction: 1 } shape {} }
    feature { name: "level" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 2 } } }
    """,
    schema_pb2.Schema(),
)
FEATURES = {
    "income": "numeric",
    "visits": "ordinal",
    "grade": "numeric",
    "absences": "numeric",
    "city": "categorical",
    "school": "categorical",
    "branch": "categorical",
    "size": "categorical",
    "member": "boolean",
    "urban": "boolean",
    "enrolled": "time",
    "rain": "numeric",
    "sky": "categorical",
    "not_in_the_schema": "numeric",
}
TASKS: Mapping[str, Mapping[str, Any]] = {
    "classification": {
        "problem": "classification",
        "label": {"name": "outcome", "values": ["lost", "kept"]},
        "split": {"method": "group", "key": "school"},
    },
    "regression": {
        "problem": "regression",
        "label": {"name": "amount"},
        "split": {"method": "time", "key": "enrolled"},
    },
    "forecast": {
        "problem": "forecast",
        "label": {"name": "level", "steps": 2},
        "split": {"method": "time", "key": "grade"},
    },
}


def random_rows(seed: int, num_rows: int = NUM_ROWS) -> list[dict[str, Any]]:
    """Returns records of SCHEMA with missing, unusual and repeated values."""
    random = np.random.default_rng(seed)
    words = ["Cusco", "Puno", "Lima", "Ñuñoa", "", "a b", "with\nbreak", "ü" * 30, "1", "-1"]

    def rarely(value: Any) -> Any:
        return None if random.random() < 0.15 else value

    return [
        {
            "income": float(random.choice([random.normal(1e6, 1e3), np.nan, 0.0], p=[0.9, 0.05, 0.05])),
            "visits": int(random.poisson(3)),
            "grade": rarely(float(random.normal())),
            "absences": rarely(int(random.integers(-5, 5))),
            "city": str(random.choice(words)),
            "school": rarely(f"school {random.zipf(1.5) % 50}"),
            "branch": rarely(int(random.integers(-3, 12))),
            "size": rarely(float(random.choice([0.5, 1.0, 1e9, np.nan]))),
            "member": rarely(int(random.integers(0, 2))),
            "urban": float(random.choice([0.0, 1.0, np.nan])),
            "enrolled": int(random.integers(0, 2_000_000_000)),
            "rain": [float(value) for value in random.choice([0.0, 1.5, np.nan], 3)],
            "sky": [str(value) for value in random.choice(["clear", "clouds", ""], 2)],
            "left_out": 1.0,
            "outcome": str(random.choice(["lost", "kept", "moved"])),
            "amount": float(random.normal(10, 3)),
            "level": [float(value) for value in random.normal(size=2)],
        }
        for _ in range(num_rows)
    ]


def serialize(row: Mapping[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, given in row.items():
        feature = example.features.feature[name]
        for value in given if isinstance(given, list) else [] if given is None else [given]:
            if isinstance(value, str):
                feature.bytes_list.value.append(value.encode())
            elif isinstance(value, float):
                feature.float_list.value.append(value)
            else:
                feature.int64_list.value.append(value)
    return example.SerializeToString()


def config_of(task: str, engine: str, features: Mapping[str, str] = FEATURES, **fields: Any) -> TransformConfig:
    return TransformConfig.model_validate({"task": {**TASKS[task], "features": features}, "engine": engine, **fields})


def values_of(transform_output: tft.TFTransformOutput, examples: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """Returns what the graph in the files makes of examples, sparse outputs as their values."""
    layer, feature_spec = transform_output.transform_features_layer(), transform_output.raw_feature_spec()
    outputs = layer(tf.io.parse_example(tf.constant(examples), feature_spec))
    return {
        name: (value.values if isinstance(value, tf.SparseTensor) else value).numpy() for name, value in outputs.items()
    }


def assert_same_graph(arrays: Path, beam: Path, examples: Sequence[bytes], rtol: float = 1e-6) -> None:
    """Checks that two transform graphs have the same files but for float error in the values of the graph."""
    for pattern in ("metadata/*", "transformed_metadata/*", "transform_fn/assets/*"):
        files = {path.relative_to(beam): path.read_bytes() for path in beam.glob(pattern)}
        assert {path.relative_to(arrays): path.read_bytes() for path in arrays.glob(pattern)} == files
    ours, theirs = (values_of(tft.TFTransformOutput(str(folder)), examples) for folder in (arrays, beam))
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        assert ours[name].dtype == values.dtype
        if values.dtype == np.float32:
            np.testing.assert_allclose(ours[name], values, rtol=rtol, atol=rtol, err_msg=name)
        else:
            np.testing.assert_array_equal(ours[name], values, err_msg=name)


FEW = {name: FEATURES[name] for name in ("grade", "school", "member", "rain")}


@pytest.mark.parametrize(("task", "features", "seed"), [("regression", FEATURES, 1), ("forecast", FEW, 2)])
def test_our_preprocessing_is_the_same_by_arrays_and_by_beam(
    task: str, features: Mapping[str, str], seed: int, tmp_path: Path
) -> None:
    examples = [serialize(row) for row in random_rows(seed)]

    for engine in ("arrays", "beam"):
        analyze(examples, SCHEMA, config_of(task, engine, features), tmp_path / engine)

    assert_same_graph(tmp_path / "arrays", tmp_path / "beam", examples)


@pytest.mark.parametrize("num_rows", [0, 20])
def test_columns_without_a_value_are_the_same_by_arrays_and_by_beam(num_rows: int, tmp_path: Path) -> None:
    examples = [serialize({**row, "grade": None, "school": None, "member": None}) for row in random_rows(3, 20)]

    for engine in ("arrays", "beam"):
        analyze(examples[:num_rows], SCHEMA, config_of("regression", engine, FEW), tmp_path / engine)

    assert_same_graph(tmp_path / "arrays", tmp_path / "beam", examples)


def test_arrays_in_memory_are_those_of_the_files(tmp_path: Path) -> None:
    examples = [serialize(row) for row in random_rows(4)]

    analyzed = analyze(examples, SCHEMA, config_of("classification", "arrays"), tmp_path)

    loaded = transform_arrays(tft.TFTransformOutput(str(tmp_path)), examples)
    for name, values in transform_arrays(analyzed, examples).items():
        np.testing.assert_array_equal(values, loaded[name], err_msg=name)


def numbers_by_tft(inputs: Mapping[str, Any]) -> dict[str, Any]:
    income = tf.where(tf.math.is_finite(inputs["income"]), inputs["income"], 0.0)
    visits = tf.cast(inputs["visits"][:, 0], tf.float32)
    scaled = tft.scale_to_z_score(income)
    matrix = tf.stack([scaled, visits], axis=1)
    matrix.set_shape([None, 2])
    grade = tf.sparse.to_dense(inputs["grade"])[:, :1]
    return {
        "scaled": scaled,
        "of_sparse": tft.scale_to_z_score(inputs["grade"]),
        "between": tft.scale_to_0_1(visits),
        "minmax": tft.scale_by_min_max(visits, -1.0, 1.0),
        "bucket": tft.bucketize(visits, 4),
        "bucket_of_sparse": tft.bucketize(inputs["absences"], 3),
        "share": visits / tf.cast(tft.sum(inputs["visits"]) + tft.size(inputs["visits"]), tf.float32),
        "above_median": visits - tft.quantiles(visits, 2, epsilon=0.01)[0, 0],
        "gaussian": tft.scale_to_gaussian(visits + 1.0),
        "axes": tf.abs(tf.matmul(matrix, tft.pca(matrix, 2, tf.float32))),
        "covariance": tf.matmul(matrix, tft.covariance(matrix, tf.float32)),
        # Phases: an analyzer over what another analyzer made.
        "twice": tft.scale_to_0_1(tf.abs(scaled) + tft.max(visits)),
        "dense": tf.reshape(grade, [-1]),
    }


def words_by_tft(inputs: Mapping[str, Any]) -> dict[str, Any]:
    city, branch, weight = inputs["city"], inputs["branch"], tf.abs(inputs["amount"])
    index = tft.compute_and_apply_vocabulary(city, num_oov_buckets=2, vocab_filename="city")
    key_counts = tft.count_per_key(city)
    tft.vocabulary(city, store_frequency=True, vocab_filename="with_frequency")
    tft.vocabulary(city, weights=weight, vocab_filename="weighted")
    tft.vocabulary(inputs["school"], file_format="tfrecord_gzip", vocab_filename="in_records")
    tft.count_per_key(city, key_vocabulary_filename="counts_in_a_file")
    return {
        "index": index,
        "of_sparse": tft.compute_and_apply_vocabulary(inputs["school"], top_k=5, vocab_filename="school"),
        "of_int": tft.compute_and_apply_vocabulary(branch, frequency_threshold=20, vocab_filename="branch"),
        "hashed": tft.hash_strings(city, 7),
        "approximate": tft.experimental.compute_and_apply_approximate_vocabulary(branch, top_k=40),
        "never": tft.compute_and_apply_vocabulary(city, frequency_threshold=10**6, vocab_filename="never"),
        "ngrams": tft.compute_and_apply_vocabulary(tft.ngrams(tf.strings.split(city).to_sparse(), (1, 2), "_")),
        "per_key": tft.scale_to_z_score_per_key(inputs["income"], city),
        "buckets_per_key": tf.cast(tft.scale_to_0_1_per_key(inputs["amount"], city) * 4, tf.int64),
        "keys": tf.broadcast_to(tf.cast(tf.reduce_max(key_counts[1]), tf.int64), tf.shape(city)),
        # A phase that reads a vocabulary.
        "of_index": tft.scale_to_z_score(tf.cast(index, tf.float32)),
        "in_one_hot": tf.one_hot(index, 3),
    }


# One batch of numbers as in Beam: TFT's parameters of a Gaussian depend on the batches.
@pytest.mark.parametrize(("preprocess", "num_batches"), [(numbers_by_tft, 1), (words_by_tft, 3)])
def test_functions_of_ones_own_are_the_same_by_arrays_and_by_beam(
    preprocess: Callable[[Mapping[str, Any]], dict[str, Any]], num_batches: int, tmp_path: Path
) -> None:
    rows = random_rows(6)
    examples = [serialize({**row, "income": row["income"] if row["income"] > 0 else 1.0}) for row in rows]
    transform = ArrayTransform(preprocess, SCHEMA)
    (tmp_path / "arrays").mkdir()

    assert transform.unsupported == ""
    transform.analyze(lambda: [examples[start::num_batches] for start in range(num_batches)])
    transform.write_graph(tmp_path / "arrays")
    analyze_with_beam(preprocess, SCHEMA, examples, [], tmp_path / "beam")

    assert_same_graph(tmp_path / "arrays", tmp_path / "beam", examples, rtol=1e-4)


class Maximum(beam.PTransform):
    def expand(self, batches: Any) -> Any:
        return batches | beam.Map(lambda batch: batch[0].max()) | beam.CombineGlobally(max)


def own_transform(inputs: Mapping[str, Any], config: TransformConfig) -> dict[str, Any]:
    (largest,) = tft.experimental.ptransform_analyzer([inputs["amount"]], Maximum(), [tf.float32], [[]])
    return {"share": inputs["amount"] / largest}


def by_information(inputs: Mapping[str, Any]) -> dict[str, Any]:
    label = tf.cast(inputs["amount"] > 10, tf.int64)
    return {"index": tft.compute_and_apply_vocabulary(inputs["city"], labels=label)}


def with_coverage(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"index": tft.compute_and_apply_vocabulary(inputs["city"], coverage_top_k=1, key_fn=lambda token: token[:1])}


def with_reserved(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"index": tft.compute_and_apply_vocabulary(inputs["city"], reserved_tokens=["first"])}


@pytest.mark.parametrize(
    ("preprocess", "unsupported"),
    [
        (lambda inputs: own_transform(inputs, config_of("regression", "auto")), "the analyzer's operation PTransform"),
        (by_information, "VocabularyAccumulate"),
        (with_coverage, "a vocabulary's `key_fn`"),
        (with_reserved, "ExtractVocabularyReservedTokens"),
    ],
)
def test_what_arrays_cannot_compute_is_named(preprocess: Any, unsupported: str) -> None:
    assert unsupported in ArrayTransform(preprocess, SCHEMA).unsupported


def test_what_arrays_cannot_compute_is_computed_by_beam_unless_arrays_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_transform.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    own = {"settings": {"preprocessing_fn": "own_transform.own_transform"}}
    rows = random_rows(7, 50)
    examples = [serialize(row) for row in rows]

    values = transform_arrays(
        analyze(examples, SCHEMA, config_of("regression", "auto", **own), tmp_path / "graph"), examples
    )

    amounts = np.float32([row["amount"] for row in rows])
    np.testing.assert_allclose(values["share"], amounts / amounts.max(), rtol=1e-6)
    with pytest.raises(ConfigurationError, match=r"arrays can do in Transform\. Received: the analyzer's"):
        analyze(examples, SCHEMA, config_of("regression", "arrays", **own), tmp_path / "graph")


def test_a_function_whose_analyzers_have_other_names_each_time_is_an_error() -> None:
    columns = ["amount", "income"]

    def preprocess(inputs: Mapping[str, Any]) -> dict[str, Any]:
        columns.reverse()
        return {name: tft.scale_to_0_1(inputs[name]) for name in columns}

    transform = ArrayTransform(preprocess, SCHEMA)
    with pytest.raises(RuntimeError, match="order of analyzers"):
        transform.analyze(lambda: [[serialize(row) for row in random_rows(8, 5)]])


def test_analyzers_of_analyzers_of_analyzers() -> None:
    def preprocess(inputs: Mapping[str, Any]) -> dict[str, Any]:
        distance = tf.abs(inputs["amount"] - tft.mean(inputs["amount"]))
        return {"above": distance / tft.max(distance) - tft.mean(distance / tft.max(distance))}

    rows = random_rows(9)
    examples = [serialize(row) for row in rows]
    transform = ArrayTransform(preprocess, SCHEMA)
    transform.analyze(lambda: [examples[:10], examples[10:]])

    amounts = np.float32([row["amount"] for row in rows])
    distances = np.abs(amounts - amounts.mean()) / np.abs(amounts - amounts.mean()).max()
    (batch,) = transform.transform([examples])
    np.testing.assert_allclose(batch["above"], distances - distances.mean(), atol=1e-6)


def test_an_example_without_its_label_is_an_error(tmp_path: Path) -> None:
    row = random_rows(10, 1)[0]
    del row["outcome"]

    with pytest.raises(DataError, match=r"Expected examples that fit the schema\. Received: .*outcome.* is required"):
        analyze([serialize(row)], SCHEMA, config_of("classification", "arrays"), tmp_path)


@pytest.mark.parametrize("engine", ["arrays", "beam"])
def test_text_in_a_number_is_the_same_error_in_both_engines(engine: str, tmp_path: Path) -> None:
    config = TransformConfig.model_validate(
        {"task": {**TASKS["regression"], "features": {"city": "numeric"}}, "engine": engine}
    )

    with pytest.raises(DataError, match=r"Expected 'city' to hold numbers\. Received: text\. Make it `categorical`"):
        analyze([serialize(row) for row in random_rows(11, 5)], SCHEMA, config, tmp_path)


def run_executor(examples: Mapping[str, Sequence[bytes]], engine: str, folder: Path, **properties: Any) -> Artifact:
    """Runs the executor on splits of examples and returns the transformed ones."""
    source, schema, graph, target = (
        standard_artifacts.Examples(),
        standard_artifacts.Schema(),
        standard_artifacts.TransformGraph(),
        standard_artifacts.Examples(),
    )
    source.uri, schema.uri = str(folder / "raw"), str(folder / "schema")
    graph.uri, target.uri = str(folder / engine / "graph"), str(folder / engine / "examples")
    source.split_names = json.dumps(list(examples))
    for name, value in properties.items():
        source.set_string_custom_property(name, value)
    for split, serialized in examples.items():
        path = folder / "raw" / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for example in serialized:
                writer.write(example)
    (folder / "schema").mkdir(exist_ok=True)
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(SCHEMA))
    for artifact in (graph, target):
        Path(artifact.uri).mkdir(parents=True)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=["--direct_running_mode=in_memory", "--direct_num_workers=1"], tmp_dir=str(folder / "tmp")
    )
    Executor(context).Do(
        {"examples": [source], "schema": [schema]},
        {"transform_graph": [graph], "transformed_examples": [target]},
        {
            "preprocessing_fn": PREPROCESSING_FN,
            "custom_config": config_of("classification", engine).model_dump_json(),
            "disable_statistics": 1,
            "force_tf_compat_v1": 0,
        },
    )
    return target


def read_file(file: Path) -> list[bytes]:
    return [example for batch in read_examples([file]) for example in batch]


def in_order(example: bytes) -> bytes:
    return tf.train.Example.FromString(example).SerializeToString(deterministic=True)


def test_the_executor_writes_what_tfx_writes(tmp_path: Path) -> None:
    serialized = [serialize(row) for row in random_rows(12)]
    splits = {"train": serialized[:300], "eval": serialized[300:]}

    written = {engine: run_executor(splits, engine, tmp_path) for engine in ("arrays", "beam")}

    assert_same_graph(tmp_path / "arrays" / "graph", tmp_path / "beam" / "graph", serialized)
    assert [path.name for path in sorted((tmp_path / "arrays" / "graph").iterdir())] == [
        path.name for path in sorted((tmp_path / "beam" / "graph").iterdir())
    ]
    files = {}
    for engine, artifact in written.items():
        assert sorted(json.loads(artifact.split_names)) == ["eval", "train"]
        files[engine] = sorted(path.relative_to(artifact.uri) for path in Path(artifact.uri).rglob("*.gz"))
    assert files["arrays"] == files["beam"] != []
    for file in files["arrays"]:
        # Beam keeps no order, and the order of the features in a message is not fixed.
        ours, theirs = (sorted(map(in_order, read_file(Path(artifact.uri) / file))) for artifact in written.values())
        assert ours == theirs
        assert len(ours) == len(splits[file.parent.name.removeprefix("Split-")])


def test_examples_that_arrays_cannot_read_are_an_error_where_arrays_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"Received: examples in files of file_format 'parquet'\. Write `engine"
    ):
        run_executor(
            {"train": [serialize(row) for row in random_rows(13, 3)]}, "arrays", tmp_path, file_format="parquet"
        )
