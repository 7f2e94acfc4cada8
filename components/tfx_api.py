"""The private modules of TFX, TFDV, TFMA, TFT and tfx-bsl that are used, to look at when a version moves them.

Public are `tfx.types`, `tfx.components`, `tfx.dsl.components` and `tfx.orchestration.pipeline`, which TFX's guides
show to authors of components and pipelines; those are imported where they are used. What is here has no such promise.
Each name is imported when it is first used: a step does not load the compiler's.
"""

import functools
import glob
import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..deferred import is_deferred, when_imported
from ..errors import suggestion

if TYPE_CHECKING:
    from tensorflow.python.eager import wrap_function as wrap_function
    from tensorflow_data_validation.pywrap import tensorflow_data_validation_extension as tfdv_extension
    from tensorflow_data_validation.statistics import stats_impl as stats_impl
    from tensorflow_data_validation.statistics import stats_options as stats_options
    from tensorflow_data_validation.statistics.generators import basic_stats_generator as basic_stats_generator
    from tensorflow_data_validation.statistics.generators import stats_generator as stats_generator
    from tensorflow_data_validation.utils import schema_util as schema_util
    from tensorflow_data_validation.utils import top_k_uniques_stats_util as top_k_uniques_stats_util
    from tensorflow_model_analysis.metrics import metric_util as metric_util
    from tensorflow_model_analysis.proto import config_pb2 as config_pb2
    from tensorflow_model_analysis.proto import metrics_for_slice_pb2 as metrics_for_slice_pb2
    from tensorflow_model_analysis.proto import validation_result_pb2 as validation_result_pb2
    from tensorflow_model_analysis.utils import model_util as model_util
    from tensorflow_transform import analyzer_nodes as analyzer_nodes
    from tensorflow_transform import analyzers as tft_analyzers
    from tensorflow_transform import annotators as tft_annotators
    from tensorflow_transform import graph_context as graph_context
    from tensorflow_transform import graph_tools as graph_tools
    from tensorflow_transform import impl_helper as impl_helper
    from tensorflow_transform import nodes as tft_nodes
    from tensorflow_transform import schema_inference as schema_inference
    from tensorflow_transform import tf2_utils as tf2_utils
    from tensorflow_transform import tf_utils as tf_utils
    from tensorflow_transform.analyzers import _VocabOrderingType as VocabOrderingType
    from tensorflow_transform.saved import saved_transform_io_v2 as saved_transform_io_v2
    from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader as SavedTransformLoader
    from tensorflow_transform.tf_metadata import schema_utils as schema_utils
    from tfx.components.evaluator import constants as evaluator_constants
    from tfx.components.evaluator import executor as evaluator_executor
    from tfx.components.example_gen import driver as example_gen_driver
    from tfx.components.example_gen import input_processor as input_processor
    from tfx.components.example_gen import utils as example_gen_utils
    from tfx.components.statistics_gen import executor as statistics_gen_executor
    from tfx.components.trainer import fn_args_utils as fn_args_utils
    from tfx.components.transform import executor as transform_executor
    from tfx.components.util import model_utils as model_utils
    from tfx.components.util import tfxio_utils as tfxio_utils
    from tfx.dsl.compiler import compiler as dsl_compiler
    from tfx.dsl.compiler import constants as dsl_constants
    from tfx.dsl.component.experimental.annotations import Parameter as Parameter
    from tfx.dsl.component.experimental.executor_specs import (
        TemplatedExecutorContainerSpec as TemplatedExecutorContainerSpec,
    )
    from tfx.dsl.components.common.resolver import RESOLVER_STRATEGY_CLASS as RESOLVER_STRATEGY_CLASS
    from tfx.dsl.experimental.conditionals import conditional as conditional
    from tfx.dsl.placeholder.placeholder import Placeholder as Placeholder
    from tfx.orchestration import data_types_utils as data_types_utils
    from tfx.orchestration import metadata as metadata
    from tfx.orchestration.kubeflow.decorators import FinalStatusStr as FinalStatusStr
    from tfx.orchestration.kubeflow.decorators import exit_handler as exit_handler
    from tfx.orchestration.kubeflow.v2.pipeline_builder import PipelineBuilder as PipelineBuilder
    from tfx.orchestration.local import runner_utils as runner_utils
    from tfx.orchestration.portable import base_driver as portable_driver
    from tfx.orchestration.portable import base_executor_operator as base_executor_operator
    from tfx.orchestration.portable import beam_executor_operator as beam_executor_operator
    from tfx.orchestration.portable import data_types as portable_data_types
    from tfx.orchestration.portable import launcher as launcher
    from tfx.orchestration.portable import python_executor_operator as python_executor_operator
    from tfx.orchestration.portable import runtime_parameter_utils as runtime_parameter_utils
    from tfx.proto.orchestration import driver_output_pb2 as driver_output_pb2
    from tfx.proto.orchestration import executable_spec_pb2 as executable_spec_pb2
    from tfx.proto.orchestration import execution_invocation_pb2 as execution_invocation_pb2
    from tfx.proto.orchestration import execution_result_pb2 as execution_result_pb2
    from tfx.proto.orchestration import pipeline_pb2 as pipeline_pb2
    from tfx.types import channel_utils as channel_utils
    from tfx.types.artifact import CUSTOM_PROPERTIES_PREFIX as CUSTOM_PROPERTIES_PREFIX
    from tfx.types.experimental import simple_artifacts as simple_artifacts
    from tfx.utils import io_utils as io_utils
    from tfx.utils import json_utils as json_utils
    from tfx.utils import path_utils as path_utils
    from tfx.utils import proto_utils as proto_utils
    from tfx_bsl.coders import example_coder as example_coder
    from tfx_bsl.statistics import merge_util as merge_util

