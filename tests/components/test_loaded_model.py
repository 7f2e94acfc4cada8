"""SavedModels that are loaded once in a process."""

import shutil
from pathlib import Path

import tensorflow as tf

from yachay.components.loaded_model import MAX_MODELS, load_model


def save(folder: Path, value: float) -> Path:
    module = tf.Module()
    module.value = tf.Variable(value)
    tf.saved_model.save(module, str(folder))
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
