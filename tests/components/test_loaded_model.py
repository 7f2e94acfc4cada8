"""SavedModels that are loaded once in a process, in Python and in a session."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from yachay.components.loaded_model import MAX_MODELS, load_model, predict_in_session
from yachay.errors import ModelError


class Plus(tf.Module):
    """Adds its value."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = tf.Variable(value)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": x + self.value}


def save(folder: Path, value: float) -> Path:
    module = Plus(value)
    tf.saved_model.save(module, str(folder), signatures={"plus": module.serve})
    return folder


def test_a_copy_of_a_model_is_the_one_that_is_kept(tmp_path: Path) -> None:
    first = load_model(save(tmp_path / "first", 1.0))
    copy = Path(shutil.copytree(tmp_path / "first", tmp_path / "copy"))
    (copy / "assets.extra").mkdir()
    (copy / "assets.extra" / "yachay.json").write_text("{}")

    assert load_model(copy) is first


def test_a_model_that_took_anothers_place_is_loaded(tmp_path: Path) -> None:
    load_model(save(tmp_path / "model", 1.0))
    shutil.rmtree(tmp_path / "model")

    assert load_model(save(tmp_path / "model", 2.0)).value.numpy() == 2.0


def test_the_models_used_last_are_kept(tmp_path: Path) -> None:
    folders = [save(tmp_path / str(number), float(number)) for number in range(MAX_MODELS + 1)]
    models = [load_model(folder) for folder in folders]

    assert load_model(folders[1]) is models[1]
    assert load_model(folders[0]) is not models[0]


def test_a_session_predicts_by_the_model_that_is_there(tmp_path: Path) -> None:
    for value in (1.0, 2.0, 2.0):
        outputs = predict_in_session(save(tmp_path / "model", value), {"plus": {"x": [1.0, 5.0]}})
        assert outputs["plus"]["sum"].tolist() == [1 + value, 5 + value]
        shutil.rmtree(tmp_path / "model")


def test_a_signature_that_fails_in_a_session_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected the signature 'minus' of .*model to predict in a session"):
        predict_in_session(save(tmp_path / "model", 1.0), {"minus": {"x": [1.0]}})
