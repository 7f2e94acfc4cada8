"""Statistics by arrays beside those of TFDV on Beam, field by field, over random tables."""

from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import json_format, text_format
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from yachay.components.examples import decode, encode
from yachay.components.statistics_gen import top_values
from yachay.components.statistics_gen.compute import compute_statistics, tfdv_generators
from yachay.components.tfx_api import stats_generator, stats_impl

pytestmark = pytest.mark.integration

SCHEMA = text_format.Parse(
    """
    feature { name: "whole" type: INT }
    feature { name: "code" type: INT int_domain { is_categorical: true } }
    feature { name: "flag" type: INT bool_domain {} }
    feature { name: "real" type: FLOAT }
    feature { name: "city" type: BYTES }
    feature { name: "name" type: BYTES }
    feature { name: "picture" type: BYTES image_domain {} }
    feature { name: "steps" type: FLOAT }
    feature { name: "absent" type: FLOAT }
    """,
    schema_pb2.Schema(),
)
SIZES = {"none": 0, "one": 1, "few": 40, "many": 900, "batches": 21_000}
# Of the number of values: each sketch's ranks are within 1 %, and they see the values in other batches.
RANK_TOLERANCE = 0.02

Statistics = statistics_pb2.DatasetFeatureStatisticsList


def random_table(num_rows: int, seed: int) -> pa.RecordBatch:
    generator = np.random.default_rng(seed)

    def column(values: NDArray, missing: float, kind: pa.DataType) -> pa.Array:
        gone = generator.random(num_rows) < missing
        lists = [None if left_out else [value] for value, left_out in zip(values.tolist(), gone, strict=True)]
        return pa.array(lists, pa.list_(kind))

    special = generator.choice([np.nan, np.inf, -np.inf, 0.0], num_rows)
    real = np.where(generator.random(num_rows) < 0.1, special, generator.normal(5, 100, num_rows))
    names = np.array([b"name %d" % value for value in generator.zipf(1.3, num_rows) % 5000], object)
    bad = np.array([b"\xff\xfe", b"", "Ñuñoa".encode(), b"Lima", b"x" * 2000], object)
    lengths = generator.integers(0, 6, num_rows)
    columns = {
        "whole": column(generator.integers(-(2**60), 2**60, num_rows), 0.3, pa.int64()),
        "code": column(generator.integers(-5, 12, num_rows), 0.1, pa.int64()),
        "flag": column(generator.integers(0, 2, num_rows), 0, pa.int64()),
        "real": column(real, 0.05, pa.float32()),
        "city": column(generator.choice(bad, num_rows), 0.2, pa.binary()),
        "name": column(names, 0.01, pa.binary()),
        "picture": column(names, 0.5, pa.binary()),
        "steps": pa.array([generator.normal(size=length) for length in lengths], pa.list_(pa.float32())),
        "absent": pa.nulls(num_rows, pa.list_(pa.float32())),
        "not_in_the_schema": column(generator.integers(0, 4, num_rows), 0, pa.int64()),
    }
    return pa.RecordBatch.from_pydict(columns)


def batches(table: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, table.num_rows, 8192):
        yield decode(encode(table.slice(start, 8192)))


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.RecordBatch]:
    return {name: random_table(size, seed) for seed, (name, size) in enumerate(SIZES.items())}


@pytest.fixture(scope="module")
def stock(tables: dict[str, pa.RecordBatch], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Statistics]:
    """Statistics of each table as TFX's StatisticsGen has them computed: one pipeline, decoded batch by batch."""
    folder = tmp_path_factory.mktemp("stock")
    options = tfdv.StatsOptions(schema=SCHEMA)
    with beam.Pipeline(runner="DirectRunner") as pipeline:
        for name, table in tables.items():
            examples = pipeline | f"Examples[{name}]" >> beam.Create(encode(table), reshuffle=False)
            _ = (
                examples
                | f"Batch[{name}]" >> beam.BatchElements(min_batch_size=64, max_batch_size=1000)
                | f"Decode[{name}]" >> beam.Map(decode)
                | f"Statistics[{name}]" >> tfdv.GenerateStatistics(options)
                | f"Write[{name}]" >> tfdv.WriteStatisticsToBinaryFile(str(folder / name))
            )
    return {name: tfdv.load_stats_binary(str(folder / name)) for name in tables}


@pytest.fixture(params=SIZES)
def pair(request: pytest.FixtureRequest, tables: dict[str, pa.RecordBatch], stock: dict[str, Statistics]) -> tuple:
    return tables[request.param], compute_statistics(batches(tables[request.param]), SCHEMA), stock[request.param]


