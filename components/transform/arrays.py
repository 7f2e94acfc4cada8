"""TensorFlow Transform by arrays: a preprocessing function analyzed over batches in this process, without Beam.

The transform graph is TFT's own: the same traced function in a SavedModel, the same assets and metadata, so whatever
reads `tft.TFTransformOutput` reads it. The function is traced once for each phase of analyzers (one, unless an analyzer
depends on another's result) and once for the graph that is written; Beam's path traces it six times.

    transform = ArrayTransform(preprocess, schema)
    if not transform.unsupported:
        transform.analyze(lambda: read_examples(files))
        transform.write_graph(Path(output_dir))
"""

import contextlib
import json
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from ...errors import DataError
from ...files import scratch_folder
from ..record_writer import RecordWriter
from ..tfx_api import (
    analyzer_nodes,
    example_coder,
    graph_context,
    graph_tools,
    impl_helper,
    saved_transform_io_v2,
    schema_inference,
    schema_overrides,
    schema_utils,
    tf2_utils,
    tf_utils,
    tft_annotators,
    validate_analyzers_fingerprint,
    wrap_function,
)
from .analyzers import Analyzers

Preprocess = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class ArrayTransform:
    """A preprocessing function over serialized examples.

    Args:
        preprocess: function of a mapping of feature name to tensor that returns such a mapping.
        schema: `Schema` of the raw examples.

    Raises:
        DataError: as `preprocess` raises it.
    """

    def __init__(self, preprocess: Preprocess, schema: schema_pb2.Schema) -> None:
        self._preprocess = preprocess
        self._schema = schema
        # Vocabularies, which the graph may read as long as it is used.
        stack = contextlib.ExitStack()
        self._scratch = stack.enter_context(scratch_folder())
        weakref.finalize(self, stack.close)
        self._feature_spec = schema_utils.schema_as_feature_spec(schema).feature_spec
        self._traced = self._trace({})
        self._fingerprint = self._traced.fingerprint()
        self.unsupported = self._traced.unsupported
        """What of the function arrays cannot compute; empty where they can compute all of it."""

    def analyze(self, batches: Callable[[], Iterable[Sequence[bytes]]]) -> None:
        """Computes the function's analyzers.

        Args:
            batches: function that returns an iterable of batches of serialized `tf.Example`. It is called once for each
                phase.

        Raises:
            DataError: if an example does not fit the schema.
        """
        values: dict[str, tf.Tensor] = {}
        while self._traced.analyzers is not None:
            for batch in self.transform(batches()):
                self._traced.analyzers.add({name: np.asarray(tensor) for name, tensor in batch.items()})
            results = self._traced.analyzers.results(self._scratch)
            for sink, result in zip(self._traced.ready, results, strict=True):
                values[sink.tensor.name] = tf.constant(result, sink.tensor.dtype)
            self._traced = self._trace(values)
            self._traced.check_fingerprint(self._fingerprint)
        self._transformed_schema = self._traced.schema()

    def write_graph(self, folder: Path) -> None:
        """Writes the transform graph of an analyzed function to a folder, laid out as TFX Transform's."""
        output = tft.TFTransformOutput
        tf.saved_model.save(self._traced.module, str(folder / output.TRANSFORM_FN_DIR))
        schemas = {output.RAW_METADATA_DIR: self._schema, output.TRANSFORMED_METADATA_DIR: self._transformed_schema}
        for name, schema in schemas.items():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "schema.pbtxt").write_text(text_format.MessageToString(schema), encoding="utf-8")
        if self._traced.asset_map:
            asset_map = folder / output.TRANSFORMED_METADATA_DIR / output.ASSET_MAP
            asset_map.write_text(json.dumps(self._traced.asset_map), encoding="utf-8")

    def write_examples(self, batches: Iterable[Sequence[bytes]], path: Path) -> None:
        """Writes batches of serialized examples, transformed by an analyzed function, to a file as TFX Transform does.

        Raises:
            DataError: if an example does not fit the schema.
        """
        converter = impl_helper.make_tensor_to_arrow_converter(self._transformed_schema)
        encoder = example_coder.RecordBatchToExamplesEncoder(self._transformed_schema)
        with RecordWriter(path) as writer:
            for tensors in self.transform(batches):
                writer.write(encoder.encode(converter.convert(tensors)))

    def transform(self, batches: Iterable[Sequence[bytes]]) -> Iterator[dict[str, Any]]:
        """Yields the tensors of each batch of serialized examples, by the graph that `write_graph` writes.

        Raises:
            DataError: if an example does not fit the schema.
        """
        # TensorFlow works on a batch while the next is read and the last is used.
        with ThreadPoolExecutor(1) as pool:
            pending = None
            for batch in batches:
                following = pool.submit(self._run, batch)
                if pending:
                    yield pending.result()
                pending = following
            if pending:
                yield pending.result()

    def _trace(self, values: Mapping[str, tf.Tensor]) -> "_Trace":
        specs = impl_helper.get_type_specs_from_feature_specs(self._feature_spec)
        return _Trace(self._preprocess, specs, self._scratch, values)

    def _run(self, batch: Sequence[bytes]) -> dict[str, Any]:
        try:
            parsed = tf.io.parse_example(tf.constant(batch, tf.string), self._feature_spec)
        except tf.errors.InvalidArgumentError as error:
            raise DataError(
                f"Expected examples that fit the schema. Received: {error.message}. Correct the schema or the examples."
            ) from None
        outputs: dict[str, Any] = self._traced.function(*tf.nest.flatten(parsed, expand_composites=True))
        return outputs


