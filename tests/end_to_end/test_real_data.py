"""`student_dropout` on the real file of UCI 697."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end


def test_the_real_file_ends_in_a_blessed_model_within_the_bounds(yachay: Any, real_data: Path, tmp_path: Path) -> None:
    result = yachay("run", "student_dropout", "--data", real_data / "student_dropout", "--workdir", tmp_path)

    assert result.status == 0, (result.output["reasons"], result.stderr)
    assert result.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert 0.76 <= result.output["metrics"]["accuracy"] <= 0.82
    assert result.output["metrics"]["macro_f1"] >= 0.69
    assert result.output["metrics"]["auc_ovr"] >= 0.88


@pytest.mark.slow
@pytest.mark.parametrize("task", ["enrolment", "semester1"])
@pytest.mark.parametrize("family", ["keras", "boosted_trees", "random_forest", "linear", "auto"])
def test_every_family_ends_with_a_verdict_on_every_task(
    yachay: Any, real_data: Path, tmp_path: Path, task: str, family: str
) -> None:
    result = yachay(
        "run", "student_dropout", "--data", real_data / "student_dropout", "--workdir", tmp_path,
        "--task", task, "--set", f"model.family={family}",
    )  # fmt: skip

    assert result.output["verdict"] in ("blessed", "not_blessed"), result.stderr
    assert result.output["error"] is None
