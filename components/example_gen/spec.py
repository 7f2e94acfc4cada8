"""What an ingest is asked to do, checked before any work."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ...errors import ConfigurationError

JSON_PARAMETERS = ("columns", "label_values", "missing_values", "bands")


class ColumnType(StrEnum):
    """The type of a column in a `tf.Example`; strings are UTF-8 bytes there."""

    INT64 = "int64"
    FLOAT32 = "float32"
    STRING = "string"


class SplitMethod(StrEnum):
    """How records are divided into `train` and `eval`."""

    HASH = "hash"
    GROUP = "group"
    TIME = "time"


@dataclass(frozen=True)
class Column:
    """A column to read.

    Args:
        type: `ColumnType`.
        required: bool. Whether a record without a value is refused. Defaults to `True`.
        values: tuple. The only values allowed; empty allows all.
    """

    type: ColumnType
    required: bool = True
    values: tuple[str | int | float, ...] = ()


@dataclass(frozen=True)
class Band:
    """A string column of named intervals of a numeric one: edges `(20, 25)` give `<20`, `20-<25` and `>=25`."""

    column: str
    edges: tuple[float, ...]


@dataclass(frozen=True)
class Split:
    """How records are divided into `train` and `eval`, whatever their order.

    Args:
        method: `SplitMethod`. `HASH` goes by the hash of `key` (of the whole record where there is none), `GROUP` keeps
            all records of one value of `key` together, `TIME` takes the latest values of `key` for `eval`.
        key: string or `None`. A column; for `TIME` one of the ingest's columns, numeric or ISO 8601 text.
        eval_share: float in (0, 1). The part of the records that goes to `eval`. Defaults to 0.2.
        salt: string. Another salt gives another split. Defaults to none.
    """

    method: SplitMethod = SplitMethod.HASH
    key: str | None = None
    eval_share: float = 0.2
    salt: str = ""


@dataclass(frozen=True)
class IngestSpec:
    """What an ingest is asked to do.

    Args:
        columns: mapping of column identifier to `Column`, the label among them.
        label: string. The column to predict.
        label_values: tuple of strings. The classes; empty for a regression.
        reader: string or `None`. Dotted path of a function `(path: str) -> Iterator[pyarrow.RecordBatch]` for data that
            is neither CSV nor Parquet.
        separator: string or `None`. Of CSV fields; `None` finds it in the header.
        missing_values: tuple of strings that mean "no value".
        drop_duplicates: bool. Whether the second of two equal records is refused.
        max_quarantined_share: float in [0, 1]. With more refused records the ingest fails.
        bands: mapping of new column name to `Band`.
        split: `Split`.
        num_shards: int. Files a split.
        min_rows: int. With fewer kept records in a split the ingest fails.

    Raises:
        ConfigurationError: if the parts do not fit together.
    """

    columns: Mapping[str, Column]
    label: str
    label_values: tuple[str, ...] = ()
    reader: str | None = None
    separator: str | None = None
    missing_values: tuple[str, ...] = ("",)
    drop_duplicates: bool = False
    max_quarantined_share: float = 0.01
    bands: Mapping[str, Band] = field(default_factory=dict)
    split: Split = Split()
    num_shards: int = 1
    min_rows: int = 0

    def __post_init__(self) -> None:
        if self.label not in self.columns:
            raise ConfigurationError(
                f"Expected the label among the columns. Received: {self.label!r}. Add it to `columns`."
            )
        for name, band in self.bands.items():
            source = self.columns.get(band.column)
            if source is None or source.type is ColumnType.STRING:
                raise ConfigurationError(
                    f"Expected the band {name!r} to name a numeric column. Received: {band.column!r}."
                )
            if name in self.columns:
                raise ConfigurationError(f"Expected the band {name!r} to have a name of its own. Received: a column's.")
            if not band.edges or any(low >= high for low, high in itertools.pairwise(band.edges)):
                raise ConfigurationError(
                    f"Expected ascending edges of the band {name!r}. Received: {list(band.edges)}."
                )
        if self.separator is not None and len(self.separator) != 1:
            raise ConfigurationError(f"Expected a separator of one character. Received: {self.separator!r}.")
        if not 0 <= self.max_quarantined_share <= 1:
            raise ConfigurationError(
                f"Expected `max_quarantined_share` in [0, 1]. Received: {self.max_quarantined_share}."
            )
        if self.num_shards < 1:
            raise ConfigurationError(f"Expected `num_shards` to be at least 1. Received: {self.num_shards}.")
        self._check_split()

    def _check_split(self) -> None:
        split = self.split
        if not 0 < split.eval_share < 1:
            raise ConfigurationError(f"Expected `eval_share` in (0, 1). Received: {split.eval_share}.")
        if split.method is not SplitMethod.HASH and split.key is None:
            raise ConfigurationError(f"Expected a split key for the method {split.method.value!r}. Received: none.")
        if split.method is SplitMethod.TIME and split.key not in self.columns:
            raise ConfigurationError(f"Expected the time key among the columns. Received: {split.key!r}.")

    @property
    def columns_read(self) -> dict[str, Column]:
        """The columns that a file must have: `columns`, and the split's key where it is none of them."""
        key = self.split.key
        extra = {} if key is None or key in self.columns else {key: Column(ColumnType.STRING)}
        return {**self.columns, **extra}


def spec_from_arguments(
    *,
    columns: Mapping[str, Mapping[str, Any]],
    label: str,
    label_values: Sequence[str] = (),
    bands: Mapping[str, Mapping[str, Any]] | None = None,
    missing_values: Sequence[str] = ("",),
    split_method: str = "hash",
    split_key: str | None = None,
    eval_share: float = 0.2,
    split_salt: str = "",
    **others: Any,
) -> IngestSpec:
    """Returns the `IngestSpec` of the component's arguments, plain dicts and lists.

    Raises:
        ConfigurationError: if an argument does not fit.
    """
    try:
        return IngestSpec(
            columns={
                name: Column(
                    ColumnType(column["type"]), bool(column.get("required", True)), tuple(column.get("values") or ())
                )
                for name, column in columns.items()
            },
            label=label,
            label_values=tuple(label_values),
            missing_values=tuple(missing_values),
            bands={
                name: Band(band["column"], tuple(float(edge) for edge in band["edges"]))
                for name, band in (bands or {}).items()
            },
            split=Split(SplitMethod(split_method), split_key, eval_share, split_salt),
            **others,
        )
    except ConfigurationError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"Expected the ingest's parameters to fit. Received: {error!r}.") from None


def spec_from_parameters(parameters: Mapping[str, Any]) -> IngestSpec:
    """Returns the `IngestSpec` of a component's execution properties, in which lists and dicts are JSON strings.

    Raises:
        ConfigurationError: if a parameter does not fit.
    """
    texts = {name: json.loads(parameters[name]) for name in JSON_PARAMETERS if parameters.get(name)}
    plain = {
        name: parameters[name]
        for name in ("label", "max_quarantined_share", "split_method", "eval_share", "num_shards", "min_rows")
        if parameters.get(name) is not None
    }
    return spec_from_arguments(
        **texts,
        **plain,
        reader=parameters.get("reader") or None,
        separator=parameters.get("separator") or None,
        split_key=parameters.get("split_key") or None,
        split_salt=parameters.get("split_salt") or "",
        drop_duplicates=bool(parameters.get("drop_duplicates", 0)),
    )


def describe_values(values: Sequence[object], limit: int = 10) -> str:
    """Returns a bounded list of values for a message."""
    shown = ", ".join(repr(value) for value in values[:limit])
    return shown if len(values) <= limit else f"{shown} and {len(values) - limit} more"
