"""What a data file is good for, as far as a look at its rows shows."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.convert import to_text
from ...components.example_gen.inputs import resolve_input
from ...components.example_gen.read import data_paths, open_table
from ...components.example_gen.settings import Column, ColumnType, IngestSpec, Repair, describe_values
from ...components.example_gen.tables import Table, blank, check_columns
from ...components.features import Problem, to_identifier
from ...components.prediction_task import Label
from ...errors import DataError, UsageError, suggestion
from ..profile import write_profile
from .column_inference import ROWS_A_VALUE, InferredColumn, are_numbers, infer_column, infer_text, widen
from .examination import examine
from .number_texts import Exceptions, choose_decimal, find_exceptions, plain_numbers
from .question import Question
from .repairs import find_repairs

SAMPLE_ROWS = 100_000
MIN_ROWS = 60
MAX_CLASSES = 100
MAX_NUMERIC_CLASSES = 10

_AMBIGUOUS = "numbers with decimal commas or thousands marks, which cannot be distinguished here: write decimal points"


@dataclass(frozen=True)
class Inference:
    """What a data file is good for.

    Args:
        columns: tuple of `InferredColumn` without the label, in the order of the file.
        label: `InferredColumn`.
        problem: `Problem`.
        problem_reason: string. Why it is that.
        class_counts: dict of class to number of rows, in the order of the classes; empty for a regression.
        quarantined_share: float. The part of the rows that have no label, another number of fields than the header,
            or a value that is no number in a column of numbers.
        missing_values: tuple of strings that mean "no value".
        decimal: string. The decimal mark of numbers in text: `"."` or `","`.
        repairs: dict of column to its `Repair`.
        data: dict of further fields of the part `data` of the configuration.
        split: dict. The part `split` of the configuration; empty for a hash of the record.
        notes: tuple of strings. What was decided and why, a line each.
        questions: tuple of `Question`.
        profile: string. The profile of the inputs and the label, as JSON.
        num_rows: int. Number of rows in the sample.
        is_whole: bool. Whether the sample is the whole data.
    """

    columns: tuple[InferredColumn, ...]
    label: InferredColumn
    problem: Problem
    problem_reason: str
    class_counts: dict[str, int]
    quarantined_share: float
    missing_values: tuple[str, ...]
    decimal: str
    repairs: dict[str, Repair]
    data: dict[str, Any]
    split: dict[str, Any]
    notes: tuple[str, ...]
    questions: tuple[Question, ...]
    profile: str
    num_rows: int
    is_whole: bool


def obey(inference: Inference, question: Question) -> Inference:
    """Returns what the answer `yes` makes of an inference; what is predicted another look at the data finds."""
    columns = tuple(
        replace(column, kind=None, reason=question.reason) if column.name == question.exclude else column
        for column in inference.columns
    )
    return replace(
        inference,
        columns=columns,
        split=dict(question.split) or inference.split,
        data=inference.data | dict(question.data),
        quarantined_share=inference.quarantined_share + question.rejected_share,
        notes=(*inference.notes, f"As answered: {question.action}."),
        questions=tuple(other for other in inference.questions if other != question),
    )


def infer(data: str, label: str, problem: Problem | None = None) -> Inference:
    """Looks at the first `SAMPLE_ROWS` rows of a data file, and at every label of a classification.

    The label is a class if it is text, or one of at most `MAX_NUMERIC_CLASSES` numbers with `ROWS_A_VALUE` rows
    each on average. Where the data goes on after the sample, columns are taken to be optional, and numeric ones to have
    fractions.

    Args:
        data: string. Path of a CSV or Parquet file, a folder or a pattern.
        label: string. The label's name in the file, or its identifier.
        problem: `Problem` or None. Classification or regression; None goes by the label's values. Defaults to None.

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
    are_classes = problem is not Problem.REGRESSION and len(values[name].unique()) <= MAX_NUMERIC_CLASSES
    readable = {k: v for k, v in values.items() if k != name or not are_classes}  # Classes are read as texts.
    decimal, others, ambiguous = choose_decimal(readable, name)
    guess = _problem(values[name], decimal, data, name, problem)
    is_classification = guess.problem is Problem.CLASSIFICATION
    repairs = find_repairs({column: array for column, array in values.items() if column != name}, decimal, others)
    repaired = values | {column: found.values for column, found in repairs.items()}
    exceptions = find_exceptions(repaired, decimal, name if is_classification else "")
    columns = _infer_columns(repaired, names, name, decimal, ambiguous, exceptions)
    if unused := {column.name for column in columns if not column.kind and column.name in exceptions | repairs}:
        # No row is lost for a column that is no input: it is read as text.
        exceptions = {column: found for column, found in exceptions.items() if column not in unused}
        repairs = {column: found for column, found in repairs.items() if column not in unused}
        columns = _infer_columns(repaired, names, name, decimal, ambiguous, exceptions)
        columns = [replace(column, type=ColumnType.STRING) if column.name in unused else column for column in columns]
    missing_values = _missing_values(exceptions)
    labels = _blank(values[name], missing_values)
    num_ragged = sum(table.num_ragged for table in tables)
    is_unlabelled = _mask(pc.is_null(labels))
    unfit = [*(e.is_quarantined for e in exceptions.values()), *(found.is_unfit for found in repairs.values())]
    is_quarantined = np.any([is_unlabelled, *unfit], axis=0)
    if is_classification:
        counts = Counter(_texts(name, labels)) if is_whole else _count_labels(tables, name, missing_values)
        class_counts = {text: counts[text] for text in _sorted_classes(counts, decimal, data, name)}
        label_column = InferredColumn(name, names[name], ColumnType.STRING, None, values=tuple(class_counts))
    else:
        class_counts = {}
        label_column = InferredColumn(name, names[name], ColumnType.FLOAT32, None)
    columns = list(_distinct_in_lower_case(columns))
    plain = {
        column.name: _comparable(repaired[column.name], column, missing_values, decimal)
        for column in columns
        if not pa.types.is_nested(repaired[column.name].type)
    }
    targets = _targets(labels, is_classification, decimal)
    found = examine(columns, plain, targets, label_column, guess.problem)
    columns = found.columns
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
    notes += [note for column, texts in exceptions.items() for note in texts.notes(names[column])]
    notes += [f"{names[column]} {repair.note} (`data.repairs`)." for column, repair in repairs.items()]
    questions = [
        Question(f"{names[column]}: {repair.question}") for column, repair in repairs.items() if repair.question
    ]
    if not any(column.kind for column in columns):
        reasons = [f"{column.original_name}: {column.reason}" for column in columns]
        raise DataError(f"Expected a column in {data} that can be an input. Received: none besides the label.", reasons)
    return Inference(
        columns=tuple(columns),
        label=label_column,
        problem=guess.problem,
        problem_reason=guess.reason,
        class_counts=class_counts,
        quarantined_share=(num_ragged + int(is_quarantined.sum())) / (num_ragged + sample.num_rows),
        missing_values=missing_values,
        decimal=decimal,
        repairs={column: repair.repair for column, repair in repairs.items()},
        data={},
        split=found.split,
        notes=(*notes, *found.notes),
        questions=(*guess.questions, *questions, *found.questions),
        profile=write_profile({column.name: plain[column.name] for column in columns if column.kind} | {name: targets}),
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
    ambiguous: Collection[str],
    exceptions: Mapping[str, Exceptions],
) -> list[InferredColumn]:
    """Returns what the columns but the label are; `ambiguous` hold numbers with one of two decimal marks."""
    missing_values = _missing_values(exceptions)
    columns = []
    for name, array in values.items():
        if name == label:
            continue
        kept = _numbers(_blank(array, missing_values), exceptions.get(name), decimal)
        if name in ambiguous:
            columns.append(infer_text(name, names[name], kept, _AMBIGUOUS))
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


