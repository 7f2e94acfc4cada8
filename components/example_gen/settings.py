"""What an ingest is asked to do, checked before any work."""

import itertools
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from ..prediction_task import Label, SplitSettings
from ..settings import Identifier, Settings, Share

MAX_IGNORED_LINE = 1000


class ColumnType(StrEnum):
    """The type of a column in a `tf.Example`; strings are UTF-8 bytes there."""

    INT64 = "int64"
    FLOAT32 = "float32"
    STRING = "string"


class Column(Settings):
    """A column to read.

    Args:
        type: `ColumnType`.
        required: bool. Whether a row without a value is rejected.
        values: tuple. The only values allowed; empty allows all.
        steps: int or None. For a sequence the number of values with which it is stored, the newest last, floats or
            strings: what is missing at the front or in between is NaN or an empty string.
        min_steps: int or None. The fewest values that a sequence may have. Defaults to `steps`.
    """

    type: ColumnType
    required: bool = True
    values: tuple[str | int | float, ...] = ()
    steps: Annotated[int, Field(ge=2)] | None = None
    min_steps: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _values_of_the_type(self) -> Self:
        kinds: dict[ColumnType, tuple[type, ...]] = {
            ColumnType.INT64: (int,),
            ColumnType.FLOAT32: (int, float),
            ColumnType.STRING: (str,),
        }
        if not all(isinstance(value, kinds[self.type]) for value in self.values):
            raise ValueError(f"values: expected {self.type.value}, received {describe_values(self.values)}")
        return self

    @model_validator(mode="after")
    def _sequence(self) -> Self:
        if self.min_steps is not None and (self.steps is None or self.min_steps > self.steps):
            raise ValueError(f"min_steps: expected at most `steps`, {self.steps}, received {self.min_steps}")
        if self.steps is not None and self.values:
            raise ValueError("values: expected none for a sequence")
        return self


class Bins(Settings):
    """A string column of named intervals of a numeric one, for slices: edges `[20, 25]` give `"<20"`, `"20-<25"` and
    `">=25"`.
    """

    column: Identifier
    edges: Annotated[tuple[float, ...], Field(min_length=1)]

    @field_validator("edges")
    @classmethod
    def _ascending(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if any(low >= high for low, high in itertools.pairwise(edges)):
            raise ValueError("expected edges in ascending order")
        return edges


class Repair(Settings):
    """How the texts of a column that are written unlike numbers or times are read as such.

    Args:
        missing_values: tuple of strings that mean "no value" in this column, beside those of all columns.
        remove: tuple of strings that are taken away before or after a number: marks of a currency or a unit.
        thousands: string or None. The mark between groups of three digits.
        decimal: string or None. The column's decimal mark, `"."` or `","`. Defaults to that of the data.
        time_format: string or None. The format of the column's times by the codes of Python's `strptime`, such as
            `"%d/%m/%Y"`; they become seconds since 1970-01-01 UTC. A time without an offset is taken as UTC.
    """

    missing_values: tuple[str, ...] = ()
    remove: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    thousands: Literal[".", ",", "'", " ", "\u00a0", "\u202f"] | None = None
    decimal: Literal[".", ","] | None = None
    time_format: str | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.time_format is not None and (self.remove or self.thousands or self.decimal):
            raise ValueError("time_format: expected neither `remove`, `thousands` nor `decimal` with it")
        if self.time_format is not None and "%" not in self.time_format:
            raise ValueError(f"time_format: expected codes such as '%d/%m/%Y', received {self.time_format!r}")
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError(f"thousands: expected another mark than `decimal`, received {self.thousands!r} for both")
        return self


class ReadSettings(Settings):
    """How files are read, and which of their rows are rejected: the part of an ingest that a configuration says itself.

    Args:
        reader: string or None. Dotted path of a function `(path: str, **reader_options)` for data that is neither CSV
            nor Parquet, or lies in several files that belong together: it yields `pyarrow.RecordBatch`es, and a `Note`
            of each value or record that it changed or left out.
        reader_options: dict of the names of the function's further arguments to their values, which are those of JSON:
            a date is given as a string. In a configuration one that ends in `.yaml` names a file, beside it or in the
            working folder, and becomes what the file holds.
        separator: string or None. Of CSV fields; None finds it in the header.
        encoding: string. That of CSV files by Python's name: `"cp1252"` for what Excel writes in Spanish as CSV,
            `"utf-16"` for its Unicode text. Defaults to UTF-8.
        ignored_lines: tuple of ints. Lines of each CSV file, from 1, that are no records: titles above the header, a
            second header with units below it. Defaults to none.
        decimal: string. The decimal mark of numbers in text, `"."` or `","`.
        missing_values: tuple of strings that mean "no value".
        drop_duplicates: bool. Whether the second of two equal rows is rejected.
        max_quarantined_share: float in [0, 1]. With more rejected rows the ingest fails.
        bins: dict of new column to `Bins`.
        repairs: dict of column to `Repair`. How many values each changed, the ingest says.
    """

    reader: str | None = None
    reader_options: dict[str, JsonValue] = {}
    separator: str | None = None
    encoding: str = "utf-8"
    ignored_lines: tuple[Annotated[int, Field(ge=1, le=MAX_IGNORED_LINE)], ...] = ()
    decimal: Literal[".", ","] = "."
    missing_values: tuple[str, ...] = ("",)
    drop_duplicates: bool = False
    max_quarantined_share: Share = 0.01
    bins: dict[Identifier, Bins] = {}
    repairs: dict[Identifier, Repair] = {}

    @model_validator(mode="after")
    def _options_of_a_reader(self) -> Self:
        if self.reader_options and self.reader is None:
            raise ValueError("reader_options: expected none without a `reader`")
        return self

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError:
            known = "'utf-8', 'cp1252' or 'utf-16'"
            raise ValueError(f"expected an encoding such as {known}, received {encoding!r}") from None
        return encoding

    @field_validator("separator")
    @classmethod
    def _one_character(cls, separator: str | None) -> str | None:
        if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '"\r\n'):
            raise ValueError("expected one ASCII character that is no quote and no line end")
        return separator


