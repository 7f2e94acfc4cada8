"""Where a pushed model lies, as KServe is to fetch it."""

import re

from ..model_store.layout import PUSH_PREFIX, parse_version, push_of_version_folder
from .errors import ManifestError

# Those of KServe's that hold folders; http(s) takes archives, hf repositories, oci images, file the node's own disk.
SCHEMES = ("gs://", "s3://", "pvc://", "hdfs://", "webhdfs://", "https://ACCOUNT.blob.core.windows.net/")

_KNOWN = re.compile(r"(?:(?:gs|s3|pvc|hdfs|webhdfs)://|https://[^/]+\.blob\.core\.windows\.net/)\S+")


def pushed_version(storage_uri: str) -> int:
    """Returns the version of a push, which is a folder `push-<version>` that holds `<version>/saved_model.pb`.

    Two other places would be taken and are wrong: the store's folder, with every version in it, is fetched whole and
    never changes, so that nothing rolls out; and in a version's folder TF Serving finds no version.

    Args:
        storage_uri: string.

    Raises:
        ManifestError: if KServe cannot fetch from there, or it is no push.
    """
    if not _KNOWN.fullmatch(storage_uri):
        hint = " Name the same bucket with s3://." if storage_uri.startswith("minio://") else ""
        raise ManifestError(
            f"Expected the storage URI to begin with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}. "
            f"Received: {storage_uri!r}.{hint}"
        )
    push = push_of_version_folder(storage_uri)
    if push is not None:
        raise ManifestError(
            f"Expected the storage URI to be that of a push, not of the version in it, for TF Serving looks for a "
            f"version below it. Received: {storage_uri!r}. Take {push!r}."
        )
    version = parse_version(storage_uri.rstrip("/").rpartition("/")[2])
    if version is None:
        raise ManifestError(
            f"Expected the storage URI to end with {PUSH_PREFIX}<version>, as the Pusher writes it: the folder of all "
            f"versions never changes, so that nothing would roll out. Received: {storage_uri!r}. Add the push."
        )
    return version
