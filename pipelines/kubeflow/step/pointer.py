"""The pointer object: which model of a pipeline was blessed and pushed last."""

import json

from ....errors import StoreError
from .object_store import read_object, write_object

POINTER_FILE = "latest_blessed.json"


def pointer_uri(root: str, pipeline: str) -> str:
    """Returns the URI of a pipeline's pointer object."""
    return f"{root.split('?')[0].rstrip('/')}/{pipeline}/{POINTER_FILE}"


def read_pointer(root: str, pipeline: str) -> str | None:
    """Returns the URI of the model that was blessed last, or None where none was.

    Raises:
        StoreError: if the pointer cannot be read.
    """
    uri = pointer_uri(root, pipeline)
    content = read_object(uri)
    if content is None:
        return None
    try:
        return str(json.loads(content)["model_uri"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"Expected {uri} to be a JSON object with `model_uri`. Received: {error!r}. Remove the object; the next "
            "blessed model writes it anew."
        ) from None


def write_pointer(root: str, pipeline: str, model_uri: str, **facts: str) -> None:
    """Names the model that was blessed last.

    Args:
        root: string. The pipeline root.
        pipeline: string. Name of the pipeline.
        model_uri: string. URI of the Trainer's model.
        facts: strings that a person may want to know with it.
    """
    content = json.dumps({"model_uri": model_uri, "pipeline": pipeline, **facts}, indent=2, sort_keys=True) + "\n"
    write_object(pointer_uri(root, pipeline), content.encode())
