"""`student_dropout` on the real file of UCI 697."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def result(yachay: Any, real_data: Path, workdir: Path) -> Any:
    return yachay("run", "student_dropout", "--data", real_data / "student_dropout", "--workdir", workdir)


def test_the_real_file_ends_in_a_blessed_model_within_the_bounds(result: Any) -> None:
    assert result.status == 0, (result.output["reasons"], result.stderr)
    assert result.output["rows"] == {"read": 4424, "kept": 4424, "quarantined": 0}
    assert 0.76 <= result.output["metrics"]["accuracy"] <= 0.82
    assert result.output["metrics"]["macro_f1"] >= 0.69
    assert result.output["metrics"]["auc_ovr"] >= 0.88


def test_bad_data_leaves_the_last_pushed_model_untouched(
    yachay: Any, result: Any, workdir: Path, tmp_path: Path
) -> None:
    def contents() -> dict[Path, bytes]:
        store = Path(result.output["pushed_model_uri"]).parents[1]
        return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}

    before = contents()
    (tmp_path / "data.csv").write_text("Marital status;Target\n1;Dropout\n")

    bad = yachay("run", "student_dropout", "--data", tmp_path / "data.csv", "--workdir", workdir)

    assert bad.status == 1
    assert before
    assert contents() == before


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
