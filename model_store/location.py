"""Where a model store is, as a configuration names it."""

import os
import re
from pathlib import Path

from ..errors import StoreError, UsageError, without_passwords
from .folder_store import FolderStore
from .object_store import ObjectStore
from .store import ModelStore

SCHEMES = ("gs", "s3", "minio", "pvc")
PLACES = "a folder, gs://, s3:// or minio:// with a bucket, or pvc:// with a claim"


def check_location(uri: str, mount: str = "") -> None:
    """Checks the place of a model store.

    Args:
        uri: string.
        mount: string. Folder at which the claim of a `pvc://` is mounted.

    Raises:
        UsageError: if there cannot be one.
    """
    scheme, separator, key = uri.partition("://")
    if not uri or (separator and (scheme not in SCHEMES or not re.fullmatch(r"[^/\s?#@]+(/[^\s?#]*)?", key))):
        raise UsageError(
            f"Expected the model store to be {PLACES}, without a user. Received: {without_passwords(uri)!r}. Correct "
            "push.store; keys belong in the environment."
        )
    if (scheme == "pvc" and separator != "") != bool(mount):
        raise UsageError(
            f"Expected push.mount to name the folder at which the claim of a pvc:// store is mounted, and nothing for "
            f"other stores. Received: the store {uri!r} and the mount {mount!r}. Correct push.mount."
        )


def is_shared(uri: str) -> bool:
    """Returns whether a model store lies in a bucket or on a claim, which other machines see."""
    return "://" in uri


def open_store(uri: str, mount: str = "", endpoint_url: str = "") -> ModelStore:
    """Returns the model store at a place.

    Args:
        uri: string. A folder, or `gs://bucket/folder`, `s3://`, `minio://`, or `pvc://claim/folder`.
            `YACHAY_OBJECT_STORE` is a folder that stands for all buckets.
        mount: string. Folder at which the claim of a `pvc://` is mounted.
        endpoint_url: string. Address of an S3 server; empty takes `AWS_ENDPOINT_URL`, else Amazon's.

    Raises:
        UsageError: if there cannot be a store.
        StoreError: if a claim is not mounted, a MinIO server has no address, or a library is missing.
    """
    check_location(uri, mount)
    uri = uri.rstrip("/") or "/"
    scheme, separator, key = uri.partition("://")
    if not separator:
        return FolderStore(Path(uri).expanduser().absolute())
    if scheme == "pvc":
        if not Path(mount).is_dir():
            raise StoreError(
                f"Expected the claim of {uri} to be mounted at {mount}. Received: no such folder. Mount it, or correct "
                "push.mount."
            )
        return FolderStore(Path(mount, key.partition("/")[2]), uri)
    if folder := os.environ.get("YACHAY_OBJECT_STORE"):
        return FolderStore(Path(folder, scheme, key), uri)
    return _open_bucket(uri, scheme, key, endpoint_url)


def _open_bucket(uri: str, scheme: str, root: str, endpoint_url: str) -> ModelStore:
    if scheme == "minio" and not (endpoint_url or os.environ.get("AWS_ENDPOINT_URL")):
        raise StoreError(
            f"Expected the address of the MinIO server of {uri} as push.endpoint_url or AWS_ENDPOINT_URL. "
            "Received: neither. Name it."
        )
    options = {"endpoint_url": endpoint_url} if endpoint_url and scheme != "gs" else {}
    try:
        import fsspec

        # MinIO speaks S3. Listings must show what others push meanwhile.
        file_system = fsspec.filesystem(
            "gs" if scheme == "gs" else "s3", use_listings_cache=False, skip_instance_cache=True, **options
        )
    except ImportError as error:
        raise StoreError(
            f"Expected to open {uri}. Received: {error}. Install {'gcsfs' if scheme == 'gs' else 's3fs'}; the extra "
            "`kubeflow` has it."
        ) from None
    return ObjectStore(uri, file_system, root)
