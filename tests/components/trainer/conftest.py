from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import TFTransformOutput

from yachay.components.features import FeatureKind
from yachay.components.prediction_task import PredictionTask
from yachay.components.sequences import stored_schema
from yachay.components.trainer.columns import Column
from yachay.components.trainer.run_fn import run_fn
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.components.transform.analyze import analyze, transform_arrays
from yachay.components.transform.settings import TransformConfig

SCHEMA = text_format.Parse(
    """
    feature { name: "income" type: FLOAT presence { min_fraction: 1 } shape {} float_domain { min: 0 } }
    feature { name: "visits" type: INT int_domain { min: 0 max: 40 } }
    feature { name: "rating" type: FLOAT }
    feature { name: "town" type: BYTES string_domain { value: "Cusco" value: "Lima" value: "Puno" value: "Tacna" } }
    feature { name: "branch" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
    feature { name: "member" type: INT }
    feature { name: "outcome" type: BYTES presence { min_fraction: 1 } shape {} }
    feature { name: "amount" type: FLOAT presence { min_fraction: 1 } shape {} }
    feature { name: "past" type: FLOAT value_count { min: 2 max: 6 } }
    feature { name: "days" type: BYTES presence { min_fraction: 1 } shape { dim { size: 2 } } }
    feature { name: "ahead" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 3 } } }
    """,
    schema_pb2.Schema(),
)
STORED_SCHEMA = stored_schema(SCHEMA)
FEATURES = {
    "income": "numeric",
    "visits": "numeric",
    "rating": "ordinal",
    "town": "categorical",
    "branch": "categorical",
    "member": "boolean",
}
QUANTILES = (0.1, 0.5, 0.9)


def prediction_task(problem: str, label: dict[str, Any], features: dict[str, str], **fields: Any) -> PredictionTask:
    return PredictionTask.model_validate({"problem": problem, "label": label, "features": features, **fields})


SEQUENCES = {**FEATURES, "past": "numeric", "days": "categorical"}
AHEAD = {"name": "ahead", "steps": 3}
CLASSIFICATION = prediction_task(
    "classification", {"name": "outcome", "values": ["lost", "doubtful", "kept"]}, FEATURES
)
REGRESSION = prediction_task("regression", {"name": "amount"}, FEATURES)
TASKS = {
    "classification": CLASSIFICATION,
    "a cut": prediction_task(
        "classification", {**CLASSIFICATION.label.model_dump(), "ordered": True, "cut_of": "amount"}, FEATURES
    ),
    "regression": REGRESSION,
    "quantiles": prediction_task("regression", {"name": "amount", "quantiles": QUANTILES}, SEQUENCES),
    "forecast": prediction_task("forecast", AHEAD, SEQUENCES),
    "forecast of quantiles": prediction_task("forecast", {**AHEAD, "quantiles": QUANTILES}, SEQUENCES),
}
SMALL = {
    "keras": {"max_epochs": 4, "hidden_units": [8]},
    "boosted_trees": {"max_iter": 8},
    "random_forest": {"n_estimators": 8},
    "linear": {},
    "xgboost": {"n_estimators": 8},
    "svm": {},
    "ensemble": {"families": ["boosted_trees", "linear"], "hyperparameters": {"boosted_trees": {"max_iter": 8}}},
    "recurrent": {"units": 4, "head_units": 4, "max_epochs": 1},
    "two_step": {"family": "boosted_trees", "hyperparameters": {"max_iter": 8}},
}


def add_values(example: tf.train.Example, name: str, values: list[Any]) -> None:
    feature = example.features.feature[name]
    if isinstance(values[0], str):
        feature.bytes_list.value.extend(value.encode() for value in values)
    elif isinstance(values[0], float):
        feature.float_list.value.extend(values)
    else:
        feature.int64_list.value.extend(values)


