"""education_access from its official files, here those of a made-up country, to a blessed and pushed model."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import notebook_cells
import pytest

pytestmark = pytest.mark.end_to_end


def test_a_run_ends_with_a_pushed_model_a_page_with_own_sections_and_notes_of_the_files(
    yachay: Any, tmp_path: Path
) -> None:
    run = yachay("run", "education_access", "--workdir", tmp_path)

    assert (run.status, run.output["verdict"]) == (0, "blessed")
    assert run.output["is_synthetic"]
    assert run.output["metrics"]["auc_worst_fifth"] > 0.9
    assert Path(run.output["pushed_model_uri"], "saved_model.pb").is_file()

    page = Path(run.output["report_uri"])
    assert all(f"own-{name}" in page.read_text() for name in ("ranking", "regions", "intervals", "space"))
    sections = json.loads(page.with_suffix(".json").read_text())["sections"]
    assert [(section["name"], section["problem"]) for section in sections] == [
        ("ranking", ""),
        ("regions", ""),
        ("intervals", ""),
        ("space", ""),
    ]

    folder = Path(run.output["recommendation_uri"])
    assert (folder / "recommendation.parquet").is_file()
    planned = yachay("recommend", "education_access", "--budget", "5e6", "--top", "3", "--workdir", tmp_path,
                     "--set", "recommend.plan.refuted=true")  # fmt: skip
    assert planned.status == 0
    assert planned.output["plan"]["cost"] <= 5e6
    assert planned.output["plan"]["gap"] <= 1e-3
    assert len(planned.output["communities"]) == 3
    assert planned.output["is_synthetic"]

    result = notebook_cells.run(
        notebook_cells.NOTEBOOKS / "from_scores_to_a_plan.ipynb",
        tmp_path,
        os.environ | {"YACHAY_WORKDIR": str(tmp_path)},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "552 districts of 23 departments" in result.stdout
    assert "Half the budget has" in result.stdout

    notes = csv.DictReader(Path(run.output["quarantine_uri"], "notes.csv").read_text().splitlines())
    changes = [note["change"] for note in notes]
    assert {change: changes.count(change) for change in set(changes)} == {"replaced": 428, "blanked": 21, "dropped": 82}
