"""The check that a SavedModel predicts in a session, as TF Serving loads it, what it predicts in Python."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...errors import ModelError
from ...model_store.metadata import MISSING_VALUE
from ..examples import values_of
from ..loaded_model import load_model, predict_in_session
from .metadata import read_metadata

TOLERANCE = 1e-5
EXAMPLES = "examples"


@dataclasses.dataclass(frozen=True)
class SessionCheck:
    """What was compared.

    Args:
        num_examples: int.
        differences: dict of signature to dict of output to the largest difference, relative to the number, to the
            output's median or to 1, whichever is the largest.
    """

    num_examples: int
    differences: dict[str, dict[str, float]]


def check_session(model_dir: str | Path, examples: Sequence[bytes]) -> SessionCheck:
    """Compares each signature's outputs in a session with those of the Python loader.

    Args:
        model_dir: path of the folder of a SavedModel.
        examples: sequence of serialized `tf.Example`, real ones.

    Raises:
        ModelError: if the model does not load, a signature fails in a session, or an output differs by more
            than `TOLERANCE`.
    """
    model_dir = str(model_dir)
    if not examples:
        raise ModelError("Expected examples to check a model with. Received: none. Give some of the eval split.")
    try:
        loaded = load_model(model_dir)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ModelError(f"Expected a SavedModel in {model_dir}. Received: {error}") from error
    if not loaded.signatures:
        raise ModelError(f"Expected {model_dir} to have signatures. Received: none. Export with the Trainer.")
    inputs, expected = {}, {}
    for name, function in loaded.signatures.items():
        inputs[name] = _inputs(function.structured_input_signature[1], model_dir, examples)
        outputs = function(**{key: tf.constant(value) for key, value in inputs[name].items()})
        expected[name] = {key: output.numpy() for key, output in outputs.items()}
    received = predict_in_session(model_dir, inputs)
    differences = {
        name: {key: _difference(name, key, output, received[name][key]) for key, output in expected[name].items()}
        for name in expected
    }
    return SessionCheck(len(examples), differences)


def _difference(signature: str, output: str, expected: NDArray[Any], received: NDArray[Any]) -> float:
    if expected.shape != received.shape:
        raise ModelError(
            f"Expected the output {output!r} of {signature!r} to have the shape {expected.shape} in a session. "
            f"Received: {received.shape}. Do not push this model."
        )
    if expected.dtype.kind not in "fiub":
        difference = float(np.count_nonzero(expected != received))
        tolerance, measure = 0.0, "values differ"
    else:
        sizes = np.abs(expected.astype(np.float64))
        # A forecast of nearly 0 is rounded as the others are.
        scale = np.maximum(max(1.0, float(np.median(sizes)) if sizes.size else 1.0), sizes)
        gaps = np.abs(expected.astype(np.float64) - received) / scale
        difference = float(gaps.max(initial=0.0))
        tolerance, measure = TOLERANCE, "largest difference"
    # A NaN difference is a difference.
    if not difference <= tolerance:
        raise ModelError(
            f"Expected the output {output!r} of {signature!r} to be the same in a session as in Python. "
            f"Received: {difference:g} {measure}. Do not push this model."
        )
    return difference


def _inputs(specs: Mapping[str, tf.TensorSpec], model_dir: str, examples: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    if set(specs) == {EXAMPLES}:
        return {EXAMPLES: np.array(examples, object)}
    features = {feature["name"]: feature for feature in read_metadata(model_dir)["features"]}
    unknown = sorted(specs.keys() - features.keys())
    if unknown:
        raise ModelError(
            f"Expected the metadata of {model_dir} to describe every input. Received: nothing about "
            f"{', '.join(unknown)}. Export with the Trainer."
        )
    records = [tf.train.Example.FromString(example) for example in examples]
    return {name: _raw_values(features[name], records) for name in specs}


def _raw_values(feature: Mapping[str, Any], records: Sequence[tf.train.Example]) -> NDArray[Any]:
    """Returns the values of a feature: `(N,)`, or `(N, steps)` for a sequence."""
    name, dtype, steps = feature["name"], feature["dtype"], feature.get("steps")
    rows: list[list[Any]] = []
    for record in records:
        row = values_of(record, name)[: steps or 1]
        if len(row) != (steps or 1) and not (feature["optional"] and not row):
            raise ModelError(
                f"Expected every example to hold {steps or 1} of {name!r}. Received: one with {len(row)}. Give "
                "examples that fit the schema."
            )
        rows.append(row or [MISSING_VALUE[dtype]] * (steps or 1))
    values = np.array(rows, object if dtype == "string" else dtype)
    return values if steps else values[:, 0]