__all__ = [
    "CUSTOM_PROPERTIES_PREFIX",
    "RESOLVER_STRATEGY_CLASS",
    "SCHEMA_FILE_NAME",
    "FinalStatusStr",
    "Parameter",
    "PipelineBuilder",
    "Placeholder",
    "SavedTransformLoader",
    "TemplatedExecutorContainerSpec",
    "VocabOrderingType",
    "analyzer_nodes",
    "base_executor_operator",
    "basic_stats_generator",
    "beam_executor_operator",
    "channel_utils",
    "conditional",
    "config_pb2",
    "data_types_utils",
    "driver_output_pb2",
    "dsl_compiler",
    "dsl_constants",
    "evaluator_constants",
    "evaluator_executor",
    "example_coder",
    "example_gen_driver",
    "example_gen_utils",
    "executable_spec_pb2",
    "execution_invocation_pb2",
    "execution_result_pb2",
    "exit_handler",
    "fn_args_utils",
    "graph_context",
    "graph_tools",
    "impl_helper",
    "input_processor",
    "io_utils",
    "json_utils",
    "launcher",
    "merge_util",
    "metadata",
    "metric_util",
    "metrics_for_slice_pb2",
    "model_util",
    "model_utils",
    "path_utils",
    "pipeline_pb2",
    "portable_data_types",
    "portable_driver",
    "proto_utils",
    "python_executor_operator",
    "resolver_strategy",
    "runner_utils",
    "runtime_parameter_utils",
    "saved_transform_io_v2",
    "schema_inference",
    "schema_util",
    "schema_utils",
    "set_resolver_strategy",
    "simple_artifacts",
    "statistics_gen_executor",
    "stats_generator",
    "stats_impl",
    "stats_options",
    "tf2_utils",
    "tf_utils",
    "tfdv_extension",
    "tft_analyzers",
    "tft_annotators",
    "tft_nodes",
    "tfxio_utils",
    "top_k_uniques_stats_util",
    "transform_executor",
    "validation_result_pb2",
    "wrap_function",
]

SCHEMA_FILE_NAME = "schema.pbtxt"
"""`tfx.components.schema_gen.executor.DEFAULT_FILE_NAME`, whose module imports TensorFlow Data Validation."""

