"""Which node made an artifact and how long that took, noted on the artifact itself.

Whoever runs the nodes notes it; so the report knows it wherever the pipeline runs, and also of a node from the cache.
"""

from collections.abc import Iterable

from ml_metadata.proto import metadata_store_pb2
from tfx import types

_NODE = "node"
_SECONDS = "node_seconds"


def note_node(artifact: metadata_store_pb2.Artifact, node: str, seconds: float) -> None:
    """Notes on an artifact which node made it, unless it has such a note: a resolver returns another's artifact.

    Args:
        artifact: ML Metadata's `Artifact`, changed in place.
        node: string. Name of the node.
        seconds: float. Wall time that the node took.
    """
    if _NODE not in artifact.custom_properties:
        artifact.custom_properties[_NODE].string_value = node
        artifact.custom_properties[_SECONDS].double_value = round(seconds, 2)


def read_node_seconds(artifacts: Iterable[types.Artifact]) -> dict[str, float]:
    """Returns `{node: seconds}` of the artifacts that say it, in their order."""
    return {
        artifact.get_string_custom_property(_NODE): artifact.get_float_custom_property(_SECONDS)
        for artifact in artifacts
        if artifact.has_custom_property(_SECONDS)
    }
