"""Compiles a TFX pipeline for open-source Kubeflow Pipelines 2: TFX's own output, made into one that runs there."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import types, version
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from .... import __version__
from ....components.executor_path import BeamExecutorPath, ExecutorPath
from ....components.tfx_api import (
    PipelineBuilder,
    TemplatedExecutorContainerSpec,
    resolver_strategy,
    set_resolver_strategy,
)
from ....errors import CompileError
from ...config.kubeflow_settings import Kubeflow, Resources, Store
from ...node import DATA_URI, PIPELINE_ROOT, NodeTraits, PipelineParameter, RawData, traits_of
from ..spec.options import StepOptions
from ..spec.package import SCHEMA_VERSION
from ..spec.parameters import declare
from ..spec.views import VIEWS
from . import containers, imports, placement, rewrite
from .checks import FILE_BASED_EXAMPLE_GEN, check_pipeline, is_component

Json = dict[str, Any]

# As TFX names the two tasks that it makes of a resolver.
_RESOLVER_TASKS = ("model-blessing-resolver", "model-resolver")


@dataclasses.dataclass(frozen=True)
class CompiledPipeline:
    """What is uploaded.

    Args:
        pipeline_spec: dict. A `PipelineSpec` 2.1.0 in protojson.
        platform_spec: dict or None. The platform document.
        accelerators: mapping of node id to the number of devices that its step asks for.
        warnings: tuple of strings. What will run, but hardly as meant.
    """

    pipeline_spec: Json
    platform_spec: Json | None
    accelerators: Mapping[str, int] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_yaml(self) -> str:
        """Returns the file's content: the same for the same pipeline, byte for byte."""
        documents = [self.pipeline_spec, *([self.platform_spec] if self.platform_spec else [])]
        dumped: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, width=120, allow_unicode=True)
        return dumped


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def compile_pipeline(
    pipeline: Pipeline,
    image: str,
    settings: Kubeflow | None = None,
    exit_handler: BaseNode | None = None,
    package: str = "",
) -> CompiledPipeline:
    """Compiles a pipeline.

    Args:
        pipeline: TFX `Pipeline`. What its nodes take from a run stands in their traits; see `pipelines.node`.
        image: string. The image that holds the library and the pipeline's code.
        settings: `Kubeflow`. Place of the steps, and where the baseline lies. Defaults to its defaults.
        exit_handler: TFX node that runs once all others have ended. Defaults to None.
        package: string. Dotted package of the pipeline's own code, where it is none of the library's: `run-spec` finds
            it here, and the image must hold it. Defaults to none.

    Raises:
        CompileError: if the pipeline cannot run there, with the fix.
    """
    check_pipeline(pipeline, exit_handler)
    return _Compilation(pipeline, image, settings or Kubeflow(), exit_handler, package).run()


