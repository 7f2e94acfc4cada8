"""A family and a metric of an installed package: no file of the library knows of them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end

SYSTEMS = Path(__file__).parents[1] / "systems"
ENTRY_POINTS = """\
[yachay.families]
acme = acme.family

[yachay.metrics]
acme = acme.metric
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """The environment in which the package is installed, as pip leaves it behind."""
    described = tmp_path / "site" / "acme-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(ENTRY_POINTS)
    folders = [str(described.parent), str(SYSTEMS), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}


def test_a_family_and_a_metric_of_an_installed_package_are_trained_judged_and_reported(
    yachay: Any, installed: dict[str, str], tmp_path: Path
) -> None:
    changes = ("model.family=nearest_mean", "tasks.semester2.thresholds.top_two.lower=0.99")
    result = yachay(
        "run", "student_dropout", "--workdir", tmp_path, *(f"--set={change}" for change in changes), env=installed
    )

    assert result.status == 3, result.stderr
    assert result.output["verdict"] == "not_blessed"
    assert result.output["pushed_model_uri"] is None
    assert result.output["bounds"]["top_two"] == {"lower": 0.99}
    assert any(reason.startswith("top_two is 0.") and "below 0.99" in reason for reason in result.output["reasons"])
    assert 0.6 < result.output["metrics"]["accuracy"] < result.output["metrics"]["top_two"] < 0.99
    report = json.loads(Path(result.output["report_uri"]).with_name("report.json").read_text())
    assert report["lineage"]["family"] == "nearest_mean"
    assert report["metric_titles"]["top_two"] == {"en": "Among the first two", "es": "Entre las dos primeras"}
    assert report["metrics"]["top_two"]["low"] < report["metrics"]["top_two"]["value"]


def test_where_the_package_is_not_installed_its_names_are_invalid(yachay: Any, tmp_path: Path) -> None:
    result = yachay("run", "student_dropout", "--workdir", tmp_path, "--set=model.family=nearest_mean")

    assert result.status == 2
    assert "model.family: " in result.output["error"]
    assert "nearest_mean" in result.output["error"]
