import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from yachay.pipelines.profile import ColumnProfile, read_profile, write_profile


def words(shares: dict[str, float], num_rows: int, seed: int) -> pa.Array:
    chance = np.random.default_rng(seed)
    return pa.array(chance.choice(list(shares), num_rows, p=list(shares.values())).tolist(), pa.string())


def test_records_of_the_same_kind_do_not_drift() -> None:
    """One alarm in a hundred comparisons is the level."""
    alarms = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        numbers = pa.array(chance.normal(size=2_000))
        town = words({"a": 0.7, "b": 0.2, "c": 0.1}, 2_000, seed)
        columns = {"number": numbers, "town": town}
        for name, array in columns.items():
            alarms += bool(ColumnProfile.of(name, array.slice(0, 1_000)).drift(array.slice(1_000), len(columns)))

    assert stats.binomtest(alarms, 400, 0.01, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (pa.array(np.random.default_rng(1).normal(1, 1, 500)), "of the rows then"),
        (pa.array([None] * 100 + [0.0] * 100, pa.float64()), "missing: 0% of the rows then, 50% now"),
        (pa.array(["a", "b"] * 100), "held number, and holds words"),
    ],
)
def test_a_number_that_drifts_says_where(after: pa.Array, shown: str) -> None:
    profile = ColumnProfile.of("x", pa.array(np.random.default_rng(0).normal(size=500)))

    assert shown in profile.drift(after, 1)


def test_a_new_word_is_a_drift() -> None:
    profile = ColumnProfile.of("town", words({"a": 0.5, "b": 0.5}, 500, 0))

    assert "other words: 0% of the rows then, 3" in profile.drift(words({"a": 0.35, "b": 0.3, "z": 0.35}, 500, 1), 1)


def test_few_rows_say_nothing() -> None:
    assert not ColumnProfile.of("x", pa.array([1.0] * 99)).drift(pa.array([2.0] * 99), 1)


def test_a_profile_is_read_as_it_was_written(tmp_path) -> None:
    columns = {"x": pa.array([1.0, 2.0, None]), "constant": pa.array([3.0] * 3), "town": pa.array(["a", None, "b"])}
    path = tmp_path / "profile.json"
    path.write_text(write_profile(columns))

    assert read_profile(path) == {name: ColumnProfile.of(name, array) for name, array in columns.items()}
    assert read_profile(tmp_path / "absent.json") == {}
