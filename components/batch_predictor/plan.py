"""What the processes that score records hand to each other: the plan, the parts of the input, a receipt for each."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

import pyarrow as pa

from ..example_gen.settings import ReadSettings

Evaluator = Literal["trees", "saved_model"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What every part of a run of the predictor has in common.

    Args:
        model: string. Folder that holds `saved_model.pb`.
        content_hash: string. SHA-256 of that folder.
        evaluator: `"trees"` where the table of trees beside the SavedModel predicts, or `"saved_model"`.
        parts: string. Folder or URI of the parts.
        suffix: string. Of the output: one of `settings.SUFFIXES`.
        key: mapping of each key column, by its identifier, to its name in the output.
        typed_key: bool. Whether keys have their types, which are the same in all files; else they are text.
        inputs: bool. Whether the output has the features too.
        names_file: bool. Whether the output says which file a record is from.
        read: `ReadSettings`.
    """

    model: str
    content_hash: str
    evaluator: Evaluator
    parts: str
    suffix: str
    key: Mapping[str, str]
    typed_key: bool
    inputs: bool
    names_file: bool
    read: ReadSettings


@dataclasses.dataclass(frozen=True)
class Source:
    """A file as its parts have it in common.

    Args:
        name: string. The file as the output and the quarantine name it.
        path: string. Where its parts can read it themselves: a path or a URI.
        columns: mapping of column, by its identifier, to its name in the file.
        names: tuple of strings. The header of a CSV file; empty for others.
        separator: string. Of a CSV file; empty for others.
    """

    name: str
    path: str
    columns: Mapping[str, str]
    names: tuple[str, ...] = ()
    separator: str = ""


@dataclasses.dataclass(frozen=True)
class Part:
    """Consecutive records of a file: what one process reads, scores and writes at once.

    Args:
        number: int. Its place among all parts, from 0.
        source: `Source`.
        first: int. The line of a CSV file at which it begins, else the number of its first record, from 1.
        done: int. Bytes of all files up to its end.
        start: int. Where its bytes begin in a CSV file.
        num_bytes: int. How many bytes of a CSV file it has; 0 where it has its content.
        row_group: int or None. The row group of a Parquet file that it is.
        text: bytes or None. The content of a part of a CSV file that is compressed.
        batch: `pyarrow.RecordBatch` or None. The content of a part of another file.
    """

    number: int
    source: Source
    first: int
    done: int
    start: int = 0
    num_bytes: int = 0
    row_group: int | None = None
    text: bytes | None = None
    batch: pa.RecordBatch | None = None

    @property
    def name(self) -> str:
        """Name of its files, without a suffix."""
        return part_name(self.number)


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What a part came to; it is written last, so that a part is complete or absent.

    Args:
        number: int. Of the part.
        file: string. The file that the part is of.
        rows: int. Records that were predicted.
        rejected: int. Records in the quarantine.
        columns: tuple of strings. Those of the output; empty where no record was predicted.
        shown: tuple of strings. The first few rejections.
    """

    number: int
    file: str
    rows: int
    rejected: int
    columns: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Returns it as the file holds it."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self | None:
        """Returns the receipt of a file, None where it was not written to its end."""
        try:
            fields: dict[str, Any] = json.loads(content)
        except ValueError:
            return None
        return cls(**fields | {name: tuple(fields[name]) for name in ("columns", "shown")})


def part_name(number: int) -> str:
    """Returns the name of the files of a part, without a suffix."""
    return f"part-{number:06d}"
