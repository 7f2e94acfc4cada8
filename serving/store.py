"""Where a model lies: a SavedModel, one push, or a store of pushes that is followed."""

import dataclasses
from pathlib import Path

from ..errors import UsageError
from ..model_store.layout import MODEL_FILE, PUSH_PREFIX, RECEIPT_FILE


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """A SavedModel and its version.

    Args:
        version: string. The push's version; `"1"` for a SavedModel outside a push.
        path: path of the folder that holds `saved_model.pb`.
    """

    version: str
    path: Path

    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """Returns names, sizes and times of the files: a broken version is tried again only when they change."""
        files = sorted(path for path in self.path.rglob("*") if path.is_file())
        return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


class ModelSource:
    """A folder to serve from.

    Args:
        path: path of a SavedModel, of a push (`push-<version>/<version>/`) or of a store of pushes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_followed = not (path / MODEL_FILE).is_file() and _version_folder(path) is None

    def newest(self) -> ModelVersion:
        """Returns the model of the highest version.

        Raises:
            UsageError: if there is none.
        """
        if (self.path / MODEL_FILE).is_file():
            return ModelVersion(self.path.name if self.path.name.isdigit() else "1", self.path)
        if (folder := _version_folder(self.path)) is not None:
            return ModelVersion(folder.name, folder)
        pushes = [_version_folder(receipt.parent) for receipt in self.path.glob(f"{PUSH_PREFIX}*/{RECEIPT_FILE}")]
        versions = [folder for folder in pushes if folder is not None]
        if not versions:
            raise UsageError(
                f"Expected {self.path} to be a SavedModel, a push, or a store that holds {PUSH_PREFIX}<version>/. "
                f"Received: {'a folder without any' if self.path.is_dir() else 'no such folder'}."
            )
        folder = max(versions, key=lambda path: int(path.name))
        return ModelVersion(folder.name, folder)


def _version_folder(push: Path) -> Path | None:
    """Returns the version folder of a push: the one folder there whose name is a number."""
    if not push.is_dir():
        return None
    folders = [path for path in push.iterdir() if path.name.isdigit() and path.is_dir()]
    return max(folders, key=lambda path: int(path.name), default=None)
