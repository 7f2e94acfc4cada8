import datetime

import pytest

from yachay.pipelines.retraining.evidence import make_evidence, newest_labelled

from .conftest import NOW


def days_ago(number):
    return NOW - datetime.timedelta(days=number)


def changed(result, windows):
    return result.model_copy(update={"windows": tuple(windows)})


@pytest.fixture
def windows(drifted):
    """Four windows of a day; the newest is still filling, and one day has no label."""
    [window] = drifted.windows
    return changed(
        drifted,
        (
            window.model_copy(
                update={"start": days_ago(day).isoformat(), "labels": labels, "rows": rows, "verdict": verdict}
            )
            for day, labels, rows, verdict in (
                (4, 300, 300, "quiet"),
                (3, 200, 200, "quiet"),
                (2, 0, 150, "drift"),
                (1, 28, 90, "too_few"),
            )
        ),
    )


@pytest.mark.parametrize(("least_rows", "first"), [(1, 1), (28, 1), (29, 3), (228, 3), (229, 4), (528, 4), (10_000, 4)])
def test_the_newest_windows_are_joined_until_there_are_enough_labels(windows, least_rows, first):
    assert newest_labelled(windows, least_rows) == days_ago(first)


def test_windows_of_an_earlier_model_are_not_joined(windows):
    earlier = changed(
        windows, (one.model_copy(update={"is_current": place > 1}) for place, one in enumerate(windows.windows))
    )

    assert newest_labelled(earlier, 500) == days_ago(1)


def test_without_labels_there_is_nothing_newer_than_the_look(windows):
    unlabelled = changed(windows, (one.model_copy(update={"labels": 0}) for one in windows.windows))

    assert newest_labelled(unlabelled, 1) == NOW


def test_a_window_that_is_still_filling_decides_nothing(windows):
    assert make_evidence(windows, [], 0, 0).start == days_ago(2)
