"""What the modules of the server share: a model's features, a prediction, and who watches predictions."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from ..model_store.metadata import Dtype

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

WireProtocol: TypeAlias = Literal["v1", "v2", "grpc"]
Channel: TypeAlias = WireProtocol | Literal["stream"]


@dataclasses.dataclass(frozen=True)
class Feature:
    """A raw feature that a model asks for, as its `assets.extra/yachay.json` says.

    Args:
        name: string. Name of the signature's input.
        dtype: `"float32"`, `"int64"` or `"string"`.
        kind: string. `"numeric"`, `"ordinal"`, `"categorical"`, `"boolean"` or `"time"`.
        optional: bool. Whether a client may leave it out.
        missing: number or string. What the signature takes for a missing value; None where it may not be missing. A
            sequence that is not optional may have one, for missing values in it.
        domain: dict with `values`, or `min` and `max`; None where the schema has no domain.
        original_name: string. The column's name in the raw data, accepted as an alias.
        steps: int. Number of values of a sequence in the signature; None for a single value. Defaults to None.
        min_steps: int. The fewest values of a sequence that a client may send; shorter ones are padded at the front.
            Defaults to 0.
        codes: tuple of ints. Those that the model distinguishes, of a categorical feature of integers; empty where they
            are not known, as of a model that was trained before they were noted. Defaults to none.
        code_names: mapping of code, in decimal, to its name by language. Defaults to none.
    """

    name: str
    dtype: Dtype
    kind: str
    optional: bool
    missing: float | int | str | None
    domain: Mapping[str, Any] | None
    original_name: str
    steps: int | None = None
    min_steps: int = 0
    codes: tuple[int, ...] = ()
    code_names: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    @property
    def may_hold_null(self) -> bool:
        """Whether a value, or a value of a sequence, may be missing."""
        return self.optional or self.missing is not None

    @property
    def group(self) -> str:
        """What the feature is packed with: `"float32"`, or `"float32_48"` for sequences of 48 steps."""
        return self.dtype if self.steps is None else f"{self.dtype}_{self.steps}"


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The response to one request of `N` rows.

    Args:
        request_id: string. The client's `x-request-id` or V2 `id`, one that the server made, or the id of an event.
        time: datetime with time zone UTC. When the request came.
        model_name: string.
        model_version: string.
        protocol: `Channel`. How it came.
        features: sequence of `Feature`, those of the model version that predicted.
        inputs: dict of feature name to array of shape `(N,)`, or `(N, steps)` for a sequence: float32, int64, or str as
            object. A missing value is the feature's `missing`, a missing step `MISSING_VALUE`.
        outputs: dict of output name to array of shape `(N,)`, `(N, K)`, `(N, H)` or `(N, H, Q)`: float32, int64, or str
            as object.
    """

    request_id: str
    time: datetime
    model_name: str
    model_version: str
    protocol: Channel
    features: Sequence[Feature]
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


class PredictionObserver(Protocol):
    """Watches predictions. The server calls it where it predicts, once the responses are on their way.

    That is the event loop for a model of trees, and a thread for others and for requests of more rows than a batch: it
    may be called from both at once.
    """

    def record(self, prediction: Prediction) -> None:
        """Takes a prediction. Must never block: the next batch waits for it."""

    def close(self) -> None:
        """Finishes. Called once, after the last prediction, when the server has drained."""