_PLACES = {
    "executable_spec_pb2": "tfx.proto.orchestration.executable_spec_pb2",
    "python_executor_operator": "tfx.orchestration.portable.python_executor_operator",
    "beam_executor_operator": "tfx.orchestration.portable.beam_executor_operator",
    "base_executor_operator": "tfx.orchestration.portable.base_executor_operator",
    "CUSTOM_PROPERTIES_PREFIX": "tfx.types.artifact.CUSTOM_PROPERTIES_PREFIX",
    "FinalStatusStr": "tfx.orchestration.kubeflow.decorators.FinalStatusStr",
    "Parameter": "tfx.dsl.component.experimental.annotations.Parameter",
    "exit_handler": "tfx.orchestration.kubeflow.decorators.exit_handler",
    "PipelineBuilder": "tfx.orchestration.kubeflow.v2.pipeline_builder.PipelineBuilder",
    "Placeholder": "tfx.dsl.placeholder.placeholder.Placeholder",
    "RESOLVER_STRATEGY_CLASS": "tfx.dsl.components.common.resolver.RESOLVER_STRATEGY_CLASS",
    "SavedTransformLoader": "tensorflow_transform.saved.saved_transform_io_v2.SavedModelLoader",
    "TemplatedExecutorContainerSpec": "tfx.dsl.component.experimental.executor_specs.TemplatedExecutorContainerSpec",
    "VocabOrderingType": "tensorflow_transform.analyzers._VocabOrderingType",
    "analyzer_nodes": "tensorflow_transform.analyzer_nodes",
    "basic_stats_generator": "tensorflow_data_validation.statistics.generators.basic_stats_generator",
    "channel_utils": "tfx.types.channel_utils",
    "conditional": "tfx.dsl.experimental.conditionals.conditional",
    "data_types_utils": "tfx.orchestration.data_types_utils",
    "driver_output_pb2": "tfx.proto.orchestration.driver_output_pb2",
    "dsl_compiler": "tfx.dsl.compiler.compiler",
    "dsl_constants": "tfx.dsl.compiler.constants",
    "evaluator_executor": "tfx.components.evaluator.executor",
    "example_coder": "tfx_bsl.coders.example_coder",
    "example_gen_driver": "tfx.components.example_gen.driver",
    "example_gen_utils": "tfx.components.example_gen.utils",
    "execution_invocation_pb2": "tfx.proto.orchestration.execution_invocation_pb2",
    "execution_result_pb2": "tfx.proto.orchestration.execution_result_pb2",
    "fn_args_utils": "tfx.components.trainer.fn_args_utils",
    "graph_context": "tensorflow_transform.graph_context",
    "graph_tools": "tensorflow_transform.graph_tools",
    "impl_helper": "tensorflow_transform.impl_helper",
    "input_processor": "tfx.components.example_gen.input_processor",
    "io_utils": "tfx.utils.io_utils",
    "json_utils": "tfx.utils.json_utils",
    "launcher": "tfx.orchestration.portable.launcher",
    "merge_util": "tfx_bsl.statistics.merge_util",
    "metadata": "tfx.orchestration.metadata",
    "metric_util": "tensorflow_model_analysis.metrics.metric_util",
    "model_util": "tensorflow_model_analysis.utils.model_util",
    "path_utils": "tfx.utils.path_utils",
    "pipeline_pb2": "tfx.proto.orchestration.pipeline_pb2",
    "portable_data_types": "tfx.orchestration.portable.data_types",
    "portable_driver": "tfx.orchestration.portable.base_driver",
    "proto_utils": "tfx.utils.proto_utils",
    "runner_utils": "tfx.orchestration.local.runner_utils",
    "runtime_parameter_utils": "tfx.orchestration.portable.runtime_parameter_utils",
    "saved_transform_io_v2": "tensorflow_transform.saved.saved_transform_io_v2",
    "schema_inference": "tensorflow_transform.schema_inference",
    "schema_util": "tensorflow_data_validation.utils.schema_util",
    "schema_utils": "tensorflow_transform.tf_metadata.schema_utils",
    "simple_artifacts": "tfx.types.experimental.simple_artifacts",
    "statistics_gen_executor": "tfx.components.statistics_gen.executor",
    "stats_generator": "tensorflow_data_validation.statistics.generators.stats_generator",
    "stats_impl": "tensorflow_data_validation.statistics.stats_impl",
    "stats_options": "tensorflow_data_validation.statistics.stats_options",
    "tf2_utils": "tensorflow_transform.tf2_utils",
    "tf_utils": "tensorflow_transform.tf_utils",
    "tft_analyzers": "tensorflow_transform.analyzers",
    "tft_annotators": "tensorflow_transform.annotators",
    "tft_nodes": "tensorflow_transform.nodes",
    "tfxio_utils": "tfx.components.util.tfxio_utils",
    "top_k_uniques_stats_util": "tensorflow_data_validation.utils.top_k_uniques_stats_util",
    "transform_executor": "tfx.components.transform.executor",
    "wrap_function": "tensorflow.python.eager.wrap_function",
}


_ALONE = {
    "config_pb2": "tensorflow_model_analysis.proto.config_pb2",
    "evaluator_constants": "tfx.components.evaluator.constants",
    "metrics_for_slice_pb2": "tensorflow_model_analysis.proto.metrics_for_slice_pb2",
    "model_utils": "tfx.components.util.model_utils",
    "tfdv_extension": "tensorflow_data_validation.pywrap.tensorflow_data_validation_extension",
    "validation_result_pb2": "tensorflow_model_analysis.proto.validation_result_pb2",
}
"""Small modules in packages whose `__init__` takes seconds: they are read from their files."""


