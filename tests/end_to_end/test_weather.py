"""weather from made-up stations to a blessed and pushed forecast."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end


def test_a_run_ends_with_a_pushed_forecast_whose_page_has_the_baselines(yachay: Any, tmp_path: Path) -> None:
    run = yachay("run", "weather", "--workdir", tmp_path)

    assert (run.status, run.output["verdict"]) == (0, "blessed"), run.stderr
    assert run.output["is_synthetic"]
    assert Path(run.output["pushed_model_uri"], "saved_model.pb").is_file()
    assert {line["slice"]["station"] for line in run.output["slices"]} == {"Changping", "Dongsi", "Huairou"}

    page = Path(run.output["report_uri"])
    sections = json.loads(page.with_suffix(".json").read_text())["sections"]
    assert [(section["name"], section["problem"]) for section in sections] == [
        ("leaderboard", ""), ("examples", ""), ("climate", "")
    ]  # fmt: skip
    errors = {name: sum(of) / len(of) for name, of in sections[0]["data"]["mae"].items()}
    assert errors["model"] == pytest.approx(run.output["metrics"]["mae"], abs=1e-3)
    assert errors["model"] < 0.5 * min(errors[name] for name in ("persistence", "yesterday", "climatology", "mixture"))
    notes = list(csv.DictReader(Path(run.output["quarantine_uri"], "notes.csv").read_text().splitlines()))
    assert [(note["column"], note["change"]) for note in notes] == [("temperature_c", "blanked")] * 3
