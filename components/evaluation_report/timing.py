"""Which node made an artifact, how long that took and how much memory, noted on the artifact itself.

Whoever runs the nodes notes it; so the report knows it wherever the pipeline runs, and also of a node from the cache.
"""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tfx import types

_NODE = "node"
_SECONDS = "node_seconds"
_PEAK_BYTES = "node_peak_bytes"

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def note_node(artifact: metadata_store_pb2.Artifact, node: str, seconds: float, peak_bytes: int | None = None) -> None:
    """Notes on an artifact which node made it, unless it has such a note: a resolver returns another's artifact.

    Args:
        artifact: ML Metadata's `Artifact`, changed in place.
        node: string. Name of the node.
        seconds: float. Wall time that the node took.
        peak_bytes: int or None. The most memory that its process held. Defaults to None: not known.
    """
    if _NODE not in artifact.custom_properties:
        artifact.custom_properties[_NODE].string_value = node
        artifact.custom_properties[_SECONDS].double_value = round(seconds, 2)
        if peak_bytes is not None:
            artifact.custom_properties[_PEAK_BYTES].int_value = peak_bytes


def start_peak() -> None:
    """Begins to measure the most memory of this process anew, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        _RESET.write_text("5")


def peak_bytes() -> int | None:
    """Returns the most memory that this process held since `start_peak`, without the processes that it started; None
    where the system does not say it."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def read_node_seconds(artifacts: Iterable[types.Artifact]) -> dict[str, float]:
    """Returns `{node: seconds}` of the artifacts that say it, in their order."""
    return {
        artifact.get_string_custom_property(_NODE): artifact.get_float_custom_property(_SECONDS)
        for artifact in artifacts
        if artifact.has_custom_property(_SECONDS)
    }


def read_node_peak_bytes(artifacts: Iterable[types.Artifact]) -> dict[str, int]:
    """Returns `{node: the most memory of its process}` of the artifacts that say it, in their order."""
    return {
        artifact.get_string_custom_property(_NODE): artifact.get_int_custom_property(_PEAK_BYTES)
        for artifact in artifacts
        if artifact.has_custom_property(_PEAK_BYTES)
    }
