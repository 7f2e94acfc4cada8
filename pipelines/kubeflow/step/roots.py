"""The pipeline root, which belongs to the request of a run and not to the spec."""

from ....errors import UsageError
from ...node import PIPELINE_ROOT
from ..spec.options import NEVER_WRITTEN


def find_root(parameter: str, artifact_uri: str, pipeline: str) -> str:
    """Returns the pipeline root of a run.

    Args:
        parameter: string. The parameter `pipeline_root`; empty where the run did not name it.
        artifact_uri: string. URI of any artifact of the run: it lies at `<root>/<pipeline>/<run>/...`.
        pipeline: string. Name of the pipeline.

    Raises:
        UsageError: if neither says it.
    """
    if parameter:
        return parameter.split("?")[0].rstrip("/")
    root, found, _ = artifact_uri.rpartition(f"/{pipeline}/")
    if not found:
        raise UsageError(
            f"Expected the parameter {PIPELINE_ROOT}, for {artifact_uri} does not contain the pipeline root. "
            f"Received: none. Pass {PIPELINE_ROOT}."
        )
    return root


def find_run_id(artifact_uri: str, pipeline: str) -> str:
    """Returns the run of an artifact at `<root>/<pipeline>/<run>/...`, or nothing where its URI has another form."""
    _, found, rest = artifact_uri.rpartition(f"/{pipeline}/")
    return rest.partition("/")[0] if found else ""


def never_written(root: str) -> str:
    """Returns the URI that stands for "there is none": well-formed, in the run's bucket, and never written."""
    return f"{root}/{NEVER_WRITTEN}"
