"""What no spec can name beforehand: a step that finds its URI, and an importer in a sub-DAG that brings it in.

So the launcher moves all data with its own credentials, and the lineage shows what came from where. An importer takes
its URI only from a parameter of the DAG that it stands in, therefore the sub-DAG.
"""

from typing import Any

from ...node import DATA_URI, PIPELINE_ROOT
from ..spec.options import RESOLUTION, RESOLVED_URI
from .rewrite import IMPORTED, add_task, artifact_type

Json = dict[str, Any]

_STRING = {"parameterType": "STRING"}


def resolve_component(with_data_uri: bool) -> Json:
    """Returns the interface of a step that returns a URI."""
    names = (DATA_URI, PIPELINE_ROOT) if with_data_uri else (PIPELINE_ROOT,)
    return {
        "inputDefinitions": {"parameters": {name: dict(_STRING) for name in names}},
        "outputDefinitions": {
            "artifacts": {RESOLUTION: {"artifactType": artifact_type("system.Artifact")}},
            "parameters": {RESOLVED_URI: dict(_STRING)},
        },
    }


def resolve_task(component: Json) -> Json:
    """Returns the task of a step that returns a URI; it is never taken from the cache."""
    names = component["inputDefinitions"]["parameters"]
    return {
        "inputs": {"parameters": {name: {"componentInputParameter": name} for name in names}},
        "cachingOptions": {},
    }


def add_import(dag: Json, spec: Json, name: str, resolver: str, key: str, kind: str) -> None:
    """Adds the sub-DAG that imports the artifact whose URI a step returned.

    Args:
        dag: dict. The DAG that gets the task.
        spec: dict. The `PipelineSpec`.
        name: string. Name of the task.
        resolver: string. Name of the step that returns it.
        key: string. The sub-DAG's output.
        kind: string. Type of the artifact, such as `tfx.Model`.
    """
    inputs = {"parameters": {RESOLVED_URI: dict(_STRING)}}
    inner: Json = {"tasks": {}}
    importer = f"{name}-import"
    add_task(
        inner,
        spec,
        importer,
        {"inputs": {"parameters": {RESOLVED_URI: {"componentInputParameter": RESOLVED_URI}}}, "cachingOptions": {}},
        {
            "inputDefinitions": inputs,
            "outputDefinitions": {"artifacts": {IMPORTED: {"artifactType": artifact_type(kind)}}},
        },
        {"importer": {"artifactUri": {"runtimeParameter": RESOLVED_URI}, "typeSchema": artifact_type(kind)}},
    )
    selector = {"producerSubtask": importer, "outputArtifactKey": IMPORTED}
    inner["outputs"] = {"artifacts": {key: {"artifactSelectors": [selector]}}}
    returned = {"producerTask": resolver, "outputParameterKey": RESOLVED_URI}
    add_task(
        dag,
        spec,
        name,
        {"inputs": {"parameters": {RESOLVED_URI: {"taskOutputParameter": returned}}}, "cachingOptions": {}},
        {
            "inputDefinitions": {"parameters": {RESOLVED_URI: dict(_STRING)}},
            "outputDefinitions": {"artifacts": {key: {"artifactType": artifact_type(kind)}}},
            "dag": inner,
        },
    )
