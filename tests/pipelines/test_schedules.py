import pytest

from yachay.errors import UsageError
from yachay.pipelines.schedules import read_schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("0 3 * * 1", "0 0 3 * * 1"),
        ("*/15 * * * MON-FRI", "0 */15 * * * MON-FRI"),
        ("30 0 3 1,15 jan-mar ?", "30 0 3 1,15 jan-mar ?"),
        ("@weekly", "@weekly"),
        ("@every 1h30m", "@every 1h30m"),
    ],
)
def test_a_schedule_is_read_as_crontab_or_kubeflow_have_it(text: str, schedule: str) -> None:
    assert read_schedule(text) == schedule


@pytest.mark.parametrize(
    "text", ["", "* * *", "60 * * * *", "* * 0 * *", "* * * * 7", "5-1 * * * *", "*/0 * * * *", "@often"]
)
def test_what_is_no_schedule_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="schedule"):
        read_schedule(text)
