"""`student_performance`, tuned by the notebook: what the pushed model asks for, and what its page says."""

import json
import os
from pathlib import Path

import notebook_cells
import pytest

pytestmark = pytest.mark.end_to_end

DEMOGRAPHIC = {"Age", "Gender", "Ethnicity"}
NEVER = DEMOGRAPHIC | {"GPA", "StudentID", "GradeClass"}


def test_the_notebook_tunes_it_and_the_model_never_sees_what_it_may_not(tmp_path: Path) -> None:
    notebook = notebook_cells.NOTEBOOKS / "tune_and_compare.ipynb"

    done = notebook_cells.run(notebook, tmp_path, os.environ | {"YACHAY_WORKDIR": str(tmp_path)})

    assert done.returncode == 0, done.stderr[-3000:]
    assert "blessed: accuracy 0.7" in done.stdout
    assert "The best family: two_step" in done.stdout
    [home] = tmp_path.glob("student-performance--grade-class*")
    [metadata] = home.glob("models/*/*/assets.extra/yachay.json")
    assert not NEVER & {feature["name"] for feature in json.loads(metadata.read_text())["features"]}
    assert not any(name in metadata.read_text() for name in DEMOGRAPHIC | {"GPA", "StudentID"})
    [page] = home.glob("artifacts/EvaluationReport/report/*/report.html")
    report = json.loads(page.with_name("report.json").read_text())
    assert {name for item in report["fairness"] for name in item["columns"]} == DEMOGRAPHIC
    assert len(report["trials"]["trials"]) <= 10
    text = page.read_text()
    for said in ("Gender: no input of the model.", "behaves like generated data", "The best of many trials is"):
        assert said in text
