"""Agreement with the confidence-based estimates of NannyML 0.13.1, whose environment is its own.

    uv venv nannyml && uv pip install -p nannyml/bin/python nannyml==0.13.1 statsmodels
    NANNYML_PYTHON=nannyml/bin/python pytest tests/components/drift_monitor/test_nannyml.py

The scores are calibrated, so that NannyML does not calibrate them once more (`needs_calibration` is False). It takes
each row of a ROC curve, where ours are binned.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from yachay.components.drift_monitor.scores import ScoreSums, estimate

NANNYML = {"accuracy": 0.6320481777456932, "f1": 0.438284, "roc_auc": 0.750667}
"""What NannyML 0.13.1 estimated on `draw(1000, 2, 0.8)`, with `draw(3000, 1)` as its reference."""

METRICS = {"accuracy": "accuracy", "f1": "macro_f1", "roc_auc": "auc_ovr"}
CLASSES = ["no", "perhaps", "yes"]

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import nannyml, numpy, pandas

given = json.load(sys.stdin)
classes = given["classes"]

def frame(scores, labels):
    table = pandas.DataFrame(scores, columns=classes)
    table["predicted"] = [classes[index] for index in numpy.argmax(scores, axis=1)]
    table["label"] = [classes[index] for index in labels]
    return table

reference, window = (frame(*given[name]) for name in ("reference", "window"))
estimator = nannyml.CBPE(
    problem_type="classification_multiclass", y_pred_proba={name: name for name in classes}, y_pred="predicted",
    y_true="label", metrics=["accuracy", "f1", "roc_auc"], chunk_size=len(window),
)
estimator.fit(reference)
assert not estimator.needs_calibration
found = estimator.estimate(window.drop(columns="label")).filter(period="analysis").to_df()
print(json.dumps({name: float(found[name, "value"].iloc[0]) for name in ("accuracy", "f1", "roc_auc")}))
"""


def draw(num_rows: int, seed: int, shift: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns calibrated scores `(num_rows, 3)` and labels drawn from them."""
    generator = np.random.default_rng(seed)
    grade = generator.normal(shift, 1, num_rows)
    powers = np.exp(np.stack([-grade, np.zeros(num_rows), grade], axis=1))
    scores = powers / powers.sum(axis=1, keepdims=True)
    return scores, (generator.random((num_rows, 1)) < scores.cumsum(axis=1)).argmax(axis=1)


def estimates() -> dict[str, float]:
    """Returns our estimates, by NannyML's names."""
    scores, _ = draw(1000, 2, 0.8)
    sums = ScoreSums.of(scores, np.zeros(len(scores), np.int64), 1)
    found = estimate(sums.to_row(0), len(CLASSES))
    return {name: found[own] for name, own in METRICS.items()}


def test_estimates_are_those_that_nannyml_found() -> None:
    found = estimates()

    assert found["accuracy"] == pytest.approx(NANNYML["accuracy"], abs=1e-12)
    assert found["f1"] == pytest.approx(NANNYML["f1"], abs=1e-6)
    assert found["roc_auc"] == pytest.approx(NANNYML["roc_auc"], abs=5e-4)


@pytest.mark.slow
def test_nannyml_still_estimates_these() -> None:
    python = os.environ.get("NANNYML_PYTHON")
    if not python:
        pytest.skip("NANNYML_PYTHON names no Python with NannyML")
    given: dict[str, Any] = {"classes": CLASSES}
    for name, drawn in (("reference", draw(3000, 1)), ("window", draw(1000, 2, 0.8))):
        given[name] = [part.tolist() for part in drawn]
    done = subprocess.run(
        [python, "-c", PROGRAM],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(python).absolute().parent,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )

    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(NANNYML, abs=1e-6)