class _Compilation:
    """One compilation: the spec on its way from TFX's to ours."""

    def __init__(
        self,
        pipeline: Pipeline,
        image: str,
        settings: Kubeflow,
        exit_handler: BaseNode | None,
        package: str,
    ) -> None:
        self._pipeline, self._image, self._settings = pipeline, image, settings
        self._nodes = {node.id: node for node in (*pipeline.components, *([exit_handler] if exit_handler else []))}
        self._traits = {name: traits_of(node) for name, node in self._nodes.items()}
        self._parameters = _parameters(self._traits)
        self._exit_handler, self._package = exit_handler, package
        self._options: dict[str, StepOptions] = {}
        self._resolves: dict[str, str] = {}
        self._opens_store: set[str] = set()
        self._accelerators: dict[str, int] = {}

    def run(self) -> CompiledPipeline:
        spec = self._build()
        self._names = rewrite.rename_tasks(spec)
        rewrite.rewrite_types(spec)
        rewrite.rewrite_importers(spec)
        outputs = rewrite.rewrite_output_parameters(spec)
        for node in self._pipeline.components:
            if isinstance(node, Resolver):
                self._replace_resolver(spec, node)
        for name, node in self._nodes.items():
            if not isinstance(node, Resolver) and name in self._names:
                self._adapt(spec, node, outputs.get(f"comp-{self._names[name]}", {}))
        self._declare_parameters(spec)
        rewrite.rewrite_conditions(spec, self._names)
        rewrite.thread_parameters(spec)
        rewrite.depend_on_producers(spec)
        platform = self._place(spec)
        spec["schemaVersion"] = SCHEMA_VERSION
        spec["sdkVersion"] = f"yachay-{__version__}+tfx-{version.__version__}"
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        return CompiledPipeline(spec, platform, self._accelerators)

    def _build(self) -> Json:
        try:
            with _known_strategies(self._pipeline), _unnamed_executors(self._nodes.values()):
                built = PipelineBuilder(
                    tfx_pipeline=self._pipeline,
                    default_image=self._image,
                    default_commands=list(containers.COMMAND),
                    exit_handler=self._exit_handler,
                    use_pipeline_spec_2_1=True,
                ).build()
        except (ValueError, TypeError, NotImplementedError) as error:
            raise CompileError(
                f"Expected a pipeline that TFX compiles. Received: {error} Change the node that it names."
            ) from error
        spec: Json = json_format.MessageToDict(built)
        return spec

    def _task(self, spec: Json, name: str) -> tuple[Json, Json]:
        """Returns a task and the DAG that it stands in."""
        for dag in rewrite.dags(spec):
            if name in dag["tasks"]:
                return dag["tasks"][name], dag
        raise KeyError(name)

    def _replace_resolver(self, spec: Json, node: Resolver) -> None:
        """Puts a resolve step and a sub-DAG with an importer in the place of TFX's two resolver tasks."""
        old_blessing, old_model = (f"{self._names[f'{node.id}-{suffix}']}" for suffix in _RESOLVER_TASKS)
        _, dag = self._task(spec, old_model)
        for name in (old_blessing, old_model):
            component = spec["components"].pop(dag["tasks"].pop(name)["componentRef"]["name"])
            del spec["deploymentSpec"]["executors"][component["executorLabel"]]
        key = next(key for key, channel in node.outputs.items() if channel.type is standard_artifacts.Model)
        importer = rewrite.task_name(node.id)
        resolver = f"{importer}-resolve"
        options = StepOptions(self._pipeline_name, baseline=self._settings.baseline.model_dump(exclude_defaults=False))
        self._add_resolve_step(dag, spec, resolver, "baseline", options)
        if self._settings.baseline.source == "pointer":
            self._opens_store.add(resolver)
        imports.add_import(dag, spec, importer, resolver, key, "tfx.Model")
        for task in dag["tasks"].values():
            dependencies = set(task.get("dependentTasks", [])) - {old_blessing, old_model}
            if dependencies or "dependentTasks" in task:
                task["dependentTasks"] = sorted(dependencies)
            for name, source in task.get("inputs", {}).get("artifacts", {}).items():
                output = source["taskOutputArtifact"]
                if output["producerTask"] == old_blessing:
                    raise CompileError(
                        f"Expected nodes to take the model of the resolver {node.id!r} only. Received: one that takes "
                        "its blessing. Take the model's, which is there only where it was blessed."
                    )
                if output["producerTask"] == old_model:
                    output["producerTask"], output["outputArtifactKey"] = importer, key
                    consumer = spec["components"][task["componentRef"]["name"]]
                    consumer["inputDefinitions"]["artifacts"][name]["isOptional"] = True

    def _adapt(self, spec: Json, node: BaseNode, output_parameters: dict[str, str]) -> None:
        """Writes a node's container, and what it takes from the run."""
        name = self._names[node.id]
        task, dag = self._task(spec, name)
        component = spec["components"][task["componentRef"]["name"]]
        executor = spec["deploymentSpec"]["executors"][component["executorLabel"]]
        traits = self._traits[node.id]
        request = traits.request
        if request.raw_data or not traits.is_cached or is_component(node, FILE_BASED_EXAMPLE_GEN):
            # The cache's key holds neither the contents of the data nor those of the store.
            task["cachingOptions"] = {}
        if "container" not in executor:
            return
        if isinstance(node.executor_spec, TemplatedExecutorContainerSpec):
            executor["container"] = containers.own_container(name, executor["container"])
            return
        if request.raw_data:
            self._add_raw_data(dag, spec, node, task, component, request.raw_data)
        for property_name, parameter in request.properties.items():
            task["inputs"]["parameters"][property_name] = {"componentInputParameter": parameter}
        for parameter in request.arguments:
            if parameter in node.exec_properties:
                raise CompileError(f"Expected {node.id!r} to have no property {parameter!r}. Received: one. Rename it.")
            declared = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
            declared[parameter] = {"parameterType": self._parameter(parameter).type}
            given = task.setdefault("inputs", {}).setdefault("parameters", {})
            given[parameter] = {"componentInputParameter": parameter}
        if request.points_to or request.opens_store:
            self._opens_store.add(name)
        for output in request.views:
            kind, _ = VIEWS[output]
            component["outputDefinitions"]["artifacts"][output] = {"artifactType": rewrite.artifact_type(kind)}
        options = StepOptions(
            self._pipeline_name,
            version=__version__,
            arguments=request.arguments,
            assignments=request.assignments,
            raw_data=request.raw_data,
            output_folders=request.output_folders,
            points_to=request.points_to,
            views=request.views,
            rows=traits.rows,
            package=self._package,
            beam_args=containers.beam_args(executor["container"]),
            types=_class_paths(node),
            output_parameters=output_parameters,
            resolves_files=is_component(node, FILE_BASED_EXAMPLE_GEN),
        )
        executor["container"] = containers.step_container(
            name, self._image, node.executor_spec.class_path, component, options
        )
        containers.check_size(node.id, executor["container"]["args"], task)

    def _add_raw_data(
        self, dag: Json, spec: Json, node: BaseNode, task: Json, component: Json, raw_data: RawData
    ) -> None:
        """Lets the launcher bring the records that the run names in a store."""
        resolver, importer = (f"{self._names[node.id]}-{suffix}" for suffix in ("resolve", "data"))
        self._add_resolve_step(dag, spec, resolver, "data", StepOptions(self._pipeline_name))
        imports.add_import(dag, spec, importer, resolver, raw_data.input, "system.Dataset")
        task.setdefault("inputs", {}).setdefault("artifacts", {})[raw_data.input] = {
            "taskOutputArtifact": {"producerTask": importer, "outputArtifactKey": raw_data.input}
        }
        component.setdefault("inputDefinitions", {}).setdefault("artifacts", {})[raw_data.input] = {
            "artifactType": rewrite.artifact_type("system.Dataset"),
            "isOptional": True,
        }

    def _add_resolve_step(self, dag: Json, spec: Json, name: str, what: str, options: StepOptions) -> None:
        component = imports.resolve_component(with_data_uri=DATA_URI in self._parameters)
        container = containers.resolve_container(name, self._image, what, component, options)
        rewrite.add_task(dag, spec, name, imports.resolve_task(component), component, {"container": container})
        self._parameters.setdefault(
            PIPELINE_ROOT, PipelineParameter(PIPELINE_ROOT, "STRING", self._settings.pipeline_root)
        )

    def _declare_parameters(self, spec: Json) -> None:
        declared = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
        for parameter in self._parameters.values():
            declared[parameter.name] = declare(parameter)
        for parameter in self._runtime_parameters():
            if parameter.default is not None and not isinstance(parameter.default, RuntimeParameter):
                declared[parameter.name]["defaultValue"] = parameter.default
        if not declared:
            del spec["root"]["inputDefinitions"]

    def _runtime_parameters(self) -> Iterator[RuntimeParameter]:
        for node in self._nodes.values():
            yield from (value for value in node.exec_properties.values() if isinstance(value, RuntimeParameter))

    def _place(self, spec: Json) -> Json | None:
        """Writes resources and retries, and returns the platform document."""
        ids = {name: node for node, name in self._names.items()}
        tasks = {
            name: (task, spec["components"][task["componentRef"]["name"]]["executorLabel"])
            for dag in rewrite.dags(spec)
            for name, task in dag["tasks"].items()
            if "executorLabel" in spec["components"][task["componentRef"]["name"]]
        }
        executors = spec["deploymentSpec"]["executors"]
        steps = {name: task for name, task in tasks.items() if "container" in executors[task[1]]}
        own = {name: traits.resources for name, traits in self._traits.items() if traits.resources is not None}
        asked = placement.resolve_resources(own | self._settings.resources, [ids.get(name, name) for name in steps])
        placed: dict[str, Json] = {}
        for name, (task, label) in steps.items():
            resources = asked[ids.get(name, name)]
            if name in self._opens_store:
                resources = _with_store(resources, self._store)
            container = executors[label]["container"]
            self._set_image(ids.get(name, name), container, resources)
            if limits := placement.container_resources(resources):
                container["resources"] = limits
            if resources.env:
                environment = [{"name": key, "value": value} for key, value in sorted(resources.env.items())]
                container["env"] = [*container.get("env", []), *environment]
            if resources.retry is not None:
                task["retryPolicy"] = placement.retry_policy(resources.retry)
            placed[label] = placement.platform_executor(resources)
        return placement.platform_document(placed)

    def _set_image(self, node: str, container: Json, resources: Resources) -> None:
        num_devices = resources.accelerator.count if resources.accelerator else 0
        if num_devices:
            self._accelerators[node] = num_devices
        if containers.is_step(container):
            gpu_image = self._settings.gpu_image if num_devices else None
            containers.place_container(container, resources.image or gpu_image or self._image, num_devices)
        elif (own := self._settings.resources.get(node)) and own.image:
            raise CompileError(
                f"Expected no kubeflow.resources.{node}.image, for the node brings its own. Received: {own.image!r}. "
                "Name the image where the component is made."
            )

    @property
    def _pipeline_name(self) -> str:
        return str(self._pipeline.pipeline_info.pipeline_name)

    @property
    def _store(self) -> Store:
        """How the steps that open the store do so; nothing is assumed of clouds' own stores."""
        if self._settings.store is not None:
            return self._settings.store
        is_own = self._settings.pipeline_root.startswith("minio://") or not self._settings.pipeline_root
        return Store() if is_own else Store(env={}, secrets=[])

    def _parameter(self, name: str) -> PipelineParameter:
        if name == PIPELINE_ROOT:
            self._parameters.setdefault(name, PipelineParameter(name, "STRING", self._settings.pipeline_root))
        return self._parameters[name]


