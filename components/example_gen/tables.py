"""What the readers of all formats have in common: named columns, batches of records, and the place of a record."""

import abc
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import MAX_FAILURES_SHOWN, DataError, suggestion
from .notes import Note
from .settings import describe_values


@dataclass(frozen=True)
class Rejection:
    """Why a record is rejected.

    Args:
        index: int. The record's place among those of its table's batches, from 0.
        column: string. The column that does not fit.
        reason: string.
    """

    index: int
    column: str
    reason: str


@dataclass(frozen=True)
class Quarantined:
    """A rejected record as it stands in its file.

    Args:
        file: string. Path.
        line: int. The raw line on which the record begins, from 1 and with the header; in formats without lines the
            number of the record, from 1.
        column: string. The column that does not fit; empty where the whole record does not.
        reason: string.
        record: string. The record as it stands.
    """

    file: str
    line: int
    column: str
    reason: str
    record: str


class Table(abc.ABC):
    """Records of one file or of what a reader yields.

    Args:
        path: path.
        original_names: dict of column identifier to the name in the file, in the order of the file.
    """

    def __init__(self, path: Path, original_names: dict[str, str]) -> None:
        self.path = path
        self.original_names = original_names

    @property
    def notes(self) -> Sequence[Note]:
        """What was changed or left out by whoever read the records, once `batches` is exhausted."""
        return ()

    @property
    def warnings(self) -> Sequence[str]:
        """What of the file the settings leave out."""
        return ()

    @property
    def attachments(self) -> Mapping[str, bytes]:
        """Files beside the records by name, once `batches` is exhausted."""
        return {}

    @property
    def num_ragged(self) -> int:
        """The number of records so far with too many or too few fields, which no batch holds."""
        return 0

    @abc.abstractmethod
    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yields the records with `columns` in that order; missing values are null."""

    @abc.abstractmethod
    def locate(self, batch: pa.RecordBatch, start: int, rejections: Sequence[Rejection]) -> Iterator[Quarantined]:
        """Yields the rejected records of a batch, and the ragged ones before them.

        Args:
            batch: `pyarrow.RecordBatch` as `batches` yielded it.
            start: int. Index of its first record.
            rejections: sequence of `Rejection` in ascending order, each above those of earlier calls.
        """

    def locate_rest(self) -> Iterator[Quarantined]:
        """Yields the ragged records after the last one located, once `batches` is exhausted."""
        return iter(())


def check_columns(path: Path, names: dict[str, str], wanted: Iterable[str], label: str) -> None:
    """Checks that a file has the columns that an ingest needs.

    Raises:
        DataError: if some are absent; the message names each, the label first, with the nearest name that is free.
    """
    needed = list(dict.fromkeys((label, *wanted)))
    missing = [name for name in needed if name not in names]
    if not missing:
        return
    free = {name.casefold(): original for name, original in names.items() if name not in needed}
    # Thousands of names that are all unlike take minutes to compare: only those shown are.
    failures = [
        f"{name!r} is missing.{suggestion(name, free, free.__getitem__)}" for name in missing[:MAX_FAILURES_SHOWN]
    ]
    failures += [f"{name!r} is missing." for name in missing[MAX_FAILURES_SHOWN:]]
    others = f" Columns that are not in the schema: {describe_values(list(free.values()))}." if free else ""
    if missing == [label]:
        raise DataError(
            f"Expected {path} to have the label column {label!r}. Received: {describe_values(list(names.values()))}."
            f"{suggestion(label, free, free.__getitem__)} Correct `label.name` or the header."
        )
    raise DataError(
        f"Expected {path} to have all columns of the schema. Received: {len(missing)} of {len(needed)} missing"
        f"{', the label among them' if label in missing else ''}.{others} Correct the header"
        f"{' (is the first line one?)' if len(missing) == len(needed) else ''}, or take them out of the configuration "
        "and the schema.",
        failures,
    )


def blank(array: pa.Array, missing_values: Sequence[str]) -> pa.Array:
    """Returns a string array with null for each of the texts that mean "no value"."""
    if not missing_values:
        return array
    return pc.if_else(pc.is_in(array, pa.array(missing_values, pa.string())), pa.scalar(None, pa.string()), array)


@contextlib.contextmanager
def plain_values(name: str) -> Iterator[None]:
    """Names the column whose values are neither numbers nor text.

    Raises:
        DataError: if the block fails because of them.
    """
    try:
        yield
    except pa.ArrowException as error:
        raise DataError(
            f"Expected the column {name!r} to hold numbers or text in UTF-8. Received: {error}. Make it a plain "
            "column, or take it out of the data."
        ) from None
