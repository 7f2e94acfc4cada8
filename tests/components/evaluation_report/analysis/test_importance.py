import pytest

from yachay.components.evaluation_report.analysis.importance import dominant_share
from yachay.components.evaluation_report.report import Estimate, Importance


def rows(*losses: float, low: float = 0.1) -> list[Importance]:
    return [Importance(feature=f"x{loss}", drop=Estimate(value=loss, low=low)) for loss in losses]


def test_one_column_carries_nearly_all() -> None:
    assert dominant_share(rows(0.9, 0.08, 0.02, -0.01)) == pytest.approx(0.9)


@pytest.mark.parametrize(
    "found", [rows(0.7, 0.2, 0.1), rows(0.9, 0.1), rows(0.9, 0.0, 0.0, low=-0.1), rows(-0.1, -0.2, -0.3), []]
)
def test_no_column_carries_nearly_all(found: list[Importance]) -> None:
    assert dominant_share(found) == 0
