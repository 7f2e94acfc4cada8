"""A push as a model of MLflow gives the numbers of the predict API."""

import json
import shutil
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest

from yachay.errors import ModelError
from yachay.model_store.golden import GoldenRequest
from yachay.model_store.integrity import IntegrityError
from yachay.model_store.mlflow_model import describe_model

from .conftest import Running, write_receipt

ROWS = [
    {"income": 1.5, "rating": 4.0, "visits": 3, "branch": 7, "town": "Lima"},
    {"income": 0.25, "rating": None, "visits": None, "branch": 2, "town": None},
    {"income": 7.0, "rating": 1.0, "visits": 40, "branch": -1, "town": "Cusco"},
]


@pytest.fixture
def push(model_dir: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "push-5"
    shutil.copytree(model_dir, folder / "5")
    metadata = json.loads((folder / "5/assets.extra/yachay.json").read_text())
    golden = [GoldenRequest(row, {"classes": "yes", "scores": [0.5, 0.5]}) for row in ROWS]
    for name, content in describe_model(metadata, golden, golden, "2026-11-22T10:00:00+00:00").items():
        (folder / name).write_bytes(content)
    write_receipt(folder, 5)
    return folder


def test_the_numbers_are_those_of_the_predict_api(push: Path, served: Running) -> None:
    expected = served.predict({"instances": ROWS}).json()["predictions"]

    found = mlflow.pyfunc.load_model(str(push)).predict(pd.DataFrame(ROWS))

    assert found["classes"].tolist() == [one["classes"] for one in expected]
    assert np.array_equal(
        np.array(found["scores"].tolist(), np.float32), np.array([one["scores"] for one in expected], np.float32)
    )


def test_the_signature_has_the_raw_features_and_the_outputs(push: Path) -> None:
    signature = mlflow.pyfunc.load_model(str(push)).metadata.signature

    assert [(column["name"], column["type"], column["required"]) for column in signature.inputs.to_dict()] == [
        ("income", "double", True),
        ("rating", "double", False),
        ("visits", "double", False),
        ("branch", "long", True),
        ("town", "string", False),
    ]
    assert [column["name"] for column in signature.outputs.to_dict()] == ["classes", "scores"]


def test_the_input_example_can_be_predicted_and_optional_columns_left_out(push: Path) -> None:
    model = mlflow.pyfunc.load_model(str(push))

    assert len(model.predict(model.input_example)) == len(ROWS)
    assert len(model.predict(pd.DataFrame([{"income": 1.0, "branch": 3}], index=["a"]))) == 1


def test_a_long_frame_is_predicted_in_parts_and_keeps_its_index(push: Path) -> None:
    frame = pd.concat([pd.DataFrame(ROWS)] * 1400)
    found = mlflow.pyfunc.load_model(str(push)).predict(frame)

    assert found.index.equals(frame.index)
    assert np.allclose(np.stack(found["scores"].iloc[:3]), np.stack(found["scores"].iloc[-3:]), atol=1e-6)


def test_a_push_whose_files_were_changed_is_not_loaded(push: Path) -> None:
    (push / "5/saved_model.pb").write_bytes(b"forged")

    with pytest.raises(IntegrityError, match=r"another 5/saved_model.pb"):
        mlflow.pyfunc.load_model(str(push))


def test_the_file_that_mlflow_adds_to_its_copy_does_not_matter(push: Path) -> None:
    (push / "registered_model_meta").write_text("model_name: sample\n")

    assert len(mlflow.pyfunc.load_model(str(push)).predict(pd.DataFrame(ROWS))) == len(ROWS)


@pytest.mark.parametrize("given", [pd.DataFrame(), np.zeros((1, 5))])
def test_what_is_no_frame_with_rows_is_named(push: Path, given: Any) -> None:
    from yachay.serving.pyfunc import _load_pyfunc

    with pytest.raises(ModelError, match="Expected a data frame with"):
        _load_pyfunc(str(push)).predict(given)


def test_a_folder_that_is_no_push_is_named(tmp_path: Path) -> None:
    from yachay.serving.pyfunc import _load_pyfunc

    with pytest.raises(ModelError, match=r"Expected push.json in .* Load a push."):
        _load_pyfunc(str(tmp_path))