def _with_store(resources: Resources, store: Store) -> Resources:
    return resources.model_copy(
        update={"env": {**store.env, **resources.env}, "secrets": [*resources.secrets, *store.secrets]}
    )


def _class_paths(node: BaseNode) -> dict[str, str]:
    """Returns the classes of a node's artifact types that are not TFX's own."""
    classes: set[type[types.Artifact]] = {channel.type for channel in {**node.inputs, **node.outputs}.values()}
    return {
        kind.TYPE_NAME: f"{kind.__module__}.{kind.__qualname__}"
        for kind in classes
        if not kind.__module__.startswith("tfx.types.")
    }


@contextlib.contextmanager
def _unnamed_executors(nodes: Iterable[BaseNode]) -> Iterator[None]:
    """Gives nodes another executor while TFX compiles: it imports the class to name it, and we name it ourselves."""
    specs = {
        node: node.executor_spec for node in nodes if isinstance(node.executor_spec, ExecutorPath | BeamExecutorPath)
    }
    for node in specs:
        node.executor_spec = ExecutorClassSpec(BaseExecutor)
    try:
        yield
    finally:
        for node, spec in specs.items():
            node.executor_spec = spec


@contextlib.contextmanager
def _known_strategies(pipeline: Pipeline) -> Iterator[None]:
    """Lets TFX compile resolvers of ours, whose tasks are replaced anyway: it knows LatestBlessedModelStrategy only."""
    resolvers = [node for node in pipeline.components if isinstance(node, Resolver)]
    kept = [resolver_strategy(node) for node in resolvers]
    try:
        for node, strategy in zip(resolvers, kept, strict=True):
            if issubclass(strategy, LatestBlessedModelStrategy):
                set_resolver_strategy(node, LatestBlessedModelStrategy)
        yield
    finally:
        for node, strategy in zip(resolvers, kept, strict=True):
            set_resolver_strategy(node, strategy)


def _parameters(traits: Mapping[str, NodeTraits]) -> dict[str, PipelineParameter]:
    """Returns the parameters that nodes declare, by name."""
    parameters: dict[str, PipelineParameter] = {}
    for node, described in traits.items():
        for parameter in described.request.parameters:
            if parameters.setdefault(parameter.name, parameter) != parameter:
                raise CompileError(
                    f"Expected nodes to declare the parameter {parameter.name!r} alike. Received: another declaration "
                    f"of it by {node!r}. Rename it."
                )
    return parameters
