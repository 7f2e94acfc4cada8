"""URIs of the object stores that Kubeflow Pipelines knows."""

import re

from .errors import UsageError

ROOT_SCHEMES = ("gs://", "s3://", "minio://")
DATA_PLACES = "an absolute path, or gs://, s3:// or minio:// with a bucket and a folder or object below it"

_ROOT = re.compile(r"(gs|s3|minio)://[^/\s]+(/\S*)?")
_MAGIC = "*?[{"


def is_remote(uri: str) -> bool:
    """Returns whether a URI lies in an object store."""
    return uri.startswith(ROOT_SCHEMES)


def is_root(uri: str) -> bool:
    """Returns whether a URI can be the root of a run: a bucket, or a folder in one."""
    return _ROOT.fullmatch(uri) is not None


def is_data_uri(uri: str) -> bool:
    """Returns whether records can lie there: see `DATA_PLACES`. They may be a pattern, but not of a whole bucket."""
    if not is_remote(uri):
        return uri.startswith("/")
    bucket, *key = uri.partition("://")[2].rstrip("/").split("/")
    return bool(bucket and key and key[0]) and not any(mark in bucket + key[0] for mark in _MAGIC)


def check_data_uri(uri: str) -> None:
    """Rejects what cannot be the place of records.

    Raises:
        UsageError: if so.
    """
    if not is_data_uri(uri):
        raise UsageError(f"Expected the parameter data_uri to be {DATA_PLACES}. Received: {uri!r}. Correct it.")


def split_pattern(uri: str) -> tuple[str, str]:
    """Returns the fixed part of a URI of records in a store, and the rest: it begins with the first part of a pattern.

    Raises:
        UsageError: if the fixed part is no more than a bucket.
    """
    check_data_uri(uri)
    scheme, _, path = uri.partition("://")
    parts = path.rstrip("/").split("/")
    first = next((index for index, part in enumerate(parts) if any(mark in part for mark in _MAGIC)), len(parts))
    return f"{scheme}://{'/'.join(parts[:first])}", "/".join(parts[first:])
