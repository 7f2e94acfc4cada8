import pyarrow as pa
import pytest

from yachay.components.times import have_offset, to_times

SECOND = 1_000_000_000


def test_times_are_nanoseconds_in_utc():
    texts = [
        "1970-01-02",
        "1970-01-01 00:00:01.5",
        "1970-01-01T02:00:00+01:00",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00,5",
    ]
    texts[-1] = "1970-01-01T00:00:00,5"
    expected = [86_400 * SECOND, 3 * SECOND // 2, 3600 * SECOND, 0, SECOND // 2]
    assert to_times(pa.array(texts)).to_pylist() == expected


@pytest.mark.parametrize(
    "text", ["2024-13-45", "2024-02-30", "last week", "2024", "2024-01-31T25:00", "12:30", "", None]
)
def test_what_is_no_time_is_null(text):
    assert to_times(pa.array([text], pa.string())).to_pylist() == [None]


def test_numbers_are_times_as_they_are():
    assert to_times(pa.array([3, None, 1])).to_pylist() == [3, None, 1]


def test_an_offset_is_seen():
    texts = pa.array(["2024-01-31", "2024-01-31T10:00", "2024-01-31T10:00Z", "2024-01-31T10:00-0500", None])
    assert have_offset(texts).to_pylist() == [False, False, True, True, False]
