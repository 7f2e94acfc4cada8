"""What a data file is good for, as far as a look at its rows shows."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.convert import to_text
from ...components.example_gen.inputs import resolve_input
from ...components.example_gen.read import data_paths, open_table
from ...components.example_gen.settings import Column, ColumnType, IngestSpec
from ...components.example_gen.tables import Table, blank, check_columns
from ...components.features import Problem, to_identifier
from ...components.prediction_task import Label
from ...errors import DataError, UsageError, suggestion
from .column_inference import ROWS_A_VALUE, InferredColumn, are_numbers, infer_column, infer_text, widen
from .number_texts import Exceptions, choose_decimal, find_exceptions, plain_numbers

SAMPLE_ROWS = 100_000
MIN_ROWS = 60
MAX_CLASSES = 100
MAX_NUMERIC_CLASSES = 20


@dataclass(frozen=True)
class Inference:
    """What a data file is good for.

    Args:
        columns: tuple of `InferredColumn` without the label, in the order of the file.
        label: `InferredColumn`.
        problem: `Problem`.
        class_counts: dict of class to number of rows, in the order of the classes; empty for a regression.
        quarantined_share: float. The part of the rows that have no label, another number of fields than the header,
            or a value that is no number in a column of numbers.
        missing_values: tuple of strings that mean "no value".
        decimal: string. The decimal mark of numbers in text: `"."` or `","`.
        notes: tuple of strings. What was decided about values that are no numbers, a line each.
        num_rows: int. Number of rows in the sample.
        is_whole: bool. Whether the sample is the whole data.
    """

    columns: tuple[InferredColumn, ...]
    label: InferredColumn
    problem: Problem
    class_counts: dict[str, int]
    quarantined_share: float
    missing_values: tuple[str, ...]
    decimal: str
    notes: tuple[str, ...]
    num_rows: int
    is_whole: bool


def infer(data: str, label: str) -> Inference:
    """Looks at the first `SAMPLE_ROWS` rows of a data file, and at every label of a classification.

    The label is a class if it is text, or one of at most `MAX_NUMERIC_CLASSES` numbers with `ROWS_A_VALUE` rows
    each on average. Where the data goes on after the sample, columns are taken to be optional, and numeric ones to have
    fractions.

    Args:
        data: string. Path of a CSV or Parquet file, a folder or a pattern.
        label: string. The label's name in the file, or its identifier.

    Raises:
        DataError: if the data cannot be read, no column can be an input, or the label has no value, one value, or too
            many classes.
        UsageError: if there is no such column as the label.
    """
    tables = _open(data, to_identifier(label))
    names = tables[0].original_names
    name = _find_label(label, names, tables[0].path)
    sample, is_whole = _sample(tables)
    if not sample.num_rows:
        raise DataError(f"Expected rows in {data}. Received: a header only. Name data with rows.")
    values = {column: sample.column(column).combine_chunks() for column in names}
    values = {column: _blank(array, ("",)) for column, array in values.items()}
    are_classes = len(values[name].unique()) <= MAX_NUMERIC_CLASSES  # They are read as texts.
    decimal, others = choose_decimal({k: v for k, v in values.items() if k != name or not are_classes}, name)
    problem = _problem(values[name], decimal, data, name)
    is_classification = problem is Problem.CLASSIFICATION
    exceptions = find_exceptions(values, decimal, name if is_classification else "")
    columns = _infer_columns(values, names, name, decimal, others, exceptions)
    if unused := {column.name for column in columns if not column.kind and column.name in exceptions}:
        # No row is lost for a column that is no input: it is read as text.
        exceptions = {column: found for column, found in exceptions.items() if column not in unused}
        columns = _infer_columns(values, names, name, decimal, others, exceptions)
        columns = [replace(column, type=ColumnType.STRING) if column.name in unused else column for column in columns]
    missing_values = _missing_values(exceptions)
    labels = _blank(values[name], missing_values)
    num_ragged = sum(table.num_ragged for table in tables)
    is_unlabelled = _mask(pc.is_null(labels))
    is_quarantined = np.any([is_unlabelled, *(e.is_quarantined for e in exceptions.values())], axis=0)
    if is_classification:
        counts = Counter(_texts(name, labels)) if is_whole else _count_labels(tables, name, missing_values)
        class_counts = {text: counts[text] for text in _sorted_classes(counts, decimal, data, name)}
        label_column = InferredColumn(name, names[name], ColumnType.STRING, None, values=tuple(class_counts))
    else:
        class_counts = {}
        label_column = InferredColumn(name, names[name], ColumnType.FLOAT32, None)
    columns = list(_distinct_in_lower_case(columns))
    if not is_whole:
        columns = list(map(widen, columns))
    notes = []
    if is_whole and sample.num_rows < MIN_ROWS:
        notes.append(f"{sample.num_rows} rows are few: a run needs 10 in each split, and so about {MIN_ROWS}.")
    notes += ["Numbers are written with a decimal comma (`data.decimal`)."] if decimal == "," else []
    if num_ragged:
        notes.append(f"Rows with another number of fields than the header, which are quarantined: {num_ragged}.")
    if is_unlabelled.any():
        notes.append(
            f"{names[name]}: {is_unlabelled.sum()} of {sample.num_rows} rows have no label: they are quarantined."
        )
    notes += [note for column, found in exceptions.items() for note in found.notes(names[column])]
    if not any(column.kind for column in columns):
        reasons = [f"{column.original_name}: {column.reason}" for column in columns]
        raise DataError(f"Expected a column in {data} that can be an input. Received: none besides the label.", reasons)
    return Inference(
        columns=tuple(columns),
        label=label_column,
        problem=problem,
        class_counts=class_counts,
        quarantined_share=(num_ragged + int(is_quarantined.sum())) / (num_ragged + sample.num_rows),
        missing_values=missing_values,
        decimal=decimal,
        notes=tuple(notes),
        num_rows=sample.num_rows,
        is_whole=is_whole,
    )


def _open(data: str, label: str) -> list[Table]:
    spec = IngestSpec(columns={label: Column(type=ColumnType.STRING)}, label=Label(name=label))
    paths, _ = data_paths(resolve_input(data), spec)
    tables = [open_table(path, spec) for path in paths]
    for table in tables[1:]:
        check_columns(table.path, table.original_names, tables[0].original_names, label)
    return tables


def _find_label(label: str, names: dict[str, str], path: Path) -> str:
    name = next((name for name, original in names.items() if label in (original, name)), None)
    if name is None:
        raise UsageError(
            f"Expected --label to name a column of {path}: {', '.join(names.values())}. Received: {label!r}."
            f"{suggestion(label, names.values())}"
        )
    return name


def _sample(tables: Sequence[Table]) -> tuple[pa.Table, bool]:
    """Returns the first `SAMPLE_ROWS` rows, and whether there are no more."""
    names = list(tables[0].original_names)
    parts = [pa.table({name: pa.array([], pa.null()) for name in names})]
    num_rows = 0
    for batch in _batches(tables, names):
        parts.append(pa.Table.from_batches([batch.slice(0, SAMPLE_ROWS - num_rows)]))
        num_rows += batch.num_rows
        if num_rows > SAMPLE_ROWS:
            break
    try:
        return pa.concat_tables(parts, promote_options="permissive"), num_rows <= SAMPLE_ROWS
    except pa.ArrowException as error:
        raise DataError(
            f"Expected a column to have one type in all files. Received: {error}. Write them alike."
        ) from None


def _batches(tables: Sequence[Table], columns: list[str]) -> Iterator[pa.RecordBatch]:
    return itertools.chain.from_iterable(table.batches(columns) for table in tables)


def _count_labels(tables: Sequence[Table], label: str, missing_values: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batch in _batches(tables, [label]):
        counts.update(_texts(label, _blank(batch.column(label), missing_values)))
        if len(counts) > MAX_CLASSES:
            break
    return counts


def _blank(array: pa.Array, missing_values: Sequence[str]) -> pa.Array:
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return blank(array, missing_values) if array.type == pa.string() else array


def _texts(name: str, array: pa.Array) -> list[str]:
    texts: list[str] = to_text(name, array).drop_null().to_pylist()
    return texts


def _infer_columns(
    values: dict[str, pa.Array],
    names: dict[str, str],
    label: str,
    decimal: str,
    others: Collection[str],
    exceptions: Mapping[str, Exceptions],
) -> list[InferredColumn]:
    """Returns what the columns but the label are; `others` hold numbers with the other decimal mark."""
    missing_values = _missing_values(exceptions)
    columns = []
    for name, array in values.items():
        if name == label:
            continue
        kept = _numbers(_blank(array, missing_values), exceptions.get(name), decimal)
        if name in others:
            columns.append(infer_text(name, names[name], kept, _written(decimal)))
        else:
            columns.append(infer_column(name, names[name], kept))
    return columns


def _distinct_in_lower_case(columns: Iterable[InferredColumn]) -> Iterator[InferredColumn]:
    """Yields the columns, without kind those whose name equals an earlier input's but for case: a signature has one."""
    seen: dict[str, str] = {}
    for column in columns:
        if column.kind and (other := seen.setdefault(column.name.lower(), column.name)) != column.name:
            yield replace(column, kind=None, reason=f"has the name of {other!r} but for case: rename one of them")
        else:
            yield column


