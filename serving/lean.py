"""Loads a model of trees without TensorFlow: in tenths of a second, in an image of a tenth of the size.

The server compares the table of trees with the SavedModel beside it. Here the golden requests of the push stand for it:
what the model predicted when it was trained.
"""

from pathlib import Path

import numpy as np

from ..deferred import import_tensorflow
from ..errors import ConfigurationError, ModelError
from ..model_store.golden import read_golden
from ..model_store.layout import GOLDEN_FILE
from ..model_store.tree_table import TREES_FILE, TreeTable, largest_difference
from .inputs import InputChecker
from .limits import Limits
from .loaded_model import LoadedModel, Output
from .model_metadata import read_features, read_metadata
from .trees import TreePredictor, check_features
from .values import quoted

TOLERANCE = 1e-5
"""How far a score of a golden request may be off: they are of float32, and were written in decimal."""


def load_lean(path: Path) -> LoadedModel:
    """Loads a model without TensorFlow where its push allows it: it has a table of trees, and golden requests.

    Args:
        path: path of the folder that holds `saved_model.pb`.

    Raises:
        ModelError: if it cannot be loaded.
        ConfigurationError: if it takes TensorFlow and there is none.
    """
    if (path / TREES_FILE).is_file() and (path.parent / GOLDEN_FILE).is_file():
        return load_trees_alone(path.parent, path.name)
    try:
        import_tensorflow()
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Expected a push with a table of trees and golden requests, for there is no {error.name} here. Received: "
            f"{path} without them. Take the server's image (docker/Dockerfile.serving)."
        ) from None
    from .saved_model import load_saved_model, use_as_many_threads_as_cpus

    use_as_many_threads_as_cpus()
    return load_saved_model(path)


def load_trees_alone(push: Path, version: str) -> LoadedModel:
    """Loads the table of trees of a push, which must predict its golden requests.

    Args:
        push: path of the push.
        version: string. Its version.

    Raises:
        ModelError: if it is damaged, or predicts otherwise.
    """
    path = push / version
    metadata = read_metadata(path)
    features, labels = read_features(path, metadata), tuple(metadata.get("labels", ()))
    table = TreeTable.from_bytes((path / TREES_FILE).read_bytes())
    check_features(path / TREES_FILE, table, features)
    try:
        trees = TreePredictor(table, labels)
    except (IndexError, TypeError, ValueError) as error:
        raise ModelError(f"Expected the trees of {path} to fit each other. Received: {error!r}.") from None
    loaded = LoadedModel(metadata, features, _outputs(labels), trees, "trees", "", trees.max_loop_rows)
    _check_golden(push, loaded)
    return loaded


def _outputs(labels: tuple[str, ...]) -> tuple[Output, ...]:
    if not labels:
        return (Output("outputs", "float32", (-1,)),)
    return Output("classes", "string", (-1,)), Output("scores", "float32", (-1, len(labels)))


def _check_golden(push: Path, loaded: LoadedModel) -> None:
    golden = read_golden((push / GOLDEN_FILE).read_bytes())
    if not golden:
        raise ModelError(f"Expected golden requests in {push / GOLDEN_FILE}. Received: none.")
    limits = Limits()
    checker = InputChecker(loaded.features, len(golden), limits.max_string_bytes)
    outputs = loaded.predict(checker.check_rows([one.row for one in golden]).matrices)
    for place, one in enumerate(golden):
        expected = one.prediction if isinstance(one.prediction, dict) else {loaded.outputs[0].name: one.prediction}
        for name, values in expected.items():
            received = outputs[name][place]
            is_same = (
                values == received
                if isinstance(values, str)
                else largest_difference(np.array([values], np.float32), np.array([received])) <= TOLERANCE
            )
            if not is_same:
                raise ModelError(
                    f"Expected the trees of {push} to predict golden request {place + 1} as the model did when it was "
                    f"trained: {name} {quoted(values)}. Received: {quoted(received)}."
                )
