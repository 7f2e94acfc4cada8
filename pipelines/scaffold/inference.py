"""What a data file is good for, as far as a look at its rows shows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.convert import to_text
from ...components.example_gen.settings import ColumnType, Repair
from ...components.features import Problem
from ...errors import DataError
from ..profile import write_profile
from .column_facts import ColumnFacts, describe_columns
from .column_inference import InferredColumn, holds_plain_values, infer_column, infer_text, widen
from .examination import examine
from .number_texts import Exceptions, choose_decimal, find_exceptions, numbers_kept, plain_numbers
from .power import Powers
from .question import Question
from .repairs import FoundRepair, find_repair, find_repairs
from .sample import Sample, blank_values, read_sample
from .target import (
    Target,
    choose_target,
    describe_balance,
    floats_of,
    may_be_classes,
    rare_classes,
    sort_classes,
    targets_of,
)
from .wording import say

MIN_ROWS = 60

_AMBIGUOUS = say(
    "numbers with decimal commas or thousands marks, which cannot be distinguished here: write decimal points"
)


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
        powers: `Powers` or None where there are too few labels. Models of the columns.
        scores: dict of column to the AUC or R² that it alone reaches.
        facts: tuple of `ColumnFacts`: the label's, then those of the columns in the order of the file.
        shown_class: string. The class whose share the facts' bars have; empty of a regression.
        profile: string. The profile of the inputs and the label, as JSON.
        num_rows: int. Number of rows in the sample.
        num_read: int. Number of rows that were read.
        is_whole: bool. Whether the sample is the whole data.
        size: string. How many rows were looked at, in words.
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
    powers: Powers | None
    scores: dict[str, float]
    facts: tuple[ColumnFacts, ...]
    shown_class: str
    profile: str
    num_rows: int
    num_read: int
    is_whole: bool
    size: str


def obey(inference: Inference, question: Question) -> Inference:
    """Returns what the answer `yes` makes of an inference; what is predicted another look at the data finds."""

    def obeyed(column: InferredColumn) -> InferredColumn:
        if column.name in question.exclude:
            return replace(column, kind=None, reason=question.reason)
        return replace(column, kind=question.kinds.get(column.name, column.kind))

    columns = tuple(map(obeyed, inference.columns))
    return replace(
        inference,
        columns=columns,
        facts=tuple(replace(facts, column=obeyed(facts.column)) for facts in inference.facts),
        split=dict(question.split) or inference.split,
        data=inference.data | dict(question.data),
        quarantined_share=inference.quarantined_share + question.rejected_share,
        notes=(*inference.notes, say("As answered: {action}.", action=question.action)),
        questions=tuple(other for other in inference.questions if other != question),
    )


def infer(data: str, label: str, problem: Problem | None = None) -> Inference:
    """Looks at the rows of a data file, and at every label of a classification.

    Where the data is more than the sample, columns are taken to be optional, and numeric ones to have fractions.

    Args:
        data: string. Path of a CSV or Parquet file, a folder or a pattern.
        label: string. The label's name in the file, or its identifier.
        problem: `Problem` or None. Classification or regression; None goes by the label's values. Defaults to None.

    Raises:
        DataError: if the data cannot be read, no column can be an input, or the label has no value, one value, or too
            many classes.
        UsageError: if there is no such column as the label.
    """
    sample = read_sample(data, label)
    if len(sample.names) == 1:
        raise DataError(f"Expected a column in {data} that can be an input. Received: none besides the label.")
    labels = sample.values[sample.label]
    are_classes = may_be_classes(labels, problem)
    readable = {name: array for name, array in sample.values.items() if name != sample.label or not are_classes}
    decimal, others, ambiguous = choose_decimal(readable, sample.label)
    repair = None if problem is Problem.CLASSIFICATION else find_repair(labels, decimal, numbers_only=True)
    if repair:
        sample = replace(sample, values=sample.values | {sample.label: repair.values})
    target = choose_target(sample, decimal, problem)
    reading = _read_columns(sample, target.problem, decimal, others, ambiguous)
    if repair:
        reading = replace(reading, repairs={sample.label: repair} | dict(reading.repairs))
    labels = blank_values(sample.values[sample.label], reading.missing_values)
    class_counts = _count_classes(sample, target, reading)
    is_class = target.problem is Problem.CLASSIFICATION
    label_type = ColumnType.STRING if is_class else ColumnType.FLOAT32
    label_column = InferredColumn(sample.label, sample.original_label, label_type, None, values=tuple(class_counts))
    plain = reading.comparable()
    targets = targets_of(labels, target.problem, decimal)
    found = examine(reading.columns, plain, targets, label_column, target.problem)
    columns = found.columns if sample.is_whole else [widen(column) for column in found.columns]
    if not any(column.kind for column in columns):
        reasons = [f"{column.original_name}: {column.reason}" for column in columns]
        raise DataError(f"Expected a column in {data} that can be an input. Received: none besides the label.", reasons)
    shown_class = min(class_counts, key=lambda name: class_counts[name]) if class_counts else ""
    is_unlabelled = _mask(pc.is_null(labels))
    num_quarantined = sample.num_ragged + int((is_unlabelled | reading.is_unfit).sum())
    return Inference(
        columns=tuple(columns),
        label=label_column,
        problem=target.problem,
        problem_reason=target.reason,
        class_counts=class_counts,
        quarantined_share=num_quarantined / (sample.num_ragged + sample.num_rows),
        missing_values=reading.missing_values,
        decimal=decimal,
        repairs={name: repair.repair for name, repair in reading.repairs.items()},
        data=sample.layout.settings,
        split=found.split,
        notes=(*_notes(sample, reading, int(is_unlabelled.sum()), class_counts), *found.notes),
        questions=(
            *target.questions,
            *rare_classes(label_column, class_counts),
            *reading.questions(),
            *found.questions,
        ),
        powers=found.powers,
        scores=found.scores,
        facts=tuple(
            describe_columns(
                [label_column, *columns], {sample.label: targets, **plain}, _shown(targets, shown_class), found.scores
            )
        ),
        shown_class=shown_class,
        profile=write_profile(_profiled(columns, plain) | {sample.label: targets}),
        num_rows=sample.num_rows,
        num_read=sample.num_read,
        is_whole=sample.is_whole,
        size=sample.size,
    )


@dataclass(frozen=True)
class _Reading:
    """How the columns but the label are read.

    Args:
        sample: `Sample`.
        decimal: string. The decimal mark of the data.
        values: dict of column to `pyarrow.Array` of shape `(N,)`, repaired.
        columns: list of `InferredColumn`.
        exceptions: mapping of column, the label among them, to `Exceptions`.
        repairs: mapping of column to `FoundRepair`.
    """

    sample: Sample
    decimal: str
    values: dict[str, pa.Array]
    columns: list[InferredColumn]
    exceptions: Mapping[str, Exceptions]
    repairs: Mapping[str, FoundRepair]

    @property
    def missing_values(self) -> tuple[str, ...]:
        """The texts that mean "no value"."""
        return _missing_values(self.exceptions)

    @property
    def is_unfit(self) -> np.ndarray:
        """Which rows have a value that is none of its column's type, of shape `(N,)`."""
        unfit = [
            *(one.is_quarantined for one in self.exceptions.values()),
            *(one.is_unfit for one in self.repairs.values()),
        ]
        return np.any(unfit, axis=0) if unfit else np.zeros(self.sample.num_rows, bool)

    def questions(self) -> list[Question]:
        """Returns what is open about the repairs."""
        names = self.sample.names
        return [Question(f"{names[name]}: {one.question}") for name, one in self.repairs.items() if one.question]

    def comparable(self) -> dict[str, pa.Array]:
        """Returns the columns of times, floats or texts as later steps compare them."""
        return {
            column.name: _comparable(self.values[column.name], column, self.missing_values, self.decimal)
            for column in self.columns
            if holds_plain_values(self.values[column.name].type)
        }


