"""What a pipeline may not hold, found before it is compiled."""

import re
import sys
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_driver import BaseDriver
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.importer import SOURCE_URI_KEY, Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.types.channel import Channel

from ....components.executor_path import BeamExecutorPath, ExecutorPath
from ....components.tfx_api import (
    RESOLVER_STRATEGY_CLASS,
    Placeholder,
    TemplatedExecutorContainerSpec,
    channel_utils,
    conditional,
)
from ....dotted import is_defined
from ....errors import CompileError
from ....uris import is_remote

# Execution properties in which TFX's components name a user's function by its dotted path.
_USER_CODE = ("run_fn", "tuner_fn", "preprocessing_fn", "stats_options_updater_fn")
_MODULE_FILE = "module_file"
# Types of values that TFX makes output parameters of; for a float it looks for a type `Double`, which there is not.
_COMPUTED = ("Integer", "String", "Boolean")
_TFX_TITLE = re.compile(r"[a-z][a-z0-9-_]{2,20}\.[A-Z][a-zA-Z0-9-_]{2,49}")
# Named, not imported: with them TFX imports Beam and TensorFlow.
FILE_BASED_EXAMPLE_GEN = "tfx.components.example_gen.component.FileBasedExampleGen"
INFRA_VALIDATOR = "tfx.components.infra_validator.component.InfraValidator"
_PIPELINE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?")


def check_pipeline(pipeline: Pipeline, exit_handler: BaseNode | None = None) -> None:
    """Rejects a pipeline that open-source Kubeflow Pipelines cannot run.

    Raises:
        CompileError: with the fix.
    """
    name = pipeline.pipeline_info.pipeline_name
    if not _PIPELINE_NAME.fullmatch(name):
        raise CompileError(
            "Expected the pipeline's name to be of lower-case letters, digits and '-', with one of the first two at "
            f"both ends, and to have 128 characters at most. Received: {name!r}. Rename the pipeline."
        )
    for node in (*pipeline.components, *([exit_handler] if exit_handler else [])):
        _check_node(node, pipeline)


def is_component(node: BaseNode, path: str) -> bool:
    """Returns whether a node is of the class with a dotted path, or of one derived from it."""
    return any(f"{base.__module__}.{base.__qualname__}" == path for base in type(node).__mro__)


def _check_node(node: BaseNode, pipeline: Pipeline) -> None:
    if is_component(node, INFRA_VALIDATOR):
        raise CompileError(
            f"Expected components that run as a step. Received: InfraValidator {node.id!r}, which TFX does not "
            "compile. Remove it: the Pusher checks each model in a session loader before it pushes."
        )
    if isinstance(node, Resolver):
        _check_resolver(node)
    elif isinstance(node, Importer):
        _check_importer(node, pipeline)
    elif isinstance(node, BaseComponent):
        _check_component(node)
    else:
        raise CompileError(
            f"Expected components, resolvers and importers. Received: {node.id!r}, a {type(node).__name__}. "
            "Write its nodes into the pipeline itself."
        )
    _check_computed_values(node)
    for key, channel in {**node.inputs, **node.outputs}.items():
        _check_artifact_type(node, key, channel)


def _check_resolver(node: Resolver) -> None:
    strategy = node.exec_properties[RESOLVER_STRATEGY_CLASS]
    if not (isinstance(strategy, type) and issubclass(strategy, LatestBlessedModelStrategy)):
        raise CompileError(
            f"Expected the resolver {node.id!r} to have LatestBlessedModelStrategy, the only one that a step can stand "
            f"for. Received: {getattr(strategy, '__name__', strategy)}. Import the artifact with an Importer."
        )


def _check_importer(node: Importer, pipeline: Pipeline) -> None:
    uri = node.exec_properties[SOURCE_URI_KEY]
    if not isinstance(uri, RuntimeParameter) and not is_remote(str(uri)):
        raise CompileError(
            f"Expected the importer {node.id!r} to name a URI that begins with gs://, s3:// or minio://. "
            f"Received: {uri!r}. Put the artifact into the store."
        )
    if conditional.get_predicates(node, pipeline.dsl_context_registry):
        raise CompileError(
            f"Expected the importer {node.id!r} to have no condition, which Kubeflow Pipelines rejects. Received: one. "
            "Take it out of the condition: an import costs nothing."
        )


