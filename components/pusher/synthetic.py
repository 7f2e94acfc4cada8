"""Records that are nobody's, for golden requests: each value is drawn by itself from statistics of the training data.

What could single a person out is left out: numbers come from between the first and the last decile, or from the schema
where these are of too few, words and codes were seen in `MIN_RECORDS` records or stand in the schema, and times are
made up.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from ...errors import ModelError

MIN_RECORDS = 10
"""Records that have a value without which it is nobody's business."""

_NUM_DECILES = 10
_FIRST_TIME = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_HOURS_OF_A_YEAR = 366 * 24
_SHARE_OF_SHORT_SEQUENCES = 0.25
_NO_WORD = "synthetic"


def draw_examples(
    features: Sequence[Mapping[str, Any]],
    statistics: statistics_pb2.DatasetFeatureStatistics,
    num_examples: int,
    seed: int = 0,
) -> list[bytes]:
    """Returns serialized `tf.Example` with the features of a model, the same for the same arguments.

    A feature is missing as often as in the training data, where it may be.

    Args:
        features: sequence of the features of the model's metadata.
        statistics: `DatasetFeatureStatistics` of the training split.
        num_examples: int.
        seed: int. Defaults to 0.

    Raises:
        ModelError: if the statistics lack a feature.
    """
    known = {each.path.step[0] if each.HasField("path") else each.name: each for each in statistics.features}
    random = np.random.default_rng(seed)
    columns = {}
    for feature in features:
        if feature["name"] not in known:
            raise ModelError(
                f"Expected the feature {feature['name']!r} in the statistics, to draw golden requests from. Received: "
                "none. Push with push.golden: none, or real."
            )
        of_feature = known[feature["name"]]
        draw = _draw_scalars if feature.get("steps") is None else _draw_sequences
        columns[feature["name"]] = draw(feature, of_feature, num_examples, random)
    return [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    feature["name"]: _wire(feature["dtype"], columns[feature["name"]][index]) for feature in features
                }
            )
        ).SerializeToString()
        for index in range(num_examples)
    ]


def _draw_scalars(
    feature: Mapping[str, Any],
    statistics: statistics_pb2.FeatureNameStatistics,
    count: int,
    random: np.random.Generator,
) -> list[list[Any]]:
    common = (statistics.num_stats if statistics.HasField("num_stats") else statistics.string_stats).common_stats
    total = common.num_missing + common.num_non_missing
    share = common.num_missing / total if feature["optional"] and total else 0.0
    values = _draw(feature, statistics, count, random)
    return [[] if random.random() < share else [value] for value in values]


def _draw_sequences(
    feature: Mapping[str, Any],
    statistics: statistics_pb2.FeatureNameStatistics,
    count: int,
    random: np.random.Generator,
) -> list[list[Any]]:
    """Returns all steps of each sequence, of which some of the first are padding where it may be shorter."""
    steps, least = feature["steps"], max(1, feature["min_steps"])
    padding = b"" if feature["dtype"] == "string" else math.nan
    sequences = []
    for _ in range(count):
        is_short = random.random() < _SHARE_OF_SHORT_SEQUENCES
        length = int(random.integers(least, steps + 1)) if is_short else steps
        sequences.append([padding] * (steps - length) + _draw(feature, statistics, length, random))
    return sequences


def _draw(
    feature: Mapping[str, Any],
    statistics: statistics_pb2.FeatureNameStatistics,
    count: int,
    random: np.random.Generator,
) -> list[Any]:
    if feature["kind"] == "time" and feature["dtype"] == "string":
        first = int(random.integers(_HOURS_OF_A_YEAR))
        times = (_FIRST_TIME + datetime.timedelta(hours=first + hour) for hour in range(count))
        return [time.strftime("%Y-%m-%dT%H:%MZ") for time in times]
    if statistics.HasField("num_stats"):
        return _draw_numbers(feature, statistics.num_stats, count, random)
    return _draw_words(feature, statistics.string_stats, count, random)


def _draw_numbers(
    feature: Mapping[str, Any], statistics: statistics_pb2.NumericStatistics, count: int, random: np.random.Generator
) -> list[Any]:
    domain = feature["domain"] or {}
    low, high = domain.get("min", -math.inf), domain.get("max", math.inf)
    if statistics.common_stats.num_non_missing < _NUM_DECILES * MIN_RECORDS:
        # A decile is the value of fewer than so many.
        bounds = [max(low, min(0.0, high)), min(high, max(1.0, low))]
    else:
        quantiles = next(each for each in statistics.histograms if each.type == each.QUANTILES)
        # The outer buckets end with the least and the greatest value, which are somebody's.
        bounds = [bucket.low_value for bucket in quantiles.buckets[1:]]
    places = random.uniform(0, len(bounds) - 1, count)
    values = np.interp(places, range(len(bounds)), bounds)
    values = np.clip(values, low, high)
    if feature["dtype"] == "int64":
        return [int(value) for value in np.rint(values)]
    return [float(value) for value in values.astype(np.float32)]


def _draw_words(
    feature: Mapping[str, Any], statistics: statistics_pb2.StringStatistics, count: int, random: np.random.Generator
) -> list[Any]:
    domain = feature["domain"] or {}
    allowed = domain.get("values")
    seen = {bucket.label: bucket.sample_count for bucket in statistics.rank_histogram.buckets}
    kept = {
        word: number
        for word, number in seen.items()
        if (word in allowed if allowed is not None else number >= MIN_RECORDS) and word
    }
    if not kept:
        words = allowed or [domain.get("min", 0) if feature["dtype"] == "int64" else _NO_WORD]
        kept = dict.fromkeys(words, 1)
    weights = np.array(list(kept.values()), float)
    chosen = random.choice(len(kept), count, p=weights / weights.sum())
    words = list(kept)
    convert = {"int64": int, "float32": float, "string": str}[feature["dtype"]]
    return [convert(words[index]) for index in chosen]


def _wire(dtype: str, values: Sequence[Any]) -> tf.train.Feature:
    if dtype == "string":
        encoded = [value if isinstance(value, bytes) else value.encode() for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
    if dtype == "int64":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