def by_name(statistics: Statistics) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    (dataset,) = statistics.datasets
    return {feature.path.step[0]: feature for feature in dataset.features}


def without_sketches(feature: statistics_pb2.FeatureNameStatistics) -> dict:
    """Returns the fields that are no approximation."""
    fields: dict = json_format.MessageToDict(feature)
    for statistics in (value for key, value in fields.items() if key.endswith("Stats")):
        statistics["commonStats"].pop("numValuesHistogram", None)
        for field in ("histograms", "median", "mean", "stdDev"):
            statistics.pop(field, None)
    return fields


def test_data_sets_have_the_same_records_and_features(pair: tuple):
    _, ours, theirs = pair

    for field in ("name", "num_examples", "weighted_num_examples"):
        assert getattr(ours.datasets[0], field) == getattr(theirs.datasets[0], field)
    assert by_name(ours).keys() == by_name(theirs).keys()


def test_counts_bounds_and_values_are_equal(pair: tuple):
    _, ours, theirs = pair

    for name, feature in by_name(theirs).items():
        assert without_sketches(by_name(ours)[name]) == without_sketches(feature), name


def test_means_are_equal_but_for_the_order_of_the_sum(pair: tuple):
    _, ours, theirs = pair

    for name, feature in by_name(theirs).items():
        numbers = by_name(ours)[name].num_stats
        expected = [feature.num_stats.mean, feature.num_stats.std_dev]
        assert [numbers.mean, numbers.std_dev] == pytest.approx(expected, rel=1e-12, abs=1e-9, nan_ok=True), name


def test_histograms_differ_by_no_more_than_the_sketch_allows(pair: tuple):
    _, ours, theirs = pair

    for name, feature in by_name(theirs).items():
        expected = histograms(feature)
        for histogram, stock_histogram in zip(histograms(by_name(ours)[name]), expected, strict=True):
            assert (histogram.type, histogram.num_nan) == (stock_histogram.type, stock_histogram.num_nan)
            assert len(histogram.buckets) == len(stock_histogram.buckets)
            counts, stock_counts = (
                [bucket.sample_count for bucket in one.buckets] for one in (histogram, stock_histogram)
            )
            assert sum(counts) == pytest.approx(sum(stock_counts))
            tolerance = RANK_TOLERANCE * sum(stock_counts)
            assert np.cumsum(counts) == pytest.approx(np.cumsum(stock_counts), abs=tolerance), name


def test_quantiles_have_their_rank_among_the_values(pair: tuple):
    table, ours, _ = pair

    features = by_name(ours)
    for name in features.keys() & {"whole", "real", "steps", "not_in_the_schema"}:
        feature = features[name]
        values = np.sort(table.column(name).flatten().drop_null().to_numpy(zero_copy_only=False).astype(np.float64))
        values = values[~np.isnan(values)]
        if len(values) < 2:
            continue
        (quantiles,) = [one for one in feature.num_stats.histograms if one.type == statistics_pb2.Histogram.QUANTILES]
        bounds = [bucket.high_value for bucket in quantiles.buckets]
        for share, bound in zip(np.linspace(0.1, 1, 10), bounds, strict=True):
            ranks = np.searchsorted(values, bound, "left"), np.searchsorted(values, bound, "right")
            slack = RANK_TOLERANCE * len(values) + 1
            assert ranks[0] - slack <= share * len(values) <= ranks[1] + slack, (name, share, bound)


def histograms(feature: statistics_pb2.FeatureNameStatistics) -> list[statistics_pb2.Histogram]:
    statistics = getattr(feature, feature.WhichOneof("stats"))
    return [*feature.num_stats.histograms, statistics.common_stats.num_values_histogram]


def test_counts_of_values_do_not_depend_on_when_they_are_added_up(tables: dict[str, pa.RecordBatch], monkeypatch):
    expected = compute_statistics(batches(tables["batches"]), SCHEMA)
    monkeypatch.setattr(top_values, "NUM_PENDING", 2)

    assert by_name(compute_statistics(batches(tables["batches"]), SCHEMA)) == by_name(expected)


def test_the_generators_are_those_that_tfdv_would_take_without_beam() -> None:
    def settings(generators: Iterable[object]) -> list[tuple[type, dict[str, float]]]:
        return [
            (type(one), {name: value for name, value in vars(one).items() if isinstance(value, (int, float))})
            for one in generators
            if isinstance(one, stats_generator.CombinerStatsGenerator)
        ]

    options = tfdv.StatsOptions(schema=SCHEMA)

    assert settings(tfdv_generators(options)) == settings(stats_impl.get_generators(options))
