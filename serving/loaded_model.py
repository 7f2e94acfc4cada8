"""A model in memory, whatever evaluates it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

from .contract import Array, Feature

SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class Output:
    """An output of the signature.

    Args:
        name: string.
        dtype: `"float32"`, `"int64"` or `"string"`.
        shape: tuple of int, -1 for the rows.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A SavedModel in memory.

    Args:
        metadata: dict. Content of `assets.extra/yachay.json`.
        features: tuple of `Feature`.
        outputs: tuple of `Output`, by name.
        predict: function of a dict of group (`Feature.group`) to array `(F, N)` or `(F, N, steps)` that returns a
            dict of output name to array `(N, ...)`, strings as str.
        evaluator: `"trees"` where the table of trees beside the SavedModel predicts, or `"saved_model"`.
        failure: string. Why a table of trees is not used; empty where it is, or there is none.
        max_loop_rows: int. How many rows are predicted fast enough for the event loop; 0 where none are.
    """

    metadata: dict[str, Any]
    features: tuple[Feature, ...]
    outputs: tuple[Output, ...]
    predict: Callable[[Mapping[str, Array]], dict[str, Array]]
    evaluator: Literal["trees", "saved_model"]
    failure: str
    max_loop_rows: int
