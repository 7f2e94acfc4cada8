"""TFDV's statistics of batches of examples, one after the other, without Beam."""

from collections.abc import Iterable

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from ..tfx_api import stats_generator, stats_impl, stats_options
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
    generators = [
        generator
        for generator in stats_impl.get_generators(options)
        if isinstance(generator, stats_generator.CombinerStatsGenerator)
    ]
    generators.append(TopValues(options))
    accumulators = [generator.create_accumulator() for generator in generators]
    for batch in batches:
        accumulators = [
            generator.add_input(accumulator, batch)
            for generator, accumulator in zip(generators, accumulators, strict=True)
        ]
    return stats_impl.extract_statistics_output(accumulators, generators)
