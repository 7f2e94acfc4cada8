"""Exact counts of the values of categorical features, as TFDV's Beam pipeline counts them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_data_validation.types import FeaturePath
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from ..examples import is_string
from ..tfx_api import schema_util, stats_generator, top_k_uniques_stats_util

NUM_PENDING = 64
"""The counts of so many batches are added up at once; more where the values so far are more than those of the batches,
so that the time stays in proportion to the rows and the memory to the distinct values."""

Counts = dict[str, list[pa.Table]]


class TopValues(stats_generator.CombinerStatsGenerator):
    """Counts each value of strings and categorical integers, where TFDV without Beam has sketches only.

    Args:
        options: `tfdv.StatsOptions`. The schema, and how many values are listed.
    """

    def __init__(self, options: Any) -> None:
        super().__init__("TopValues", options.schema)
        self._options = options
        self._bytes = {path.steps() for path in schema_util.get_bytes_features(options.schema)}
        numeric = schema_util.get_categorical_numeric_feature_types(options.schema)
        self._integers = {path.steps() for path, kind in numeric.items() if kind == schema_pb2.INT}

    def create_accumulator(self) -> Counts:
        """Returns no counts."""
        return {}

    def add_input(self, accumulator: Counts, batch: pa.RecordBatch) -> Counts:
        """Adds the counts of a batch of flat list columns."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if self._is_counted(name, column):
                counts = column.flatten().value_counts()
                tables = accumulator.setdefault(name, [])
                tables.append(pa.table({"value": counts.field("values"), "count": counts.field("counts")}))
                if len(tables) % NUM_PENDING == 0 and sum(map(len, tables[1:])) >= len(tables[0]):
                    accumulator[name] = [_add_up(tables)]
        return accumulator

    def extract_output(self, accumulator: Counts) -> statistics_pb2.DatasetFeatureStatistics:
        """Returns the number of values and the most frequent ones, by count and then value, both descending."""
        options = self._options
        num_listed = max(options.num_top_values, options.num_rank_histogram_buckets)
        result = statistics_pb2.DatasetFeatureStatistics()
        for name, tables in accumulator.items():
            counts = _add_up(tables)
            if not len(counts):
                continue
            keys = [("count", "descending"), ("value", "descending")]
            listed = counts.take(pc.select_k_unstable(counts, num_listed, keys)).to_pylist()
            feature = top_k_uniques_stats_util.make_feature_stats_proto_topk_uniques(
                feature_path=FeaturePath([name]),
                num_top_values=options.num_top_values,
                num_rank_histogram_buckets=options.num_rank_histogram_buckets,
                num_unique=len(counts),
                value_count_list=[
                    top_k_uniques_stats_util.FeatureValueCount(row["value"], row["count"]) for row in listed
                ],
                frequency_threshold=options.frequency_threshold,
            )
            result.features.add().CopyFrom(feature)
        return result

    def _is_counted(self, name: str, column: pa.Array) -> bool:
        if pa.types.is_null(column.type):
            return False
        if is_string(column.flatten()):
            return (name,) not in self._bytes
        return pa.types.is_integer(column.type.value_type) and (name,) in self._integers


def _add_up(tables: list[pa.Table]) -> pa.Table:
    """Returns one row a value, with the sum of its counts."""
    counts = pa.concat_tables(tables).group_by("value").aggregate([("count", "sum")])
    return counts.rename_columns({"value": "value", "count_sum": "count"})
