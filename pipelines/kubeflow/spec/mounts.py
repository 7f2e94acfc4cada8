"""Where the launcher puts what lies in an object store, and back."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ....uris import is_remote

_MOUNTS = {"gs": "gcs", "s3": "s3", "minio": "minio"}
_OCI = "oci://"


def mount_path(uri: str, root: Path) -> Path:
    """Returns the path at which the launcher puts what lies in an object store; `root` stands for the pod's `/`."""
    scheme, _, key = uri.partition("://")
    return root / _MOUNTS[scheme] / key.split("?")[0]


def to_local(uri: str, custom_path: str = "") -> str:
    """Returns the path at which the launcher puts an artifact; a path stays as it is.

    `YACHAY_MOUNT_ROOT` is a folder in place of `/`.
    """
    if custom_path:
        return custom_path
    root = Path(os.environ.get("YACHAY_MOUNT_ROOT", "/"))
    if is_remote(uri):
        return str(mount_path(uri, root))
    if uri.startswith(_OCI):
        return str(Path(root, "oci", uri.removeprefix(_OCI).replace("/", "_"), "models"))
    return uri


class RemoteNames:
    """Finds the URI of what lies at a local path.

    Args:
        pairs: iterable of `(path, uri)`.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        # The longest path first: an artifact may lie below another.
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))

    def to_remote(self, value: Any) -> Any:
        """Returns a value with the path that it is, or is below, as the URI; any other value as it is."""
        if isinstance(value, str):
            for path, uri in self._pairs:
                if value == path or value.startswith(f"{path}/"):
                    return uri + value.removeprefix(path)
        return value
