"""Columns in the order of time: dates, parts of a time in columns of their own, sensors that are stuck."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ...components.features import FeatureKind
from .column_inference import InferredColumn
from .names import words_of
from .question import Question
from .wording import say

MIN_TIMES = 30
MAX_RUN = 24

SPLIT_REASON = say("the time by which the split goes: later ones are new to the model")

PARTS_OF_TIME = {"year": "year|yr|anio|ano", "month": "month|mes", "day": "day|dia", "hour": "hour|hr|hora"}


def is_part_of_time(name: str) -> bool:
    """Returns whether a column has, in the file, the name of a part of a time, such as a month."""
    return any(re.fullmatch(pattern, words_of(name)) for pattern in PARTS_OF_TIME.values())


def times_in(columns: Sequence[InferredColumn], values: Mapping[str, pa.Array]) -> list[tuple[InferredColumn, bool]]:
    """Returns the columns of `MIN_TIMES` different times or more, each with whether the rows are in its order."""
    found = []
    for column in columns:
        if column.kind is FeatureKind.TIME:
            seconds = values[column.name].drop_null().cast(pa.int64()).to_numpy()
            if len(np.unique(seconds)) >= MIN_TIMES:
                steps = np.diff(seconds)
                found.append((column, bool((steps >= 0).all() or (steps <= 0).all())))
    return found


def time_question(column: InferredColumn) -> Question:
    """Returns the question of whether to split by a time."""
    text = say(
        "{column}: a time. Will the model predict what is later than all of them? Then split "
        "by it: `split: {{method: time, key: {name}}}`.",
        column=column.original_name,
        name=column.name,
    )
    action = f"hold out the latest by {column.original_name}" if column.required else ""
    return Question(text, action, (column.name,), SPLIT_REASON, split={"method": "time", "key": column.name})


def series_questions(columns: Sequence[InferredColumn], values: Mapping[str, pa.Array]) -> Iterator[Question]:
    """Yields questions about parts of a time in columns of their own, and about values that stay the same by time.

    The rows may be those of several series, one after the other: their times go back at most once in `MAX_RUN` rows.
    """
    names = {column.name: column.original_name for column in columns}
    parts = {
        part: name
        for part, pattern in PARTS_OF_TIME.items()
        for name, array in values.items()
        if re.fullmatch(pattern, words_of(names[name])) and pa.types.is_floating(array.type) and not array.null_count
    }
    if not {"year", "month"} <= set(parts):
        return
    times = np.zeros(len(values[parts["year"]]))
    for part in PARTS_OF_TIME:
        number = values[parts[part]].to_numpy() if part in parts else 0
        times = times * 100 + number
    num_back = int((np.diff(times) < 0).sum())
    if num_back * MAX_RUN > len(times) or len(np.unique(times)) < MIN_TIMES:
        return
    shown = ", ".join(names[name] for name in parts.values())
    order = say("in its order, in {num} series", num=num_back + 1) if num_back else say("in its order")
    yield Question(
        say(
            "{shown}: parts of a time, and the rows are {order}. Will the model predict what is "
            "later? Then write one column of times and split by it: `split: {{method: time}}`.",
            shown=shown,
            order=order,
        )
    )
    for column in columns:
        if column.kind is FeatureKind.NUMERIC and column.name not in parts.values():
            length, value = _longest_run(values[column.name].to_numpy(zero_copy_only=False))
            if length >= MAX_RUN:
                yield Question(
                    say(
                        "{column}: {value:g} in {length} rows running. Was it measured, or a sensor stuck?",
                        column=column.original_name,
                        value=value,
                        length=length,
                    )
                )


def _longest_run(numbers: np.ndarray) -> tuple[int, float]:
    """Returns how often the same value follows itself, and the value; the lowest, such as no rain, does not count."""
    is_change = np.flatnonzero(np.diff(numbers, prepend=np.nan, append=np.nan) != 0)
    lengths, firsts = np.diff(is_change), numbers[is_change[:-1]]
    lengths = np.where(firsts > np.nanmin(numbers), lengths, 0)
    place = int(lengths.argmax())
    return int(lengths[place]), float(firsts[place])
