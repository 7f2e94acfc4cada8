import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from yachay.components.prediction_task import SplitSettings
from yachay.components.settings import check_settings
from yachay.components.splitter import Splitter
from yachay.components.transform.time_text import parse_times
from yachay.errors import ConfigurationError, DataError

HASH = Splitter(SplitSettings())
GROUP = Splitter(SplitSettings(method="group", key="school"))
TIME = Splitter(SplitSettings(method="time", key="day"))
CLASSES = np.where(np.arange(600) % 4 == 0, 1, 0)
NUMBERS = np.arange(600) / 7
FORECASTS = np.ones((600, 24), np.float32)
SCHOOLS = np.random.default_rng(3).integers(-(2**62), 2**62, 60)[np.random.default_rng(4).integers(0, 60, 600)]
DAYS = np.random.default_rng(5).permutation(np.arange(600) // 6)
KEYS = {HASH: None, GROUP: SCHOOLS, TIME: DAYS}
LABELS = {"classes": CLASSES, "numbers": NUMBERS, "forecasts": FORECASTS}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("splitter", KEYS, ids=["hash", "group", "time"])
def test_a_part_and_the_rest_hold_each_row_once_in_order(splitter, labels):
    rest, part = splitter.split(KEYS[splitter], labels, 0.15, seed=1)
    assert np.sort(np.concatenate([rest, part])).tolist() == list(range(600))
    assert (np.diff(rest) > 0).all()
    assert (np.diff(part) > 0).all()
    assert len(part) == pytest.approx(90, abs=6)


def test_a_part_has_its_share_of_each_class():
    _, part = HASH.split(None, CLASSES, 0.2, seed=1)
    assert np.bincount(CLASSES[part]).tolist() == [90, 30]


def test_another_seed_draws_another_part():
    parts = [HASH.split(None, CLASSES, 0.2, seed)[1].tolist() for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("share", [0.05, 0.15, 0.5, 0.9])
def test_no_group_stands_on_both_sides(labels, share):
    rest, part = GROUP.split(SCHOOLS, labels, share, seed=1)
    assert not set(SCHOOLS[rest]) & set(SCHOOLS[part])
    assert len(part) == pytest.approx(600 * share, abs=15)


def test_a_part_of_groups_is_balanced_by_class_as_far_as_they_allow():
    classes = np.repeat(np.arange(60) % 3, 10)  # each group is of one class
    _, part = GROUP.split(np.repeat(np.arange(60), 10), classes, 0.2, seed=1)
    assert np.bincount(classes[part]).tolist() == [40, 40, 40]


def test_two_groups_are_divided_even_where_the_share_is_far_off():
    rest, part = GROUP.split(np.array([7, 7, 7, 9, 9]), np.arange(5) / 2, 0.15, seed=1)
    assert [rest.tolist(), part.tolist()] == [[0, 1, 2], [3, 4]]


def test_a_class_of_one_group_stays_in_the_greater_part():
    groups, classes = np.repeat(np.arange(20), 5), np.zeros(100, int)
    classes[:5] = 1
    for seed in range(20):
        assert 0 in groups[GROUP.split(groups, classes, 0.3, seed)[0]]


def test_a_part_in_time_is_later_than_the_rest():
    rest, part = TIME.split(DAYS, CLASSES, 0.15, seed=1)
    assert DAYS[rest].max() < DAYS[part].min()


@pytest.mark.parametrize(
    ("splitter", "keys", "labels", "message"),
    [
        (HASH, None, np.array([0, 1]), r"Expected enough rows to keep 15% for validation\. Received: 2 rows\."),
        (GROUP, np.array([5, 5]), np.array([0, 1]), r"at least 2 groups of 'school' to divide\. Received: 1\."),
        (GROUP, np.array([5, 6]), np.array([0, 1]), r"each class in at least 2 groups of 'school'.*Received: 2 groups"),
        (TIME, np.array([5, 5]), np.array([0, 1]), r"several values of the time 'day'.*Received: all 2 of 5\."),
        (GROUP, None, np.array([0, 1]), r"Expected a key with each row.*'group'.*Pass the values of 'school'\."),
    ],
)
def test_too_little_to_divide_is_an_error(splitter, keys, labels, message):
    with pytest.raises(DataError, match=message):
        splitter.split(keys, labels, 0.15, seed=1)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("splitter", [HASH, GROUP], ids=["hash", "group"])
def test_every_row_is_held_out_once_and_never_trained_on_in_its_fold(splitter, labels):
    folds = splitter.folds(KEYS[splitter], labels, 5, seed=1)
    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(600))
    assert all(sorted([*before, *held_out]) == list(range(600)) for before, held_out in folds)


def test_each_fold_has_the_classes_in_their_shares():
    assert [CLASSES[held_out].sum() for _, held_out in HASH.folds(None, CLASSES, 5, seed=1)] == [30] * 5


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_a_group_is_in_one_fold(labels):
    for before, held_out in GROUP.folds(SCHOOLS, labels, 5, seed=1):
        assert not set(SCHOOLS[before]) & set(SCHOOLS[held_out])


def test_in_time_each_fold_comes_after_all_that_it_is_trained_on():
    folds = TIME.folds(DAYS, CLASSES, 3, seed=1)
    assert len(folds) == 3
    assert all(DAYS[before].max() < DAYS[held_out].min() for before, held_out in folds)


@pytest.mark.parametrize("labels", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_equal_records_are_in_one_fold_and_different_ones_as_without_hashes(labels):
    hashes = np.random.default_rng(6).permutation(600)
    alone = HASH.folds(None, labels, 5, seed=1)
    for one, other in zip(alone, HASH.folds(hashes, labels, 5, seed=1), strict=True):
        np.testing.assert_array_equal(one[1], other[1])

    twice, copies = np.append(hashes, hashes[:300]), np.append(labels, labels[:300])
    folds = HASH.folds(twice, copies, 5, seed=1)

    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(900))
    for (before, held_out), (_, first) in zip(folds, alone, strict=True):
        assert not set(twice[before]) & set(twice[held_out])
        np.testing.assert_array_equal(held_out[held_out < 600], first)


def test_copies_of_a_record_do_not_fill_the_folds():
    with pytest.raises(DataError, match=r"Expected at least 5 different rows for the folds\. Received: 2\."):
        HASH.folds(np.repeat([7, 8], 50), NUMBERS[:100], 5, seed=1)


@pytest.mark.parametrize(
    ("splitter", "labels", "num_folds", "message"),
    [
        (HASH, CLASSES, 151, r"Expected at least 151 rows of the class 'yes' for the folds\. Received: 150\."),
        (HASH, NUMBERS, 601, r"Expected at least 601 rows for the folds\. Received: 600\."),
        (GROUP, NUMBERS, 61, r"Expected at least 61 groups of 'school' for the folds\. Received: 60\."),
        (TIME, NUMBERS, 100, r"Expected at least 101 distinct values of 'day' for the folds\. Received: 100\."),
    ],
)
def test_too_little_for_the_folds_is_an_error(splitter, labels, num_folds, message):
    with pytest.raises(DataError, match=message):
        splitter.folds(KEYS[splitter], labels, num_folds, seed=1, classes=("no", "yes"))


def test_a_class_may_be_absent_from_a_fold_where_no_classes_are_named():
    labels = np.array([1, *[0] * 59])
    assert len(HASH.folds(None, labels, 5, seed=1)) == 5


def test_rows_of_a_group_are_resampled_together():
    assert HASH.clusters(None) is None
    assert GROUP.clusters(np.array([30, 10, 30, 20])).tolist() == [2, 0, 2, 1]


def test_interleaved_folds_hold_each_row_once_and_learn_from_before_and_after_across_a_gap() -> None:
    splitter = Splitter(SplitSettings(method="time", key="day", gap=1))
    days = np.random.default_rng(5).permutation(np.arange(6000) // 6)
    folds = splitter.folds(days, np.ones((6000, 24)), 4, 1, is_interleaved=True)
    assert np.sort(np.concatenate([held for _, held in folds])).tolist() == list(range(6000))
    for rows, held in folds:
        apart = np.abs(np.unique(days[rows])[:, np.newaxis] - np.unique(days[held]))
        assert apart.min() == 2
        assert len(held) == pytest.approx(1500, abs=30)
        # From all over the whole, and but for the gaps all else is learned from.
        assert np.histogram(days[held], 12, (0, 1000))[0].min() > 60
        assert len(rows) > 4500 - 12 * 2 * 6 - 40


def test_a_gap_lies_before_a_validation_part_and_before_the_folds_in_time() -> None:
    splitter = Splitter(SplitSettings(method="time", key="day", gap=3))
    divisions = [splitter.split(DAYS, NUMBERS, 0.2, seed=1), *splitter.folds(DAYS, NUMBERS, 3, seed=1)]
    assert [DAYS[held].min() - DAYS[rows].max() for rows, held in divisions] == [4] * 4


def test_a_gap_lies_before_eval() -> None:
    days = np.array([5, 1, 2, 2, 3, 4, 5])
    splitter = Splitter(SplitSettings(method="time", key="day", eval_from="2026-01-06", gap=2))
    assert splitter.before_eval(days, 7).tolist() == [1, 2, 3, 4]
    assert TIME.before_eval(days, 7).tolist() == list(range(7))
    with pytest.raises(DataError, match=r"than the gap leaves out\. Received: 2, and `split\.gap: 2`"):
        splitter.before_eval(days[:1].repeat(3) + np.array([0, 1, 1]), 3)


def test_a_gap_that_leaves_nothing_out_of_it_is_an_error() -> None:
    splitter = Splitter(SplitSettings(method="time", key="day", gap=90))
    with pytest.raises(DataError, match=r"than the gap leaves out\. Received: 100, and `split\.gap: 90`"):
        splitter.split(DAYS, NUMBERS, 0.2, seed=1)


def test_a_test_takes_rows_in_periods_of_time_and_not_by_the_order_of_rows():
    periods = TIME.periods(DAYS)

    assert np.bincount(periods).tolist() == pytest.approx([50] * 12, abs=6)
    for period in range(11):
        assert DAYS[periods == period].max() < DAYS[periods == period + 1].min()


def test_a_test_takes_few_moments_one_by_one_and_groups_whole():
    moments = np.repeat([5, 3, 9], 4)

    assert TIME.periods(moments).tolist() == np.repeat([1, 0, 2], 4).tolist()
    assert GROUP.periods(SCHOOLS).tolist() == GROUP.clusters(SCHOOLS).tolist()
    assert HASH.periods(None) is None


def test_eval_begins_with_the_time_that_is_given() -> None:
    splitter = Splitter(SplitSettings(method="time", key="at", eval_from="2024-01-03T00:00+08:00"))
    times = pa.array(["2024-01-01T00:00:00Z", "2024-01-02T15:59:00Z", "2024-01-02T16:00:00Z"])
    records = pa.record_batch({"at": times})
    assert splitter.is_late(records, splitter.first_eval_time([times])).tolist() == [False, False, True]
    with pytest.raises(DataError, match=r"'at' to hold times as ISO 8601 text.*`split\.eval_share`"):
        splitter.first_eval_time([pa.array([1, 2])])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "hash", "eval_from": "2024-01-01"}, "expected none with the method 'hash'"),
        ({"method": "time", "key": "at", "eval_from": "tomorrow"}, "an ISO 8601 time such as"),
    ],
)
def test_a_time_of_eval_that_does_not_fit_is_an_error(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_settings(SplitSettings, settings, "split")


def test_a_gap_in_hours_is_as_long_whatever_the_stride() -> None:
    splitter = Splitter(SplitSettings(method="time", key="time", gap="72h"))
    for stride in (1, 3, 5):
        hours = np.arange(0, 2400, stride)
        texts = np.datetime_as_string(np.datetime64("2020-01-01T00:00") + hours.astype("timedelta64[h]"))
        times = parse_times(tf.constant(texts)).numpy()
        labels = np.zeros(len(times))

        rest, validation = splitter.split(times, labels, 0.2, 1)
        before_eval = splitter.before_eval(times, len(times))
        folds = splitter.folds(times, labels, 4, 1) + splitter.folds(times, labels, 4, 1, is_interleaved=True)

        assert hours[validation[0]] - hours[rest[-1]] in range(72, 72 + stride)
        assert hours[-1] - hours[before_eval[-1]] in range(72, 72 + stride)
        for learned, held in folds:
            assert np.abs(hours[learned][:, None] - hours[held]).min() in range(72, 72 + stride)


def test_a_gap_in_hours_of_times_that_are_numbers_is_an_error() -> None:
    splitter = Splitter(SplitSettings(method="time", key="year", gap="72h"))

    with pytest.raises(DataError, match=r"hold times as ISO 8601 text, for `split\.gap` is one\. Received: numbers"):
        splitter.first_eval_time([pa.array([1, 2])])
    with pytest.raises(ValueError, match="gap"):
        SplitSettings(method="time", key="time", gap="three days")
