"""`yachay new` on data of another shape, and its pipeline run at once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tab-separated with decimal commas, gaps and an `unknown` in a number, a key, a constant, a name with a digit."""
    rng = np.random.default_rng(3)
    lines = ["House id\tarea m2\tdistrict\t2nd floor\tcountry\tlast price\tprice"]
    for number in range(900):
        area, district, floors = rng.gamma(6, 20), rng.choice(["Lima", "Cusco", "Puno"]), rng.integers(1, 4)
        price = 900 * area + {"Lima": 60_000, "Cusco": 20_000, "Puno": 0}[district] + rng.normal(0, 9_000)
        shown = "" if rng.random() < 0.05 else f"{area:.1f}"
        shown = "unknown" if number == 7 else shown.replace(".", ",")
        cells = [
            f"H{number}",
            shown,
            district,
            str(floors),
            "Peru",
            f"{price - 40_000:.0f}",
            f"{price:.2f}".replace(".", ","),
        ]
        lines.append("\t".join(cells))
    path = tmp_path_factory.mktemp("houses") / "houses.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_regression_on_gappy_data_runs_at_once_and_is_tuned(yachay: Any, houses: Path, tmp_path: Path) -> None:
    from yachay.cli.main import run

    assert run(["new", "houses", "--data", str(houses), "--label", "price", "--output", str(tmp_path)]) == 0

    result = yachay(
        "run", tmp_path / "houses", "--workdir", tmp_path / "runs",
        "--set", "exclude={last_price: the price of last year}", "--set", "feature_selection.enabled=true",
        "--set", "report.error_columns=[district]", "--set", "report.baselines={last year: last_price}",
        "--tune", "--trials", "3", "--set", "model.family=linear", "--set", "tune.folds=3",
    )  # fmt: skip

    assert result.status == 0, (result.output["reasons"], result.stderr)
    assert "FeatureSelector" in result.states
    assert result.output["rows"]["kept"] == 900
    assert result.output["metrics"]["r2"] > 0.7
    tuning = result.output["tuning"]
    assert (tuning["objective"], tuning["trials"], tuning["family"]) == ("rmse", 3, "linear")
    assert tuning["score"] <= tuning["configured_score"]
    assert tuning["held_out"] == result.output["metrics"]["rmse"]
    assert "trial 3/3" in result.stderr
    assert "held out" in result.stderr
    assert Path(tuning["tuned_uri"]).read_text().startswith("# Trial ")
    errors = json.loads(Path(result.output["report_uri"]).with_name("report.json").read_text())["regression"]
    assert [table["by"] for table in errors["tables"]] == ["all", "district"]
    assert {row["value"] for row in errors["tables"][1]["rows"]} == {"Lima", "Cusco", "Puno"}
    rmse = result.output["metrics"]["rmse"]
    skill = errors["tables"][0]["rows"][0]["skill"]["last year"]["value"]
    assert skill == pytest.approx(1 - rmse / 40_000, abs=1e-3)
