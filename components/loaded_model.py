"""SavedModels in Python and in a session, each loaded once in a process: several nodes ask for the same."""

import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from ..errors import ModelError

MAX_MODELS = 2
"""How many are kept: the candidate and the last blessed model."""

EXTRA = "assets.extra"

_Kept = OrderedDict[str, Any]

_in_python: _Kept = OrderedDict()
_in_sessions: _Kept = OrderedDict()


def load_model(path: str | Path) -> Any:
    """Returns a SavedModel as Python loads it; a copy of one that is kept from before is that one.

    Args:
        path: path of its folder, or a URI of a file system of TensorFlow, of which none is kept.

    Raises:
        OSError: if there is no SavedModel, or one of its files is missing.
    """
    return _load(str(path), tf.saved_model.load, _in_python)


def predict_in_session(path: str | Path, inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    """Returns the outputs of signatures in a session, as TF Serving loads a model.

    Args:
        path: path, as `load_model` takes it.
        inputs: mapping of signature to mapping of its inputs to arrays.

    Raises:
        ModelError: if the model does not load, or a signature fails.
        OSError: if there is no SavedModel, or one of its files is missing.
    """
    outputs = {}
    name = ""
    try:
        model = _load(str(path), _SessionModel.load, _in_sessions)
        for name, values in inputs.items():
            outputs[name] = model.run(name, values)
    except (ValueError, KeyError, tf.errors.OpError) as error:
        what = f"signature {name!r}" if name else "model"
        raise ModelError(
            f"Expected the {what} of {path} to predict in a session as in Python. Received: {error}. "
            "Save a tf.Module that tracks the variables (components/trainer/export.py), never a Keras model."
        ) from error
    return outputs


@dataclasses.dataclass(frozen=True)
class _SessionModel:
    """A SavedModel in a session.

    Args:
        session: `tf.compat.v1.Session`.
        signatures: mapping of name to `SignatureDef`.
    """

    session: Any
    signatures: Mapping[str, Any]

    @classmethod
    def load(cls, path: str) -> "_SessionModel":
        """Returns the model of a folder."""
        session = tf.compat.v1.Session(graph=tf.Graph())
        with session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], path)
        return cls(session, loaded.signature_def)

    def run(self, name: str, inputs: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Returns the outputs of a signature."""
        if name not in self.signatures:  # This mapping would make an empty one.
            raise KeyError(name)
        signature = self.signatures[name]
        fetches = {key: tensor.name for key, tensor in signature.outputs.items()}
        feeds = {signature.inputs[key].name: value for key, value in inputs.items()}
        outputs: dict[str, NDArray[Any]] = self.session.run(fetches, feeds)
        return outputs


def _load(path: str, load: Callable[[str], Any], kept: _Kept) -> Any:
    if "://" in path or not Path(path).is_dir():
        return load(path)
    content = _hash_model(Path(path))
    if content not in kept:
        kept[content] = load(path)
    kept.move_to_end(content)
    while len(kept) > MAX_MODELS:
        kept.popitem(last=False)
    return kept[content]


def _hash_model(folder: Path) -> str:
    """Returns a hash of all that TensorFlow loads; metadata beside it may differ between copies."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] != EXTRA:
            with path.open("rb") as file:
                digest.update(f"{name.as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