def _missing_values(exceptions: Mapping[str, Exceptions]) -> tuple[str, ...]:
    return ("", *sorted({text for found in exceptions.values() for text in found.missing}))


def _written(decimal: str) -> str:
    if decimal == ",":
        return "numbers with decimal points, where others have decimal commas: write all alike"
    return "numbers with decimal commas or thousands marks, which cannot be distinguished here: write decimal points"


def _numbers(array: pa.Array, exceptions: Exceptions | None, decimal: str) -> pa.Array:
    """Returns the values that the ingest keeps, numbers with a decimal point."""
    kept = array.filter(pa.array(~exceptions.is_quarantined)) if exceptions else array
    return plain_numbers(kept, decimal)


def _problem(labels: pa.Array, decimal: str, data: str, label: str) -> Problem:
    exceptions = find_exceptions({label: labels}, decimal).get(label)
    present = _blank(labels, tuple(exceptions.missing)) if exceptions else labels
    texts = Counter(_texts(label, _numbers(present, exceptions, decimal)))
    if not texts:
        raise DataError(f"Expected labels in the column {label!r} of {data}. Received: none. Name another column.")
    if len(texts) == 1:
        raise DataError(
            f"Expected two or more values in the label column {label!r} of {data}. "
            f"Received: {next(iter(texts))!r} only. Name another column."
        )
    if not are_numbers(texts):
        return Problem.CLASSIFICATION
    few = len(texts) <= MAX_NUMERIC_CLASSES and texts.total() >= ROWS_A_VALUE * len(texts)
    return Problem.CLASSIFICATION if few else Problem.REGRESSION


def _sorted_classes(counts: Counter[str], decimal: str, data: str, label: str) -> list[str]:
    if len(counts) > MAX_CLASSES:
        raise DataError(
            f"Expected at most {MAX_CLASSES} classes in the label column {label!r} of {data}. "
            f"Received: {len(counts)} or more different texts. Name a column of classes or of numbers."
        )
    numbers = {text: text.replace(decimal, ".") for text in counts}
    if not are_numbers(numbers.values()):
        return sorted(counts)
    classes = sorted(counts, key=lambda text: (float(numbers[text]), text))
    twice = [pair for pair in itertools.pairwise(classes) if float(numbers[pair[0]]) == float(numbers[pair[1]])]
    if twice:
        raise DataError(
            f"Expected one spelling of each class in the label column {label!r} of {data}. "
            f"Received: {twice[0][0]!r} and {twice[0][1]!r}. Write each class in one way."
        )
    return classes


def _mask(array: pa.Array) -> np.ndarray:
    mask: np.ndarray = np.array(array.to_numpy(zero_copy_only=False), bool)
    return mask