def make_examples(num_rows: int, seed: int = 0) -> list[bytes]:
    """Customers of whom some values are missing, with two labels that depend on them."""
    random = np.random.default_rng(seed)
    examples = []
    for _ in range(num_rows):
        income, visits, branch = random.gamma(4, 500), random.poisson(8), random.integers(3, 9)
        city = random.choice(["Cusco", "Lima", "Puno"])
        strength = income / 1000 + visits / 4 + (city == "Lima") - (branch == 4) + random.normal(0, 0.5)
        values: dict[str, Any] = {"income": float(income), "branch": int(branch), "amount": float(100 * strength)}
        values["outcome"] = ("lost", "doubtful", "kept")[int(np.digitize(strength, [3.5, 5.0]))]
        optional = {"visits": int(visits), "rating": float(random.integers(1, 6)), "town": str(city), "member": 1}
        values |= {name: value for name, value in optional.items() if random.random() > 0.1}
        past = (np.arange(-6, 0) * 10 + 100 * strength).tolist()
        num_missing = random.integers(0, 5)
        values["past"] = [float("nan")] * num_missing + past[num_missing:]
        values["days"] = [str(random.choice(["Mon", "Tue"])), ""]
        values["ahead"] = (np.arange(3) * 10 + 100 * strength).tolist()
        example = tf.train.Example()
        for name, value in values.items():
            add_values(example, name, value if isinstance(value, list) else [value])
        examples.append(example.SerializeToString())
    return examples


@pytest.fixture(scope="session")
def examples() -> list[bytes]:
    return make_examples(300)


@pytest.fixture(scope="session")
def transform_output_of(
    examples: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], TFTransformOutput]:
    """Returns the transform graph of a problem, made once."""
    made: dict[str, TFTransformOutput] = {}

    def get(problem: str) -> TFTransformOutput:
        if problem not in made:
            config = TransformConfig(task=TASKS[problem])
            made[problem] = analyze(examples, STORED_SCHEMA, config, tmp_path_factory.mktemp(problem.replace(" ", "_")))
        return made[problem]

    return get


@pytest.fixture(scope="session")
def trained(
    examples: list[bytes],
    transform_output_of: Callable[[str], TFTransformOutput],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], str]:
    """Returns the folder of a model that `run_fn` trained, made once."""
    made: dict[tuple[str, str], str] = {}

    def get(problem: str, family: str) -> str:
        if (problem, family) not in made:
            folder = tmp_path_factory.mktemp(f"{problem}_{family}".replace(" ", "_"))
            transform_output = transform_output_of(problem)
            write_transformed(folder / "transformed-00000-of-00001.gz", transform_output, examples)
            settings = {"family": family, "hyperparameters": SMALL}
            run_fn(
                SimpleNamespace(
                    train_files=[str(folder / "transformed-*")],
                    transform_graph_path=transform_output.transform_savedmodel_dir.rpartition("/")[0],
                    serving_model_dir=str(folder / "model"),
                    custom_config={"task": TASKS[problem].model_dump(mode="json"), "settings": settings},
                    hyperparameters=None,
                )
            )
            made[problem, family] = str(folder / "model")
        return made[problem, family]

    return get


def write_transformed(path: Path, transform_output: TFTransformOutput, examples: list[bytes]) -> None:
    arrays = transform_arrays(transform_output, examples)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in range(len(examples)):
            example = tf.train.Example()
            for name, values in arrays.items():
                feature = example.features.feature[name]
                kind = feature.int64_list if values.dtype == np.int64 else feature.float_list
                kind.value.extend(np.ravel(values[row]))
            writer.write(example.SerializeToString())


@pytest.fixture
def make_table() -> Callable[..., Table]:
    """Returns a function that makes a table of transformed features, whole numbers among them so that values tie."""

    def make(num_classes: int, num_rows: int = 300, seed: int = 0) -> Table:
        random = np.random.default_rng(seed)
        columns = (
            Column("grade", FeatureKind.NUMERIC),
            Column("course", FeatureKind.CATEGORICAL, 8),
            Column("age", FeatureKind.ORDINAL),
            Column("origin", FeatureKind.CATEGORICAL, 400),
        )
        features = {
            "grade": random.normal(size=num_rows).astype(np.float32),
            "course": random.integers(0, 7, num_rows),
            "age": random.integers(-3, 4, num_rows).astype(np.float32),
            "origin": np.minimum(random.geometric(0.02, num_rows), 398),
        }
        strength = (
            features["grade"] + (features["course"] % 3) + 0.3 * features["age"] + random.normal(0, 0.3, num_rows)
        )
        if not num_classes:
            return Table(columns, features, strength.astype(np.float32))
        cuts = np.quantile(strength, np.linspace(0, 1, num_classes + 1)[1:-1])
        return Table(columns, features, np.digitize(strength, cuts).astype(np.int64), Target(num_classes))

    return make
