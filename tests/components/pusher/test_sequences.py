"""The gate over a model with sequences: session, golden requests, and the real server."""

import json
from pathlib import Path

import numpy as np
import pytest
from sequence_model import ROW, forecast, make_sequence_example, save_sequence_model

from yachay.components.pusher.gate import check_candidate
from yachay.components.pusher.golden_rows import golden_records, make_golden
from yachay.components.trainer.session_check import check_session
from yachay.errors import ModelError
from yachay.model_store.golden import read_golden, write_golden

SHORT = {**ROW, "load_mw": [3.0, 4.0], "sky": ["rain"], "station": "B"}
EXAMPLES = [make_sequence_example(row) for row in (ROW, SHORT)]


def test_golden_rows_hold_sequences_without_their_padding_and_one_with_a_missing_step(tmp_path: Path) -> None:
    model = save_sequence_model(tmp_path / "1")
    golden = make_golden(model, golden_records(model, EXAMPLES))

    assert [one.row["load_mw"] for one in golden] == [ROW["load_mw"], SHORT["load_mw"], *[ROW["load_mw"]] * 2]
    assert golden[1].row["sky"] == ["rain"]
    assert golden[2].row["temperature_c"] == [10.0, 11.0, 12.0, None, 14.0, 15.0]
    assert golden[3].row["sky"] == ["clear", None]
    for one in golden:
        np.testing.assert_allclose(one.prediction["outputs"], forecast(dict(one.row)), rtol=1e-6)
    assert read_golden(write_golden(golden)) == golden


def test_a_model_with_sequences_predicts_in_a_session_as_in_python(tmp_path: Path) -> None:
    check = check_session(save_sequence_model(tmp_path / "1"), EXAMPLES)

    assert set(check.differences["serving_default"]) == {"outputs", "lower", "upper", "quantiles"}


def test_an_example_with_fewer_steps_than_the_signature_is_rejected(tmp_path: Path) -> None:
    import tensorflow as tf

    model = save_sequence_model(tmp_path / "1")
    example = tf.train.Example.FromString(EXAMPLES[0])
    del example.features.feature["load_mw"].float_list.value[0]

    with pytest.raises(ModelError, match=r"to hold 4 of 'load_mw'\. Received: one with 3\."):
        check_session(model, [example.SerializeToString()])


@pytest.mark.end_to_end
@pytest.mark.usefixtures("forked")
def test_a_model_with_sequences_passes_the_gate(tmp_path: Path) -> None:
    golden = check_candidate(save_sequence_model(tmp_path / "push-1/1"), lambda: EXAMPLES, 120)

    assert len(golden) == 4


@pytest.mark.end_to_end
@pytest.mark.usefixtures("forked")
def test_a_server_that_pads_otherwise_is_found(tmp_path: Path) -> None:
    model = save_sequence_model(tmp_path / "push-1/1")
    path = model / "assets.extra/yachay.json"
    metadata = json.loads(path.read_text())
    metadata["features"][1]["min_steps"] = 4
    path.write_text(json.dumps(metadata))

    with pytest.raises(
        ModelError, match=r"Expected 'load_mw' \(row 0, step 0\) to be a finite number\. Received: null\."
    ):
        check_candidate(model, lambda: EXAMPLES, 120)