def _check_component(node: BaseComponent) -> None:
    executor = node.executor_spec
    if isinstance(executor, TemplatedExecutorContainerSpec):
        return
    if not isinstance(executor, ExecutorClassSpec):
        raise CompileError(
            f"Expected {node.id!r} to have an executor class or a container. Received: {type(executor).__name__}. "
            "Give it an ExecutorClassSpec."
        )
    path = _path_of(executor)
    if not _can_be_imported(executor):
        raise CompileError(
            f"Expected the executor of {node.id!r} to be importable. Received: {path}. Define the class at the top of "
            "a module that is installed in the image."
        )
    has_driver = node.driver_class is not BaseDriver
    if (
        has_driver
        and not is_component(node, FILE_BASED_EXAMPLE_GEN)
        and not getattr(executor.executor_class, "NEEDS_NO_DRIVER", False)
    ):
        raise CompileError(
            f"Expected {node.id!r} to have no driver of its own, for Kubeflow Pipelines runs none. "
            f"Received: {node.driver_class.__name__}. Do its work in the executor, and say so there with "
            "`NEEDS_NO_DRIVER = True`."
        )
    if node.exec_properties.get(_MODULE_FILE):
        raise CompileError(
            f"Expected {node.id!r} to name its code by a dotted path. Received: a module file "
            f"({node.exec_properties[_MODULE_FILE]}). Install the code in the image and name the function, as in "
            "`run_fn='package.module.run_fn'`."
        )
    for name in _USER_CODE:
        path = node.exec_properties.get(name)
        if isinstance(path, str) and path and not is_defined(path):
            raise CompileError(
                f"Expected {name} of {node.id!r} to be importable here as in the image. Received: {path!r}. Correct "
                "the path, or install the package that holds it here and in the image."
            )


def _check_computed_values(node: BaseNode) -> None:
    for name, value in node.exec_properties.items():
        if not isinstance(value, Placeholder):
            continue
        for channel in channel_utils.get_dependent_channels(value):
            if channel.type.TYPE_NAME not in _COMPUTED:
                raise CompileError(
                    f"Expected {name} of {node.id!r}, which another step computes, to be an int, a str or a bool: TFX "
                    f"compiles no other. Received: the {channel.type.TYPE_NAME} {channel.output_key!r} of "
                    f"{channel.producer_component_id!r}. Let it return a str, and read the number from that."
                )


def _check_artifact_type(node: BaseNode, key: str, channel: Any) -> None:
    artifact_class = channel.type
    name = artifact_class.TYPE_NAME
    is_tfx = artifact_class.__module__.startswith("tfx.types.")
    if not is_tfx and not _TFX_TITLE.fullmatch(name):
        raise CompileError(
            f"Expected the artifact type of {node.id}.{key} to have a name such as 'yachay.Quarantine'. "
            f"Received: {name!r}. Rename its TYPE_NAME."
        )
    path = f"{artifact_class.__module__}.{artifact_class.__qualname__}"
    if not _is_at_top(artifact_class):
        raise CompileError(
            f"Expected the artifact type of {node.id}.{key} to be importable. Received: {path}. Define the class at "
            "the top of a module that is installed in the image."
        )
    if not isinstance(channel, Channel):
        raise CompileError(
            f"Expected {node.id}.{key} to be one channel. Received: a {type(channel).__name__}. Pass a single output."
        )


def _path_of(executor: ExecutorClassSpec) -> str:
    if isinstance(executor, ExecutorPath | BeamExecutorPath):
        return str(executor.class_path)
    return f"{executor.executor_class.__module__}.{executor.executor_class.__qualname__}"


def _can_be_imported(executor: ExecutorClassSpec) -> bool:
    if isinstance(executor, ExecutorPath | BeamExecutorPath):
        path = str(executor.class_path)
        return path.startswith("tfx.") or is_defined(path)  # To look for one of TFX's imports it.
    return _is_at_top(executor.executor_class)


def _is_at_top(found: type) -> bool:
    """Returns whether a class is what another process finds under its name."""
    module = sys.modules.get(found.__module__)
    return found.__module__ != "__main__" and getattr(module, found.__qualname__, None) is found
