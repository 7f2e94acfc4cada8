"""Whether the table of trees beside a SavedModel stands for it: TensorFlow is asked once for each content.

The comparison takes TensorFlow's start, seconds and hundreds of MiB, and has the same outcome as long as the model and
what compares are the same. So a good outcome is kept in the user's cache, under a hash of both; a bad one is not kept.
"""

import contextlib
import hashlib
import inspect
import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from ...files import write_atomically
from ...model_store import tree_table
from ...serving import trees

_FOLDER = "yachay/trees"
_PRIVATE = 0o700


def check_trees(model: str) -> str:
    """Returns why the table of trees of a model does not stand for its SavedModel; nothing where it does.

    Args:
        model: string. Folder that holds `saved_model.pb`.

    Raises:
        ModelError: if the model cannot be loaded.
    """
    with quiet():
        from ...serving.saved_model import load_saved_model

        return load_saved_model(Path(model)).failure


def is_known_good(content_hash: str) -> bool:
    """Returns whether the table of trees of a model was found to stand for its SavedModel before.

    Args:
        content_hash: string. SHA-256 of the model's folder.
    """
    try:
        place = _place(content_hash)
        state, content = place.lstat(), place.read_text()
    except (OSError, RuntimeError, ValueError):  # RuntimeError: no home.
        return False
    # In a cache that others may write to, only this user's own word counts, and not under another name.
    return state.st_uid == os.getuid() and content == place.name


def remember_good(content_hash: str) -> None:
    """Keeps that the table of trees of a model stands for its SavedModel.

    Args:
        content_hash: string. SHA-256 of the model's folder.
    """
    with contextlib.suppress(OSError, RuntimeError):  # A cache that cannot be written costs the next run time only.
        place = _place(content_hash)
        place.parent.mkdir(_PRIVATE, parents=True, exist_ok=True)
        write_atomically(place, place.name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what TensorFlow writes while it starts away from a terminal that shows progress."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _place(content_hash: str) -> Path:
    """Returns the file that says, by its own name in it, that a model's table is good: by what compared it."""
    digest = hashlib.sha256(f"{content_hash} {metadata.version('tensorflow')} {metadata.version('numpy')}".encode())
    evaluation = Path(inspect.getfile(trees))
    # What compares them is not imported: it imports TensorFlow.
    for source in (evaluation, Path(inspect.getfile(tree_table)), evaluation.with_name("saved_model.py")):
        digest.update(source.read_bytes())
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return root / _FOLDER / digest.hexdigest()
