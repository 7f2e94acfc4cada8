"""The data page, beside TFDV's own comparison of statistics."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.evaluation_report.analysis.distributions import (
    distributions,
    feature_rows,
    jensen_shannon,
    label_counts,
    label_mean,
    label_quantiles,
    rebinned,
)
from yachay.components.evaluation_report.report import Distribution


@pytest.fixture(scope="module")
def statistics() -> dict[str, Any]:
    rng = np.random.default_rng(0)

    def table(num_rows: int, mean: float, words: str) -> pd.DataFrame:
        frame = pd.DataFrame(
            {
                "income": rng.normal(mean, 1, num_rows),
                "children": rng.poisson(2 + mean, num_rows),
                "constant": np.ones(num_rows),
                "far": rng.normal(100 * mean, 1, num_rows),
                "word": rng.choice(list(words), num_rows),
            }
        )
        frame.loc[: num_rows // 10, "income"] = np.nan
        return frame

    return {
        split: tfdv.generate_statistics_from_dataframe(frame)
        for split, frame in (("train", table(900, 0.0, "aabbc")), ("eval", table(300, 0.4, "abbd")))
    }


@pytest.fixture(scope="module")
def schema(statistics: dict[str, Any]) -> schema_pb2.Schema:
    schema = tfdv.infer_schema(statistics["train"])
    for name in ("income", "children", "constant", "far"):
        tfdv.get_feature(schema, name).drift_comparator.jensen_shannon_divergence.threshold = 0.01
    tfdv.get_feature(schema, "word").drift_comparator.infinity_norm.threshold = 0.02
    return schema


@pytest.fixture(scope="module")
def found(statistics: dict[str, Any], schema: schema_pb2.Schema) -> dict[str, Distribution]:
    datasets = {split: listed.datasets[0] for split, listed in statistics.items()}
    return {one.feature: one for one in distributions(datasets, schema)}


def test_distances_are_those_of_tfdvs_drift_check(
    statistics: dict[str, Any], schema: schema_pb2.Schema, found: dict[str, Distribution]
) -> None:
    anomalies = tfdv.validate_statistics(statistics["eval"], schema, previous_statistics=statistics["train"])

    theirs = {info.path.step[0]: info.drift_measurements[0].value for info in anomalies.drift_skew_info}
    assert set(theirs) == set(found)
    assert {name: one.distance for name, one in found.items()} == pytest.approx(theirs, abs=1e-9)


def test_a_distribution_names_its_distance_and_the_schemas_threshold(found: dict[str, Distribution]) -> None:
    assert (found["income"].kind, found["income"].distance_name, found["income"].threshold) == (
        "numeric", "jensen_shannon", 0.01,
    )  # fmt: skip
    assert (found["word"].kind, found["word"].distance_name, found["word"].threshold) == (
        "categorical", "l_infinity", 0.02,
    )  # fmt: skip


def test_shares_are_of_the_records_with_a_value(found: dict[str, Distribution]) -> None:
    for one in found.values():
        for shares in one.shares.values():
            assert len(shares) == len(one.bins)
            assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert found["income"].missing_shares == pytest.approx({"train": 91 / 900, "eval": 31 / 300})
    assert set(found["word"].bins) == set("abcd")


def test_values_beyond_the_most_frequent_are_folded() -> None:
    frame = pd.DataFrame({"code": [f"c{k:02}" for k in range(30) for _ in range(40 - k)]})
    listed = tfdv.generate_statistics_from_dataframe(frame)

    [one] = distributions({"train": listed.datasets[0]}, tfdv.infer_schema(listed))

    assert len(one.bins) == 21
    assert (one.bins[0], one.bins[-1]) == ("c00", "…")
    assert sum(one.shares["train"]) == pytest.approx(1, abs=1e-5)
    assert one.distance is None


def test_records_between_new_edges_are_spread_evenly() -> None:
    assert rebinned(np.array([0.0, 4.0]), np.array([8.0]), np.array([0.0, 1.0, 4.0])).tolist() == [2.0, 6.0]
    assert rebinned(np.array([2.0, 2.0]), np.array([5.0]), np.array([0.0, 1.0, 4.0])).tolist() == [0.0, 5.0]


def test_the_divergence_of_disjoint_counts_is_one_bit() -> None:
    assert jensen_shannon(np.array([3.0, 0.0]), np.array([0.0, 5.0])) == pytest.approx(1)
    assert jensen_shannon(np.array([3.0, 1.0]), np.array([6.0, 2.0])) == pytest.approx(0)


def test_labels_are_counted_or_averaged(statistics: dict[str, Any]) -> None:
    datasets = {split: listed.datasets[0] for split, listed in statistics.items()}

    assert sum(label_counts(datasets, "word")["train"].values()) == 900
    assert label_counts(datasets, "income") == {}
    assert label_mean(datasets, "constant") == 1
    assert label_mean(datasets, "word") is None
    assert label_mean({}, "constant") is None


def test_columns_are_shown_as_the_schema_has_them() -> None:
    schema = text_format.Parse(
        """
        feature { name: "Age" type: INT presence { min_fraction: 1 } int_domain { min: 15 max: 110 } }
        feature { name: "Sex" type: BYTES string_domain { value: "f" value: "m" } }
        feature { name: "Note" type: BYTES domain: "words" }
        string_domain { name: "words" value: "x" }
        """,
        schema_pb2.Schema(),
    )

    age, sex, note = feature_rows(
        schema, {"Age": "numeric"}, ["Age"], {"Sex": "a demographic column"}, {"Age": "Age at enrolment"}
    )

    assert (age.dtype, age.domain, age.is_required, age.is_used) == ("int64", "15 – 110", True, True)
    assert (age.kind, age.original_name) == ("numeric", "Age at enrolment")
    assert (sex.dtype, sex.domain, sex.is_used, sex.excluded_because) == (
        "string",
        "f, m",
        False,
        "a demographic column",
    )
    assert note.domain == "x"


def test_classes_that_are_integers_are_counted() -> None:
    labels = [0] * 5 + [1] * 7 + [2] * 3
    statistics = {"train": tfdv.generate_statistics_from_dataframe(pd.DataFrame({"grade": labels})).datasets[0]}

    assert label_counts(statistics, "grade", ("0", "1", "2", "3")) == {"train": {"0": 5, "1": 7, "2": 3, "3": 0}}


def test_integers_that_share_a_bin_are_not_counted() -> None:
    frame = pd.DataFrame({"grade": [0, 1, 2, 40] * 5})
    statistics = {"train": tfdv.generate_statistics_from_dataframe(frame).datasets[0]}

    assert label_counts(statistics, "grade", ("0", "1", "2", "40")) == {}


def test_quantiles_of_a_numeric_label_are_those_of_training() -> None:
    frame = pd.DataFrame({"load": np.arange(1001.0)})
    statistics = {"train": tfdv.generate_statistics_from_dataframe(frame).datasets[0]}

    assert label_quantiles(statistics, "load", (0.1, 0.5, 0.9)) == pytest.approx([100, 500, 900], abs=15)
    assert len(label_quantiles({}, "load", (0.5,))) == 0


def test_no_bin_of_numbers_has_few_records_nor_names_the_least_or_the_largest() -> None:
    ages = {"train": [18] * 200 + [25] * 60 + [40] * 4 + [71], "eval": [17] * 3 + [18] * 80 + [25] * 20 + [55] * 7}
    statistics = {
        split: tfdv.generate_statistics_from_dataframe(pd.DataFrame({"age": values})).datasets[0]
        for split, values in ages.items()
    }
    schema = text_format.Parse('feature { name: "age" type: INT }', schema_pb2.Schema())

    [whole] = distributions(statistics, schema)
    [safe] = distributions(statistics, schema, min_rows=10)

    for split, values in ages.items():
        assert any(0 < round(share * len(values)) < 10 for share in whole.shares[split])
        assert not any(0 < round(share * len(values)) < 10 for share in safe.shares[split])
        assert sum(safe.shares[split]) == pytest.approx(1, abs=1e-5)
    # Equal parts of 17 to 71 would tell both.
    assert (whole.bins[0], whole.bins[1], whole.bins[-1]) == ("10 – 20", "20 – 30", "70 – 80")
    assert "17" not in " ".join(safe.bins).split()
    assert "71" not in " ".join(safe.bins).split()
    assert len(safe.bins) == len(safe.shares["train"]) == len(safe.shares["eval"]) > 1


def test_few_missing_values_do_not_follow_from_exact_shares() -> None:
    frame = pd.DataFrame({"word": ["a"] * 151 + ["b"] * 83 + ["c"] * 63 + [None] * 3})
    listed = tfdv.generate_statistics_from_dataframe(frame)

    def sizes(min_rows: int) -> list[int]:
        [one] = distributions({"train": listed.datasets[0]}, tfdv.infer_schema(listed), min_rows)
        shares = np.array(one.shares["train"])
        return [size for size in range(290, 301) if (np.abs(shares * size - (shares * size).round()) < 1e-3).all()]

    assert sizes(1) == [297]
    assert sizes(10) != [297]