def _numbers(array: pa.Array, exceptions: Exceptions | None, decimal: str) -> pa.Array:
    """Returns the values that the ingest keeps, numbers with a decimal point."""
    kept = array.filter(pa.array(~exceptions.is_quarantined)) if exceptions else array
    return plain_numbers(kept, decimal)


@dataclass(frozen=True)
class _Guess:
    problem: Problem
    reason: str
    questions: tuple[Question, ...] = ()


def _problem(labels: pa.Array, decimal: str, data: str, label: str, asked: Problem | None) -> _Guess:
    """Returns what is predicted, as asked or as the label's values are, and the reason."""
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
    if asked is Problem.REGRESSION and not are_numbers(texts):
        others = [text for text in texts if not are_numbers([text])]
        raise DataError(
            f"Expected numbers in the label column {label!r} of {data}, for --problem is regression. Received: "
            f"{describe_values(others, 3)}. Name another column, or leave --problem out."
        )
    if asked is not None:
        return _Guess(asked, "as --problem says")
    if not are_numbers(texts):
        return _Guess(Problem.CLASSIFICATION, "its values are words")
    few = len(texts) <= MAX_NUMERIC_CLASSES and texts.total() >= ROWS_A_VALUE * len(texts)
    if not few:
        return _Guess(Problem.REGRESSION, f"it has {len(texts)} different numbers")
    reason = f"it has {len(texts)} different numbers only"
    if len(texts) == 2:
        return _Guess(Problem.CLASSIFICATION, reason)
    return _Guess(
        Problem.CLASSIFICATION,
        reason,
        (
            Question(
                f"{label}: is it a number, such as a mark or a count, and no class? Then `--problem regression`.",
                f"predict {label} as a number",
                problem=Problem.REGRESSION,
            ),
        ),
    )


def _targets(labels: pa.Array, is_classification: bool, decimal: str) -> pa.Array:
    """Returns the labels as text, or as floats, null where there is none."""
    if is_classification:
        return to_text("label", labels)
    return _floats(plain_numbers(labels, decimal))


def _comparable(array: pa.Array, column: InferredColumn, missing_values: Sequence[str], decimal: str) -> pa.Array:
    """Returns a column's times, floats or texts as later steps compare them."""
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return array.cast(pa.timestamp("us"))
    if column.type in (ColumnType.INT64, ColumnType.FLOAT32):
        return _floats(plain_numbers(_blank(array, missing_values), decimal))
    return to_text(column.name, _blank(array, missing_values))


def _floats(array: pa.Array) -> pa.Array:
    """Returns finite numbers, null in place of the rest."""
    numbers = pd.to_numeric(to_text("", array).to_pandas(), errors="coerce").to_numpy(np.float64)
    return pa.array(numbers, pa.float64(), mask=~np.isfinite(numbers))


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