def _read_columns(
    sample: Sample, problem: Problem, decimal: str, others: Collection[str], ambiguous: Collection[str]
) -> _Reading:
    """Returns how the columns are read; `others` have the other decimal mark, `ambiguous` one of two."""
    label, names = sample.label, sample.names
    inputs = {name: array for name, array in sample.values.items() if name != label}
    repairs = find_repairs(inputs, decimal, others)
    repaired = sample.values | {name: found.values for name, found in repairs.items()}
    exceptions = find_exceptions(repaired, decimal, label if problem is Problem.CLASSIFICATION else "")
    columns = _infer_columns(repaired, names, label, decimal, ambiguous, exceptions)
    if unused := {column.name for column in columns if not column.kind and column.name in exceptions | repairs}:
        # No row is lost for a column that is no input: it is read as text.
        exceptions = {name: found for name, found in exceptions.items() if name not in unused}
        repairs = {name: found for name, found in repairs.items() if name not in unused}
        columns = _infer_columns(repaired, names, label, decimal, ambiguous, exceptions)
        columns = [replace(column, type=ColumnType.STRING) if column.name in unused else column for column in columns]
    return _Reading(sample, decimal, repaired, list(_distinct_in_lower_case(columns)), exceptions, repairs)


def _count_classes(sample: Sample, target: Target, reading: _Reading) -> dict[str, int]:
    """Returns the rows of each class, in the order of the classes; none of a regression."""
    if target.problem is not Problem.CLASSIFICATION:
        return {}
    counts = sample.count_labels(reading.missing_values)
    return {name: counts[name] for name in sort_classes(counts, reading.decimal, sample.data, sample.label)}


