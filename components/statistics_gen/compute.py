"""TFDV's statistics of batches of examples, one after the other, without Beam."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from ..tfx_api import basic_stats_generator, merge_util, stats_generator, stats_options
from .top_values import TopValues


def compute_statistics(
    batches: Iterable[pa.RecordBatch], schema: schema_pb2.Schema
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns the statistics of a data set, as `tfdv.GenerateStatistics` computes them with a schema.

    The work is done by TFDV's own generators, but for the counts of values (`unique`, `top_values` and
    `rank_histogram`): TFDV has an exact one for Beam alone.

    Quantiles, and what comes of them (`median` and the histograms), are approximate as TFDV's are: the rank of a
    boundary is within 1 % of the number of values, and a sketch's result depends on how the values were batched.

    Args:
        batches: iterable of `pyarrow.RecordBatch` of `examples.decode`. At most one is held at a time.
        schema: `schema_pb2.Schema`. Which integers are categorical, and which strings are bytes.
    """
    options = stats_options.StatsOptions()
    options.schema = schema
    generators = [*tfdv_generators(options), TopValues(options)]
    accumulators = [generator.create_accumulator() for generator in generators]
    for batch in batches:
        accumulators = [
            generator.add_input(accumulator, batch)
            for generator, accumulator in zip(generators, accumulators, strict=True)
        ]
    return merge_util.merge_dataset_feature_statistics(
        generator.extract_output(generator.compact(accumulator))
        for generator, accumulator in zip(generators, accumulators, strict=True)
    )


def tfdv_generators(options: Any) -> list[Any]:
    """Returns TFDV's generators that need no Beam: those of `stats_impl.get_generators`, which imports it.

    Args:
        options: `tfdv.StatsOptions`, whose schema may ask for more than the one of every schema.
    """
    schema = options.schema
    has_text = any(feature.HasField("natural_language_domain") for feature in schema.feature)
    if schema.sparse_feature or schema.weighted_feature or has_text:
        from ..tfx_api import stats_impl

        found = stats_impl.get_generators(options)
        return [generator for generator in found if isinstance(generator, stats_generator.CombinerStatsGenerator)]
    names = ("num_values_histogram_buckets", "num_histogram_buckets", "num_quantiles_histogram_buckets", "epsilon")
    return [
        basic_stats_generator.BasicStatsGenerator(
            schema=schema,
            example_weight_map=options.example_weight_map,
            **{name: getattr(options, name) for name in names},
        )
    ]