class _Trace:
    """A preprocessing function traced with the values of some of its analyzers.

    Args:
        preprocess: function. See `ArrayTransform`.
        specs: mapping of feature name to `tf.TypeSpec`.
        scratch: path.
        values: mapping of name of an analyzer's tensor to its value.
    """

    def __init__(
        self, preprocess: Preprocess, specs: Mapping[str, tf.TypeSpec], scratch: Path, values: Mapping[str, tf.Tensor]
    ) -> None:
        context = graph_context.TFGraphContext(
            module_to_export=tf.Module(), temp_dir=str(scratch), evaluated_replacements=values
        )
        self.analyzers: Analyzers | None = None
        self.unsupported = ""
        self.ready: list[Any] = []

        @tf.function(input_signature=[dict(specs)], autograph=False)  # type: ignore[untyped-decorator]
        def transform_fn(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
            graph = tf.compat.v1.get_default_graph()
            with context:
                outputs = preprocess(tf_utils.copy_tensors(inputs))
            sinks = graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS)
            if not sinks:
                self._outputs = outputs
                return outputs
            self.unsupported = Analyzers([sink.future for sink in sinks]).unsupported
            self.ready = _ready(graph, inputs, sinks)
            self.analyzers = Analyzers([sink.future for sink in self.ready])
            return self.analyzers.tensors

        # Under this name `tft.TFTransformOutput` looks for it.
        self._concrete = saved_transform_io_v2.trace_and_update_module(
            context.module_to_export, transform_fn, "transform_fn", strip_control_dependencies=False
        )
        self.module = context.module_to_export
        self.function = self.module.transform_fn
        graph = self._concrete.graph
        self.asset_map = tft_annotators.get_asset_annotations(graph)
        tft_annotators.clear_asset_annotations(graph)

    def fingerprint(self) -> Any:
        """Returns what each analyzer reads, by the name of its tensor."""
        graph = self._concrete.graph
        return graph_tools.get_analyzers_fingerprint(graph, tf2_utils.get_structured_inputs_from_func_graph(graph))

    def check_fingerprint(self, expected: Any) -> None:
        """Checks that the analyzers have the names that they had in another trace of the function."""
        graph = self._concrete.graph
        inputs = tf2_utils.get_structured_inputs_from_func_graph(graph)
        validate_analyzers_fingerprint(expected, graph, inputs)

    def schema(self) -> schema_pb2.Schema:
        """Returns the schema of the outputs, with the ranges and annotations that the function gave them."""
        values = self._evaluate(schema_overrides(self._concrete.graph, self._outputs))
        return schema_inference.infer_feature_schema_v2(
            self._concrete.structured_outputs, lambda: values, evaluate_schema_overrides=True
        )

    def _evaluate(self, structure: Any) -> Any:
        """Returns a structure with the value of each tensor of the graph, none of which depends on the inputs."""
        leaves = tf.nest.flatten(structure)
        tensors = [leaf for leaf in leaves if isinstance(leaf, tf.Tensor)]
        wrapped = wrap_function.WrappedFunction(
            self._concrete.graph, variable_holder=wrap_function.VariableHolder(share_variables=True)
        )
        values = iter(wrapped.prune([], tensors)() if tensors else ())
        known = [next(values) if isinstance(leaf, tf.Tensor) else tf.constant(leaf) for leaf in leaves]
        return tf.nest.pack_sequence_as(structure, known)


def _ready(graph: tf.Graph, inputs: Mapping[str, Any], sinks: list[Any]) -> list[Any]:
    """Returns the analyzers whose tensors depend on no analyzer that is still to be computed."""
    waiting = [(tf_utils.hashable_tensor_or_op(sink.tensor), False) for sink in sinks]
    analyzer = graph_tools.InitializableGraphAnalyzer(graph, inputs, waiting)
    return [
        sink
        for sink in sinks
        if all(analyzer.ready_to_run(tensor) for tensor in Analyzers([sink.future]).tensors.values())
    ]