class IngestSpec(ReadSettings):
    """What an ingest is asked to do.

    Args:
        columns: dict of column identifier to `Column`, the label and the split's key among them.
        label: `Label`.
        split: `SplitSettings`. A time key is a number or ISO 8601 text.
        num_shards: int. Files a split.
        min_rows: int. With fewer kept rows in a split the ingest fails.
        is_split: bool. False writes every record to both splits, for an evaluation of out-of-fold predictions. Defaults
            to True.
    """

    columns: dict[Identifier, Column]
    label: Label
    split: SplitSettings = SplitSettings()
    num_shards: Annotated[int, Field(ge=1)] = 1
    min_rows: Annotated[int, Field(ge=0)] = 0
    is_split: bool = True

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.label.name not in self.columns:
            raise ValueError(f"columns: expected the label among them, received no {self.label.name!r}")
        label = self.columns[self.label.name]
        if (label.steps or 1) != self.label.steps or label.min_steps not in (None, label.steps):
            raise ValueError(
                f"columns.{self.label.name}: expected a label of {self.label.steps} values, for `label.steps` says so, "
                f"received one of {label.min_steps or label.steps or 1} to {label.steps or 1}"
            )
        if self.split.key is not None and self.split.key not in self.columns:
            raise ValueError(f"columns: expected the split's key among them, received no {self.split.key!r}")
        if self.split.key is not None and self.columns[self.split.key].steps:
            raise ValueError(f"columns.{self.split.key}: expected one value to split by, received a sequence")
        for name, repair in self.repairs.items():
            column = self.columns.get(name)
            if column is None or column.steps:
                raise ValueError(f"repairs.{name}: expected a column of single values, received no such column")
            if column.type is ColumnType.STRING and repair != Repair(missing_values=repair.missing_values):
                raise ValueError(f"repairs.{name}: expected `missing_values` only for a column of text")
        for name, bins in self.bins.items():
            source = self.columns.get(bins.column)
            if source is None or source.type is ColumnType.STRING or source.steps:
                raise ValueError(f"bins.{name}: expected a numeric column, received {bins.column!r}")
            if name in self.columns:
                raise ValueError(f"bins.{name}: expected a name of its own, received that of a column")
        return self


def describe_values(values: Sequence[object], limit: int = 10) -> str:
    """Returns a bounded list of values for a message."""
    shown = ", ".join(repr(value) for value in values[:limit])
    return shown if len(values) <= limit else f"{shown} and {len(values) - limit} more"