def _notes(sample: Sample, reading: _Reading, num_unlabelled: int, class_counts: dict[str, int]) -> list[str]:
    """Returns what was decided about rows and texts, a line each."""
    names = sample.names
    notes: list[str] = [*sample.layout.notes]
    if sample.is_whole and sample.num_rows < MIN_ROWS:
        notes.append(
            say(
                "{num_rows} rows are few: a run needs 10 in each split, and so about {least}.",
                num_rows=sample.num_rows,
                least=MIN_ROWS,
            )
        )
    if not sample.is_whole:
        notes.append(say("Looked at {size}.", size=sample.size))
    if reading.decimal == ",":
        notes.append(say("Numbers are written with a decimal comma (`data.decimal`)."))
    if sample.num_ragged:
        notes.append(
            say(
                "Rows with another number of fields than the header, which are quarantined: {num_ragged}.",
                num_ragged=sample.num_ragged,
            )
        )
    if num_unlabelled:
        notes.append(
            say(
                "{label}: {num_unlabelled} of {num_rows} rows have no label: they are quarantined.",
                label=sample.original_label,
                num_unlabelled=num_unlabelled,
                num_rows=sample.num_rows,
            )
        )
    if class_counts and (balance := describe_balance(class_counts)):
        notes.append(balance)
    notes += [note for name, texts in reading.exceptions.items() for note in texts.notes(names[name])]
    notes += [
        say("{name} {reason}: no feature.", name=column.original_name, reason=column.reason)
        for column in reading.columns
        if not holds_plain_values(reading.values[column.name].type)
    ]
    notes += [
        say("{name} {note} (`data.repairs`).", name=names[name], note=repair.note)
        for name, repair in reading.repairs.items()
    ]
    return notes


def _shown(targets: pa.Array, shown_class: str) -> np.ndarray:
    """Returns the label as numbers of shape `(N,)`: 1 for a class and 0 for the others, NaN where there is none."""
    numbers = pc.equal(targets, shown_class).cast(pa.float64()) if shown_class else targets
    shown: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return shown


def _profiled(columns: Iterable[InferredColumn], plain: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    return {column.name: plain[column.name] for column in columns if column.kind}


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
        kept = numbers_kept(blank_values(array, missing_values), exceptions.get(name), decimal)
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
            yield replace(
                column, kind=None, reason=say("has the name of {other!r} but for case: rename one of them", other=other)
            )
        else:
            yield column


def _missing_values(exceptions: Mapping[str, Exceptions]) -> tuple[str, ...]:
    return ("", *sorted({text for found in exceptions.values() for text in found.missing}))


def _comparable(array: pa.Array, column: InferredColumn, missing_values: tuple[str, ...], decimal: str) -> pa.Array:
    """Returns a column's times, floats or texts as later steps compare them."""
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return array.cast(pa.timestamp("us"))
    if column.type in (ColumnType.INT64, ColumnType.FLOAT32):
        return floats_of(plain_numbers(blank_values(array, missing_values), decimal))
    return to_text(column.name, blank_values(array, missing_values))


def _mask(array: pa.Array) -> np.ndarray:
    mask: np.ndarray = np.array(array.to_numpy(zero_copy_only=False), bool)
    return mask
