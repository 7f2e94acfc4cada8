"""A model store: a folder with one immutable folder a push.

A push is `<store>/push-<version>/`, which holds `<version>/` (the SavedModel, so that TF Serving finds a version below
the folder that it is given) and `push.json` beside it. It is written under another name and renamed, so that it is
whole or absent at any instant.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

METADATA_FILE = "assets.extra/yachay.json"
_PUSH = "push-"
_STAGING = ".staging-"


@dataclasses.dataclass(frozen=True)
class Push:
    """A pushed model.

    Args:
        version: int. Seconds since 1970-01-01 UTC when it was pushed, or the number after the last version.
        path: path of `<store>/push-<version>`.
        content_hash: string. SHA-256 over the names and contents of the files of the trained model.
        is_new: bool. Whether this call pushed it.
    """

    version: int
    path: Path
    content_hash: str
    is_new: bool = False

    @property
    def model_path(self) -> Path:
        """Path of the SavedModel."""
        return self.path / str(self.version)


def push(model: Path, store: Path, metadata: dict[str, Any]) -> Push:
    """Copies a SavedModel into a store, unless the store's latest push is of the same model.

    Args:
        model: path of the SavedModel as the trainer wrote it.
        store: path of the store; made where it does not exist.
        metadata: dict. Added to the model's `assets.extra/yachay.json` in the store.

    Returns:
        The new push, or the latest one if it is of the same model.
    """
    content_hash = hash_folder(model)
    latest = latest_push(store)
    if latest is not None and latest.content_hash == content_hash:
        return latest
    store.mkdir(parents=True, exist_ok=True)
    for leftover in store.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover)
    version = max(int(time.time()), latest.version + 1 if latest else 0)
    staging, target = store / f"{_STAGING}{version}", store / f"{_PUSH}{version}"
    try:
        copy = staging / str(version)
        shutil.copytree(model, copy)
        described = json.loads((copy / METADATA_FILE).read_text(encoding="utf-8")) | metadata
        (copy / METADATA_FILE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        receipt = {"version": version, "content_hash": content_hash}
        (staging / "push.json").write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
        os.rename(staging, target)  # noqa: PTH104
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return Push(version, target, content_hash, is_new=True)


def latest_push(store: Path) -> Push | None:
    """Returns the push of the highest version, or None for an empty or absent store."""
    versions = [
        int(path.name.removeprefix(_PUSH)) for path in store.glob(f"{_PUSH}*") if path.name[len(_PUSH) :].isdigit()
    ]
    if not versions:
        return None
    path = store / f"{_PUSH}{max(versions)}"
    receipt = json.loads((path / "push.json").read_text(encoding="utf-8"))
    return Push(receipt["version"], path, receipt["content_hash"])


def hash_folder(folder: Path) -> str:
    """Returns the SHA-256 over the relative names and the contents of the files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
