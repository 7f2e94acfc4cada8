import random

import numpy as np
import pyarrow as pa
import pytest

from yachay.components.example_gen.duplicates import Duplicates
from yachay.components.fingerprints import fingerprints
from yachay.components.prediction_task import SplitSettings
from yachay.components.splitter import Splitter
from yachay.errors import DataError


def ages(ingested, split):
    return sorted(record["age"] for record in ingested.records[split])


@pytest.fixture
def shuffled(tmp_path):
    def shuffle(path, num_files):
        header, *rows = path.read_text().splitlines()
        random.Random(7).shuffle(rows)
        for i in range(num_files):
            part = tmp_path / "parts" / f"{i}.csv"
            part.parent.mkdir(exist_ok=True)
            part.write_text("\n".join([header, *rows[i::num_files]]) + "\n")
        return tmp_path / "parts"

    return shuffle


SPLITS = {
    "record": SplitSettings(),
    "key": SplitSettings(key="age"),
    "group": SplitSettings(method="group", key="city"),
    "time": SplitSettings(method="time", key="age"),
}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_a_split_is_the_same_for_any_order_of_records_and_any_number_of_files_and_shards(
    write_csv, run_ingest, shuffled, split
):
    path = write_csv(*[f"{100 + i},{i / 8},city {i % 20},no" for i in range(200)])
    one = run_ingest(path, split=split)
    other = run_ingest(shuffled(path, num_files=3), split=split, num_shards=4)
    for name in ("train", "eval"):
        assert ages(one, name) == ages(other, name)
        assert ages(one, name)


def test_shards_read_in_turn_give_the_order_of_the_file(write_csv, run_ingest):
    path = write_csv(good=300)
    assert run_ingest(path).records == run_ingest(path, num_shards=7).records


@pytest.mark.parametrize("split", [SPLITS["group"], SPLITS["time"]], ids=["group", "time"])
def test_for_out_of_fold_predictions_each_split_has_all_records(write_csv, run_ingest, split):
    ingested = run_ingest(write_csv(good=50), split=split, is_split=False)

    assert ingested.records["train"] == ingested.records["eval"]
    assert ingested.summary.rows_kept == 50
    assert ingested.summary.rows_by_split == {"train": 50, "eval": 50}


@pytest.mark.parametrize("eval_share", [0.1, 0.5])
def test_the_shares_are_about_those_asked_for(write_csv, run_ingest, eval_share):
    counts = run_ingest(write_csv(good=4000), split=SplitSettings(eval_share=eval_share)).summary.rows_by_split
    assert counts["eval"] == pytest.approx(4000 * eval_share, rel=0.1)


def test_another_salt_gives_another_split(write_csv, run_ingest):
    path = write_csv(good=200)
    assert ages(run_ingest(path), "eval") != ages(run_ingest(path, split=SplitSettings(salt="2")), "eval")


def test_a_group_is_never_divided(write_csv, run_ingest):
    path = write_csv(*[f"{i},,city {i % 30},yes" for i in range(600)])
    ingested = run_ingest(path, split=SplitSettings(method="group", key="city"))
    cities = [{record["city"] for record in ingested.records[split]} for split in ("train", "eval")]
    assert min(map(len, cities)) > 0
    assert not cities[0] & cities[1]


def test_the_latest_records_go_to_eval(write_csv, run_ingest):
    ingested = run_ingest(write_csv(good=100), split=SplitSettings(method="time", key="age", eval_share=0.25))
    assert ages(ingested, "train") == list(range(20, 95))
    assert ages(ingested, "eval") == list(range(95, 120))


def test_times_may_be_iso_text_and_other_text_is_rejected(write_csv, run_ingest):
    days = [f"{i},,2024-{1 + i // 28:02d}-{1 + i % 28:02d},{'yes' if i % 2 else 'no'}" for i in range(100)]
    path = write_csv(*days, "7,,last week,no", good=0)
    ingested = run_ingest(path, split=SplitSettings(method="time", key="city"))
    assert ages(ingested, "eval") == list(range(80, 100))
    assert [row["reason"] for row in ingested.quarantine] == ["'last week' is no time such as 2024-01-31"]


def test_times_with_an_offset_are_ordered_as_moments(write_csv, run_ingest):
    hours = [
        f"{i},,2024-01-{1 + i // 24:02d}T{i % 24:02d}:00+{i % 12:02d}:00,{'yes' if i % 2 else 'no'}" for i in range(96)
    ]
    ingested = run_ingest(write_csv(*hours, good=0), split=SplitSettings(method="time", key="city", eval_share=0.25))
    moments = {i: i - i % 12 for i in range(96)}
    latest = min(moments[age] for age in ages(ingested, "eval"))
    assert ages(ingested, "train") == [i for i in range(96) if moments[i] < latest]


def test_days_that_the_calendar_does_not_have_are_rejected(write_csv, run_ingest):
    days = [f"{i},,2024-01-{1 + i % 28:02d},{'yes' if i % 2 else 'no'}" for i in range(60)]
    ingested = run_ingest(write_csv(*days, "7,,2024-13-45,no", good=0), split=SplitSettings(method="time", key="city"))
    assert [(row["line"], row["reason"]) for row in ingested.quarantine] == [
        ("62", "'2024-13-45' is no time such as 2024-01-31")
    ]


def test_times_with_and_without_an_offset_cannot_be_compared(write_csv, run_ingest):
    path = write_csv("1,,2024-01-31T10:00,no", "2,,2024-01-31T10:00Z,yes", good=0)
    with pytest.raises(DataError, match=r"or all without\. Received: '2024-01-31T10:00Z' and '2024-01-31T10:00'"):
        run_ingest(path, split=SplitSettings(method="time", key="city"))


@pytest.mark.parametrize("method", ["hash", "group", "time"])
def test_a_record_without_a_key_is_rejected(write_csv, run_ingest, method):
    ingested = run_ingest(write_csv(",0.5,Cuzco,no"), split=SplitSettings(method=method, key="age"))
    assert [(row["line"], row["column"], row["reason"]) for row in ingested.quarantine] == [("2", "age", "no value")]


def test_records_of_one_time_stay_together():
    def first(keys, eval_share):
        splitter = Splitter(SplitSettings(method="time", key="day", eval_share=eval_share))
        return splitter.first_eval_time([pa.array(keys)]).as_py()

    assert first([1, 2, 2, 2, 2], 0.2) == 2
    assert first([1, 1, 1, 1, 2], 0.5) == 2


def test_one_time_only_cannot_be_split():
    with pytest.raises(DataError, match=r"rows of several values of the time 'day' to divide. Received: all 2 of 5"):
        Splitter(SplitSettings(method="time", key="day")).first_eval_time([pa.array([5, 5])])


def test_a_missing_value_and_an_empty_one_have_different_fingerprints():
    assert len(set(fingerprints([pa.array(["", None, "\0", "a\0"])]).tolist())) == 3


def test_duplicates_are_found_within_and_across_calls():
    duplicates = Duplicates()
    generator = np.random.default_rng(1)
    seen: set[int] = set()
    for size in generator.integers(1, 300, 50):
        hashes = generator.integers(0, 3000, size).astype(np.uint64)
        expected = []
        for value in hashes.tolist():
            expected.append(value in seen)
            seen.add(value)
        assert duplicates.find(hashes).tolist() == expected
