"""Small objects of an object store, for the two steps that open it themselves."""

import os
from pathlib import Path
from typing import Any

from ....errors import StoreError
from ....files import write_atomically
from ....uris import is_remote


def read_object(uri: str) -> bytes | None:
    """Returns the content of an object, or None where there is no such object.

    Args:
        uri: string. `gs://`, `s3://` or `minio://`, or a local path. `YACHAY_OBJECT_STORE` is a folder that stands for
            all stores.

    Raises:
        StoreError: if the store cannot be read, or has no such bucket.
    """
    path = _local_path(uri)
    if path is not None:
        return path.read_bytes() if path.exists() else None
    file_system, name = _open(uri)
    try:
        content: bytes = file_system.cat_file(name)
    except FileNotFoundError:
        _check_bucket(file_system, name, uri)
        return None
    except Exception as error:
        raise _rejected("read", uri, error) from error
    return content


def write_object(uri: str, content: bytes) -> None:
    """Writes an object atomically.

    Raises:
        StoreError: if the store cannot be written.
    """
    path = _local_path(uri)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        return
    file_system, name = _open(uri)
    try:
        file_system.pipe_file(name, content)
    except Exception as error:
        raise _rejected("write", uri, error) from error


def _local_path(uri: str) -> Path | None:
    if not is_remote(uri):
        return Path(uri)
    folder = os.environ.get("YACHAY_OBJECT_STORE")
    return Path(folder, uri.replace("://", "/", 1)) if folder else None


def _open(uri: str) -> tuple[Any, str]:
    # MinIO speaks S3; its address comes from AWS_ENDPOINT_URL.
    uri = uri.replace("minio://", "s3://", 1)
    try:
        import fsspec

        file_system, name = fsspec.core.url_to_fs(uri)
    except ImportError as error:
        raise StoreError(
            f"Expected to open {uri}. Received: {error}. Install the library with its extra `kubeflow` in the image."
        ) from None
    return file_system, str(name)


def _check_bucket(file_system: Any, name: str, uri: str) -> None:
    """Rejects an object whose bucket does not exist: a store reports both as "not found".

    Raises:
        StoreError: if there is no such bucket, or it cannot be listed.
    """
    bucket = name.partition("/")[0]
    try:
        file_system.info(bucket)
    except FileNotFoundError:
        raise StoreError(
            f"Expected a bucket {bucket!r} for {uri}. Received: no such bucket. Correct the parameter pipeline_root, "
            "or the address in `kubeflow.store` of the configuration."
        ) from None
    except Exception as error:
        raise _rejected("list the bucket of", uri, error) from error


def _rejected(verb: str, uri: str, error: Exception) -> StoreError:
    return StoreError(
        f"Expected to {verb} {uri}. Received: {type(error).__name__}: {error}. Check the credentials and the "
        "address in `kubeflow.store` of the configuration."
    )
