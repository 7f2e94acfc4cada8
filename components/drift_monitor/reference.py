"""What a model knew when it was pushed: how its features and its predictions were distributed, and how good it was.

The file `assets.extra/reference.json` of a push holds it, so that a log can be judged with nothing but the push. It
holds counts of bins of at least `LEAST_COUNT` records, bounds at quantiles and names of categories: no record, and
neither the least nor the largest number.
"""

import json
from collections.abc import Mapping
from typing import Literal

import pydantic

from ...errors import ModelError
from ..prediction_task import PredictionTask
from ..settings import Identifier, Settings

REFERENCE_FILE = "assets.extra/reference.json"
REFERENCE_FORMAT = 1
LEAST_COUNT = 10
"""Categories of fewer training records are counted together."""

Kind = Literal["numeric", "categorical"]


class SliceColumn(Settings):
    """A column whose groups are watched apart.

    Args:
        name: string. A column of the examples, such as `"Age_group"`.
        column: string. The feature in the prediction log that it is made of; empty for `name` itself.
        edges: tuple of floats, ascending. The bounds of the groups of a numeric feature, as `data.bins` names them.
    """

    name: Identifier
    column: str = ""
    edges: tuple[float, ...] = ()

    @property
    def source(self) -> str:
        """The feature in the prediction log."""
        return self.column or self.name


class ReferenceConfig(Settings):
    """What the Pusher needs to describe a model for the monitor.

    Args:
        task: `PredictionTask`.
        slices: tuple of `SliceColumn`. Defaults to none.
    """

    task: PredictionTask
    slices: tuple[SliceColumn, ...] = ()


class Distribution(Settings):
    """Counts of a column by bins.

    The bins are, in this order: `len(edges) + 1` intervals, of which one begins at its edge, or the `categories`; the
    values of no bin of their own (`rare`, or all others where `is_open`); the values that the training never saw; the
    missing ones.

    Args:
        kind: `"numeric"` or `"categorical"`.
        edges: tuple of floats, ascending. Defaults to none.
        categories: tuple of strings. Defaults to none.
        rare: tuple of strings. Categories of few training records. Defaults to none.
        is_open: bool. Whether there were too many categories to name them all: then none is known to be new.
        singletons: int. Training records whose category no other one has: by their share new categories are to be
            expected (Good, Biometrika 1953). Defaults to 0.
        counts: tuple of ints, one a bin.
    """

    kind: Kind
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    is_open: bool = False
    singletons: int = 0
    counts: tuple[int, ...]

    @property
    def num_values(self) -> int:
        """Bins of values that have a bin of their own."""
        return len(self.edges) + 1 if self.kind == "numeric" else len(self.categories)

    @property
    def num_bins(self) -> int:
        """All bins."""
        return self.num_values + 3


class FeatureReference(Settings):
    """A raw feature of the model.

    Args:
        name: string.
        kind: string. As the configuration has it: `"numeric"`, `"ordinal"`, `"categorical"`, `"boolean"` or `"time"`.
        dtype: string. `"float32"`, `"int64"` or `"string"`.
        is_sequence: bool. Whether it has several steps; the newest one is watched. Defaults to False.
        low: float or None. The least number that the schema allows. Defaults to None.
        high: float or None. The largest likewise.
        distribution: `Distribution` or None. None for a time, which moves on by itself.
    """

    name: str
    kind: str
    dtype: str
    is_sequence: bool = False
    low: float | None = None
    high: float | None = None
    distribution: Distribution | None = None


class MetricReference(Settings):
    """How good the model was on records that it had not seen.

    Args:
        value: float.
        error: float. Its standard error (bootstrap).
        estimated: float or None. What the scores say that it would be, without labels (`confidence`). Defaults to None.
        higher_is_better: bool.
        is_share: bool. Whether it lies between 0 and 1.
    """

    value: float
    error: float
    estimated: float | None = None
    higher_is_better: bool = True
    is_share: bool = True


class PredictionReference(Settings):
    """What the model predicted of the records that it was judged on.

    Args:
        rows: int.
        outputs: mapping of `"class"` and `"confidence"`, or of `"value"`, to `Distribution`.
        metrics: mapping of metric to `MetricReference`.
        slices: mapping of slice column, then of group, to the `Distribution` of the class, or of the value.
    """

    rows: int
    outputs: dict[str, Distribution]
    metrics: dict[str, MetricReference] = {}
    slices: dict[str, dict[str, Distribution]] = {}


class Reference(Settings):
    """What a model knew when it was pushed.

    Args:
        format: int.
        config: `ReferenceConfig`.
        rows: int. Training records.
        features: tuple of `FeatureReference`.
        predictions: `PredictionReference`, or None where the evaluation kept none.
    """

    format: int = REFERENCE_FORMAT
    config: ReferenceConfig
    rows: int
    features: tuple[FeatureReference, ...]
    predictions: PredictionReference | None = None

    def to_json(self) -> bytes:
        """Returns the content of `reference.json`."""
        return (self.model_dump_json(exclude_defaults=True) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes, place: str) -> "Reference":
        """Returns the reference of a file.

        Raises:
            ModelError: if it is none, or of a later version.
        """
        try:
            document = json.loads(content)
            found = document.get("format", REFERENCE_FORMAT) if isinstance(document, Mapping) else None
            if found != REFERENCE_FORMAT:
                raise ValueError(f"the format {found}")
            return cls.model_validate(document)
        except (ValueError, pydantic.ValidationError) as error:
            raise ModelError(
                f"Expected {place} to be a reference of format {REFERENCE_FORMAT}. Received: {str(error)[:300]}. "
                "Push the model anew, or monitor with the version of yachay that pushed it."
            ) from None
