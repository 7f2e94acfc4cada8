"""The codes of a categorical feature of integers that a model distinguishes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...model_store.metadata import MISSING_VALUE
from ..features import FeatureKind
from .metadata import RawFeature

MAX_KNOWN_CODES = 1_000


def known_codes(
    transform: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]],
    features: Sequence[RawFeature],
    vocabularies: Mapping[str, Sequence[bytes]],
) -> dict[str, tuple[int, ...]]:
    """Returns the known codes by feature, ascending: those of the vocabulary that the transform gives its indices.

    There are none of a feature with more than `MAX_KNOWN_CODES`, nor of one that a `preprocessing_fn` of a system's own
    turns into something else before its vocabulary.

    Args:
        transform: function of raw features, each `(N,)` or `(N, steps)`, that returns the transformed ones.
        features: sequence of `RawFeature`, all that the transform asks for.
        vocabularies: mapping of transformed feature to its vocabulary, in the order of its indices.
    """
    listed = {
        feature.name: codes
        for feature in features
        if feature.dtype == "int64" and feature.kind is FeatureKind.CATEGORICAL
        if (codes := _integers(vocabularies.get(feature.name, ())))
    }
    if not listed:
        return {}
    num_rows = max(map(len, listed.values()))
    transformed = transform({feature.name: _rows(feature, listed, num_rows) for feature in features})
    return {
        name: tuple(sorted(codes))
        for name, codes in listed.items()
        if np.array_equal(transformed[name].numpy().reshape(num_rows, -1)[: len(codes), 0], np.arange(len(codes)))
    }


def _integers(vocabulary: Sequence[bytes]) -> list[int]:
    if len(vocabulary) > MAX_KNOWN_CODES:
        return []
    try:
        return [int(word) for word in vocabulary]
    except ValueError:
        return []


def _rows(feature: RawFeature, listed: Mapping[str, Sequence[int]], num_rows: int) -> tf.Tensor:
    dtype: Any = object if feature.dtype == "string" else feature.dtype
    filler = MISSING_VALUE["string"] if feature.dtype == "string" else 0
    values = np.resize(np.array(listed.get(feature.name, [filler]), dtype), num_rows)
    return tf.constant(np.tile(values[:, np.newaxis], feature.steps) if feature.steps else values)
