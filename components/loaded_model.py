"""SavedModels as Python loads them, each once in a process: Trainer, Evaluator, Pusher and report ask for the same."""

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import tensorflow as tf

MAX_MODELS = 2
"""How many are kept: the candidate and the last blessed model."""

EXTRA = "assets.extra"

_kept: "OrderedDict[str, Any]" = OrderedDict()


def load_model(path: str | Path) -> Any:
    """Returns a SavedModel; a copy of one that is kept from before is that one.

    Args:
        path: path of its folder, or a URI of a file system of TensorFlow, of which none is kept.

    Raises:
        OSError: if there is no SavedModel, or one of its files is missing.
    """
    if "://" in str(path) or not Path(path).is_dir():
        return tf.saved_model.load(str(path))
    content = _hash_model(Path(path))
    if content not in _kept:
        _kept[content] = tf.saved_model.load(str(path))
    _kept.move_to_end(content)
    while len(_kept) > MAX_MODELS:
        _kept.popitem(last=False)
    return _kept[content]


def _hash_model(folder: Path) -> str:
    """Returns a hash of all that TensorFlow loads; metadata beside it may differ between copies."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != EXTRA:
            with path.open("rb") as file:
                digest.update(f"{name.as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
