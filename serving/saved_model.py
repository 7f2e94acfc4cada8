"""Reads a pushed SavedModel: its features, and a function that takes them packed by type."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..errors import ModelError
from ..model_store.metadata import METADATA_FILE
from ..model_store.tree_table import TREES_FILE
from .contract import Array, Feature
from .cpus import count_cpus
from .errors import Rejection, RequestError
from .inputs import group_features
from .loaded_model import SIGNATURE, LoadedModel, Output
from .model_metadata import read_features, read_metadata
from .trees import load_trees

_TENSOR_TYPES = {"float32": tf.float32, "int64": tf.int64, "string": tf.string}


def use_gpu_memory_as_needed() -> None:
    """Keeps TensorFlow from taking a GPU's whole memory at its first call. Has never run on a GPU."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def use_as_many_threads_as_cpus() -> None:
    """Gives TensorFlow as many threads as the process has processors, by its container's quota.

    Its own count would be that of the machine: more threads than processors are throttled all at once. To be called
    before TensorFlow computes anything.
    """
    num_cpus = count_cpus()
    tf.config.threading.set_intra_op_parallelism_threads(num_cpus)
    tf.config.threading.set_inter_op_parallelism_threads(num_cpus)


def load_saved_model(path: Path) -> LoadedModel:
    """Loads a SavedModel that the Trainer exported, and the table of trees that may stand beside it.

    The table is used only if it predicts as the SavedModel does.

    Args:
        path: path of the folder that holds `saved_model.pb`.

    Raises:
        ModelError: if it cannot be loaded, or is no export of the Trainer.
    """
    metadata = read_metadata(path)
    features = read_features(path, metadata)
    try:
        model = tf.saved_model.load(str(path))
        signature = model.signatures[SIGNATURE]
    except Exception as error:
        raise ModelError(
            f"Expected a SavedModel with the signature {SIGNATURE} in {path}. Received: {error}"
        ) from error
    inputs = signature.structured_input_signature[1]
    expected = {feature.name: _described(_spec(feature)) for feature in features}
    received = {name: _described(spec) for name, spec in inputs.items()}
    if received != expected:
        differing = sorted(name for name in {*expected, *received} if expected.get(name) != received.get(name))
        raise ModelError(
            f"Expected the signature {SIGNATURE} in {path} to take the features of {METADATA_FILE}. Received another "
            f"input for: {', '.join(f'{name} ({received.get(name)}, not {expected.get(name)})' for name in differing)}."
        )
    outputs = tuple(
        Output(name, spec.dtype.name, tuple(-1 if size is None else size for size in spec.shape))
        for name, spec in sorted(signature.structured_outputs.items())
    )
    has_trees = (path / TREES_FILE).is_file()
    graph = _PackedSignature(model, features, is_asked_once=has_trees)
    try:
        trees, failure = load_trees(path, features, metadata.get("labels", ()), graph), ""
    except ModelError as error:
        trees, failure = None, str(error)
    if trees is None:
        return LoadedModel(metadata, features, outputs, graph, "saved_model", failure, 0)
    return LoadedModel(metadata, features, outputs, trees, "trees", failure, trees.max_loop_rows)


class _PackedSignature:
    """The signature behind a function with one input a type: each input of a call costs tens of microseconds."""

    def __init__(self, model: Any, features: Sequence[Feature], *, is_asked_once: bool = False) -> None:
        # TensorFlow lets go of the variables with the object that it loaded.
        self._model = model
        signature = model.signatures[SIGNATURE]
        groups = group_features(features)
        specs = {
            group: tf.TensorSpec([len(members), *_spec(members[0]).shape], _TENSOR_TYPES[members[0].dtype], group)
            for group, members in groups.items()
        }

        def unpack(packed: Mapping[str, Any]) -> dict[str, Any]:
            columns = {
                feature.name: column
                for group, matrix in packed.items()
                for feature, column in zip(groups[group], tf.unstack(matrix), strict=True)
            }
            outputs: dict[str, Any] = signature(**columns)
            return outputs

        # AutoGraph would write a file that a server which is killed leaves in the folder for temporary files.
        function = tf.function(unpack, input_signature=[specs], autograph=False).get_concrete_function()
        # Layers over sequences add in another order once they are frozen.
        has_sequences = any(feature.steps for feature in features)
        self._function = function if has_sequences or is_asked_once else _frozen(function)
        self._groups = tuple(specs)

    def __call__(self, matrices: Mapping[str, Array]) -> dict[str, Array]:
        try:
            outputs = self._function({group: tf.constant(matrices[group]) for group in self._groups})
        except tf.errors.InvalidArgumentError as error:
            raise RequestError(
                Rejection.PREDICTION_FAILED,
                "Expected rows that the model can predict. Received: values that it fails on.",
            ) from error
        return {name: _decoded(output.numpy()) for name, output in sorted(outputs.items())}


def _frozen(function: Any) -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """Returns a function whose variables are constants, in one graph: half the time of a call with one row."""
    frozen = convert_variables_to_constants_v2(function)
    tables = {inside.op.name: outside for outside, inside in function.graph.captures}
    arguments = [(tensor.op.name, tables.get(tensor.op.name)) for tensor in frozen.inputs]
    names = sorted(function.structured_outputs)

    def call(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        tensors = [inputs[name] if table is None else table for name, table in arguments]
        # A call by names would ask for the tables among them.
        return dict(zip(names, tf.nest.flatten(frozen._call_flat(tensors, frozen.captured_inputs)), strict=True))

    return call


def _spec(feature: Feature) -> tf.TensorSpec:
    steps = [] if feature.steps is None else [feature.steps]
    return tf.TensorSpec([None, *steps], _TENSOR_TYPES[feature.dtype], feature.name)


def _described(spec: tf.TensorSpec) -> str:
    return f"{spec.dtype.name} {spec.shape.as_list()}"


def _decoded(values: Array) -> Array:
    if values.dtype != np.object_:
        return values
    strings = np.empty(values.shape, np.object_)
    strings.ravel()[:] = [value.decode() for value in values.ravel()]
    return strings