_NAME_BEAM = (
    "tfx.dsl.components.base.base_beam_executor",
    "tfx.orchestration.portable.beam_executor_operator",
    "tfx.dsl.component.experimental.annotations",
    "tfx.dsl.component.experimental.decorators",
)


_STATISTICS = (
    "tensorflow_data_validation.types",
    "tensorflow_data_validation.statistics.generators.basic_stats_generator",
    "tensorflow_data_validation.utils.top_k_uniques_stats_util",
)
"""What computes statistics, with the modules that it imports, and takes of Beam a coder and counters."""


def _load(name: str) -> Any:
    """Returns a module, or what one defines."""
    if name in _ALONE:
        return _load_alone(_ALONE[name])
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{suggestion(name, [*_PLACES, *_ALONE])}")
    _spare_imports()
    if _PLACES[name].startswith("tensorflow_data_validation."):
        _spare_beam_of_statistics()
    if name == "PipelineBuilder":
        _spare_components()
    module, _, attribute = _PLACES[name].rpartition(".")
    found = getattr(importlib.import_module(module), attribute, None)
    return importlib.import_module(_PLACES[name]) if found is None else found


@functools.cache
def _load_alone(path: str) -> Any:
    """Returns a module without importing the packages that it stands in.

    Messages of a protocol buffer are the same classes as those of its package, which share the pool of descriptors.
    """
    if path in sys.modules:
        return sys.modules[path]
    if path == _ALONE["validation_result_pb2"]:
        for name in ("config_pb2", "metrics_for_slice_pb2"):
            _load(name)
    # The generated modules take for granted that these are there.
    importlib.import_module("google.protobuf.wrappers_pb2")
    top, *rest = path.split(".")
    package = importlib.util.find_spec(top)
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {top!r}", name=top)
    place = Path(package.submodule_search_locations[0], *rest)
    file = next((file for suffix in (".py", ".so") if (file := place.with_suffix(suffix)).exists()), place)
    # A library is loaded once in a process: its package, where that is imported later, finds it by its name.
    name = path if file.suffix == ".so" else f"{__name__}.{rest[-1]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {path!r}", name=path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if file.suffix == ".so":
        sys.modules[path] = module
    return module


__getattr__ = _load


@functools.cache
def _spare_imports() -> None:
    """Lets TFX do its own work without the packages whose import is deferred; see `deferred`."""
    if is_deferred("apache_beam"):
        _spare_beam()
    if is_deferred("tensorflow"):
        # TFX has a file system for local paths, and takes TensorFlow's where that can be imported.
        importlib.import_module("tfx.dsl.io.fileio")  # It registers TensorFlow's.
        registry = importlib.import_module("tfx.dsl.io.filesystem_registry").DEFAULT_FILESYSTEM_REGISTRY
        registry.register(_local_filesystem(), priority=0)


def _local_filesystem() -> type:
    """Returns TFX's file system for local paths, where it differs made as that of TensorFlow."""
    local: Any = importlib.import_module("tfx.dsl.io.plugins.local").LocalFilesystem
    with_tensorflow = importlib.import_module("tfx.dsl.io.plugins.tensorflow_gfile").TensorflowFilesystem

    class LocalFilesystem(local):
        # Fingerprints of files read `length` and `mtime_nsec` of it.
        stat = staticmethod(with_tensorflow.stat)

        @staticmethod
        def open(name: Any, mode: str = "r") -> Any:
            if "b" in mode:
                return local.open(name, mode)
            try:
                return Path(os.fsdecode(name)).open(mode, encoding="utf-8", newline="")
            except FileNotFoundError as error:
                raise importlib.import_module("tfx.dsl.io.fileio").NotFoundError from error

        @staticmethod
        def glob(pattern: Any) -> list[Any]:
            return sorted(glob.glob(pattern, include_hidden=True))  # noqa: PTH207 (a path may have any mark)

        @staticmethod
        def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Any:
            return os.walk(top, topdown, onerror, followlinks=True)

    return LocalFilesystem


def _spare_beam() -> None:
    """Imports the modules of TFX that need of Beam the name of its pipelines, so that they do not import Beam.

    TFX allows for an installation without Beam: it takes `Any` for the name. Once the deferred Beam is used they have
    the name.
    """
    beam = sys.modules["apache_beam"]
    sys.modules["apache_beam"] = cast(Any, None)
    try:
        modules = [importlib.import_module(name) for name in _NAME_BEAM]
    finally:
        sys.modules["apache_beam"] = beam
    for module in modules:
        if "beam" in vars(module):
            vars(module)["beam"] = beam

    def name_pipelines(beam: Any) -> None:
        for module in modules:
            vars(module)["_BeamPipeline"] = beam.Pipeline

    when_imported("apache_beam", name_pipelines)


