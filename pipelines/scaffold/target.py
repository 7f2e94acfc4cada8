"""What is predicted: a class or a number, as asked or as the label's values are."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from ...components.example_gen.convert import to_text
from ...components.example_gen.settings import describe_values
from ...components.features import Problem
from ...errors import DataError
from .column_inference import ROWS_A_VALUE, InferredColumn, are_numbers
from .dates import find_dates
from .number_texts import NO_CLASSES, find_exceptions, numbers_kept, plain_numbers
from .question import Question
from .sample import MAX_CLASSES, Sample, blank_values, texts_of
from .wording import say

MAX_NUMERIC_CLASSES = 10
MAX_CODES = 1_000
IMBALANCED_SHARE = 0.8
MIN_ROWS_A_CLASS = 20


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Args:
        problem: `Problem`.
        reason: string. Why it is that.
        questions: tuple of `Question`.
    """

    problem: Problem
    reason: str
    questions: tuple[Question, ...] = ()


def may_be_classes(labels: pa.Array, asked: Problem | None) -> bool:
    """Returns whether labels are read as texts for a start: few different ones, and not asked for as numbers."""
    return asked is not Problem.REGRESSION and len(labels.unique()) <= MAX_NUMERIC_CLASSES


def choose_target(sample: Sample, decimal: str, asked: Problem | None) -> Target:
    """Returns what is predicted.

    The label is a class if it is text, or one of at most `MAX_NUMERIC_CLASSES` numbers with `ROWS_A_VALUE` rows each on
    average.

    Args:
        sample: `Sample`.
        decimal: string. The decimal mark of the data.
        asked: `Problem` or None.

    Raises:
        DataError: if the label has no value or one value, or is asked for as a number and is none.
    """
    label, data, labels = sample.label, sample.data, sample.values[sample.label]
    exceptions = find_exceptions({label: labels}, decimal).get(label)
    present = blank_values(labels, tuple(exceptions.missing)) if exceptions else labels
    texts = Counter(texts_of(label, numbers_kept(present, exceptions, decimal)))
    if not are_numbers(texts):
        texts = Counter({text: count for text, count in texts.items() if text not in NO_CLASSES})
    if not texts:
        raise DataError(f"Expected labels in the column {label!r} of {data}. Received: none. Name another column.")
    if len(texts) == 1:
        raise DataError(
            f"Expected two or more values in the label column {label!r} of {data}. "
            f"Received: {next(iter(texts))!r} only. Name another column."
        )
    if len(texts) > MAX_NUMERIC_CLASSES and (dates := find_dates(pa.array(texts))):
        raise DataError(
            f"Expected classes or numbers in the label column {label!r} of {data}. Received: times, written as "
            f"{dates.time_format!r}. Name another column, or write the number that is to be predicted, such as the "
            "days until then."
        )
    if asked is Problem.REGRESSION and not are_numbers(texts):
        others = [text for text in texts if not are_numbers([text])]
        raise DataError(
            f"Expected numbers in the label column {label!r} of {data}, for --problem is regression. Received: "
            f"{describe_values(others, 3)}. Name another column, or leave --problem out."
        )
    if asked is not None:
        return Target(asked, "as --problem says")
    if not are_numbers(texts):
        return Target(Problem.CLASSIFICATION, "its values are words")
    numbers = [float(text) for text in texts]
    few = len(texts) <= MAX_NUMERIC_CLASSES and texts.total() >= ROWS_A_VALUE * len(texts)
    if not few:
        questions = (_classes(label, len(texts)),) if _look_like_classes(numbers, texts) else ()
        return Target(Problem.REGRESSION, f"it has {len(texts)} different numbers", questions)
    reason = f"it has {len(texts)} different numbers only"
    return Target(Problem.CLASSIFICATION, reason, () if len(texts) == 2 else (_number(label),))


def sort_classes(counts: Counter[str], decimal: str, data: str, label: str) -> list[str]:
    """Returns the classes in the order of their numbers, or of the alphabet.

    Raises:
        DataError: if they are too many, or one number is spelled in two ways.
    """
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


def targets_of(labels: pa.Array, problem: Problem, decimal: str) -> pa.Array:
    """Returns the labels as text, or as floats, null where there is none."""
    if problem is Problem.CLASSIFICATION:
        return to_text("label", labels)
    return floats_of(plain_numbers(labels, decimal))


def floats_of(array: pa.Array) -> pa.Array:
    """Returns finite numbers, null in place of the rest."""
    numbers = pd.to_numeric(to_text("", array).to_pandas(), errors="coerce").to_numpy(np.float64)
    return pa.array(numbers, pa.float64(), mask=~np.isfinite(numbers))


def describe_balance(class_counts: dict[str, int]) -> str:
    """Returns a note about classes of which one has nearly all rows; empty where none has."""
    total = sum(class_counts.values())
    most = max(class_counts, key=lambda name: class_counts[name])
    if class_counts[most] < IMBALANCED_SHARE * total:
        return ""
    rarest = min(class_counts, key=lambda name: class_counts[name])
    return say(
        "{share:.1%} of the rows are of the class {most!r}, {num_rarest} of {rarest!r}: the "
        "accuracy says little. The AUC decides; macro-F1 and accuracy stand beside it.",
        share=class_counts[most] / total,
        most=most,
        num_rarest=class_counts[rarest],
        rarest=rarest,
    )


def rare_classes(label: InferredColumn, class_counts: dict[str, int]) -> list[Question]:
    """Returns the question about classes of so few rows that they may be slips or a second header; none for others."""
    rare = [name for name, count in class_counts.items() if count < ROWS_A_VALUE]
    if not rare or sum(class_counts.values()) < MIN_ROWS_A_CLASS * len(class_counts):
        return []
    text = say(
        "{label}: fewer than {num} rows have {shown}. Are they classes, or slips or a second header? No model "
        "can learn them.",
        label=label.original_name,
        num=ROWS_A_VALUE,
        shown=describe_values(rare, 3),
    )
    return [Question(text)]


def _look_like_classes(numbers: Sequence[float], texts: Counter[str]) -> bool:
    """Returns whether numbers may be names of classes: few whole ones, each in many rows."""
    are_whole = all(number.is_integer() for number in numbers)
    return are_whole and len(texts) <= MAX_CODES and texts.total() >= ROWS_A_VALUE * len(texts)


def _number(label: str) -> Question:
    return Question(
        say(
            "{label}: is it a number, such as a mark or a count, and no class? Then `--problem "
            "regression`. Are they classes in order, such as grades? Then `label.ordered: true`.",
            label=label,
        ),
        f"predict {label} as a number",
        problem=Problem.REGRESSION,
    )


def _classes(label: str, num_values: int) -> Question:
    if num_values > MAX_CLASSES:
        return Question(
            say(
                "{label}: is each of its {num_values} whole numbers a class, and no number? Then they"
                " are too many: write at most {most}.",
                label=label,
                num_values=num_values,
                most=MAX_CLASSES,
            )
        )
    return Question(
        say(
            "{label}: is each of its {num_values} whole numbers a class, and no number? Then "
            "`--problem classification`.",
            label=label,
            num_values=num_values,
        ),
        f"predict {label} as a class",
        problem=Problem.CLASSIFICATION,
    )