class _Nothing:
    """Stands for whatever a module takes of Beam while it is imported: a base class, a registry, a counter."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any) -> Any:
        return self

    __getitem__ = __call__

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return ()


@functools.cache
def _spare_beam_of_statistics() -> None:
    """Imports TFDV's generators so that they do not import Beam, whose counters count nothing outside a pipeline.

    Once the deferred Beam is used they have it, and it has their coder.
    """
    if not is_deferred("apache_beam") or any(name in sys.modules for name in _STATISTICS):
        return
    beam, before = sys.modules["apache_beam"], set(sys.modules)
    sys.modules["apache_beam"] = cast(Any, _Nothing())
    try:
        data_types, *_ = (importlib.import_module(name) for name in _STATISTICS)
    finally:
        sys.modules["apache_beam"] = beam
    modules = [sys.modules[name] for name in sys.modules.keys() - before]

    def give_beam(beam: Any) -> None:
        for module in modules:
            lacking = {name for name, value in vars(module).items() if isinstance(value, _Nothing)}
            if lacking:
                vars(module)["beam"] = beam
            if lacking - {"beam"}:  # Transforms of pipelines.
                importlib.reload(module)
        without_base = data_types._ArrowRecordBatchCoder
        methods = {name: value for name, value in vars(without_base).items() if callable(value)}
        methods["__module__"] = data_types.__name__
        coder = type(without_base.__name__, (beam.coders.Coder,), methods)
        vars(data_types)[coder.__name__] = coder
        beam.coders.typecoders.registry.register_coder(data_types.pa.RecordBatch, coder)

    when_imported("apache_beam", give_beam)


def _spare_components() -> None:
    """Gives TFX's compiler the one component that it asks for, so that it does not import all of them.

    It also asks for `InfraValidator`, to reject it: ours does before.
    """
    if is_deferred("tfx.components"):
        example_gen = importlib.import_module("tfx.components.example_gen.component").FileBasedExampleGen
        builder = importlib.import_module("tfx.orchestration.kubeflow.v2.step_builder")
        vars(builder)["components"] = types.SimpleNamespace(FileBasedExampleGen=example_gen, InfraValidator=())


def resolver_strategy(node: Any) -> type:
    """Returns the strategy class of a TFX `Resolver`."""
    strategy: type = node._strategy_class
    return strategy


def set_resolver_strategy(node: Any, strategy: type) -> None:
    """Gives a TFX `Resolver` another strategy class."""
    node._strategy_class = strategy


def saved_objects(loader: Any) -> Any:
    """Returns what `tf.saved_model.load` returned to a loader of a transform graph: its tables and assets."""
    return loader._imported


def validate_analyzers_fingerprint(expected: Any, graph: Any, inputs: Any) -> None:
    """Checks that a trace has the analyzers of another, by `tensorflow_transform.graph_tools`' fingerprint.

    Raises:
        RuntimeError: if it has others.
    """
    _load("impl_helper")._validate_analyzers_fingerprint(expected, graph, inputs)


def schema_overrides(graph: Any, outputs: Any) -> dict[str, Any]:
    """Returns the ranges and annotations that a preprocessing function gave its outputs: tensors of its graph.

    As TFT's `get_traced_metadata_fn` gathers them, which traces the function once more for it.
    """
    inference = _load("schema_inference")
    names = inference._get_tensor_value_to_key_map(outputs)
    ranges: dict[str, Any] = inference._get_schema_overrides(
        graph,
        names,
        inference._TF_METADATA_TENSOR_COLLECTION,
        [inference._TF_METADATA_TENSOR_MIN_COLLECTION, inference._TF_METADATA_TENSOR_MAX_COLLECTION],
    )
    annotations: dict[str, Any] = inference._get_schema_overrides(
        graph,
        names,
        inference._TF_METADATA_EXTRA_ANNOTATION,
        [inference._TF_METADATA_EXTRA_ANNOTATION_TYPE_URL, inference._TF_METADATA_EXTRA_ANNOTATION_PROTO],
        inference._TF_METADATA_EXTRA_ANNOTATION_GLOBAL,
    )
    sparse = [inference._get_sparse_output_annotations_v2(graph, names)]
    return ranges | annotations | {inference._METADATA_SPARSE_OUTPUT_OVERRIDES_FIELD: sparse}
