"""What a careful look at a file's columns together shows: leaks, groups, times, copies, equal rows, personal data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ...components.features import FeatureKind, Problem
from .column_inference import ID_NAME, InferredColumn
from .groups import find_groups
from .leaks import find_copies, find_leaks
from .personal import personal_data
from .question import Question

MIN_TIMES = 30
MAX_EXPECTED_PAIRS = 0.01
MAX_RUN = 24

_SPLIT_TIME = "the time by which the split goes: later ones are new to the model"
_DROP = {"drop_duplicates": True}
_PARTS = {"year": "year|yr|anio|ano", "month": "month|mes", "day": "day|dia", "hour": "hour|hr|hora"}


@dataclass
class Examination:
    """What the columns show together.

    Args:
        columns: list of `InferredColumn`, those without kind that give the label away or name groups.
        split: dict. The part `split` of the configuration that the data asks for; empty for a hash of the record.
        notes: list of strings. What was decided, a line each.
        questions: list of `Question`.
    """

    columns: list[InferredColumn]
    split: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def examine(
    columns: Sequence[InferredColumn],
    values: Mapping[str, pa.Array],
    labels: pa.Array,
    label: InferredColumn,
    problem: Problem,
) -> Examination:
    """Looks at all columns together.

    Args:
        columns: sequence of `InferredColumn` without the label.
        values: mapping of a column's name to `pyarrow.Array` of shape `(N,)`: times, numbers or text, null where there
            is no value.
        labels: `pyarrow.Array` of shape `(N,)`: the label as text or numbers, null where there is none.
        label: `InferredColumn`.
        problem: `Problem`.
    """
    found = Examination(list(columns))
    plain = {name: array for name, array in values.items() if not pa.types.is_nested(array.type)}
    _find_groups(found, plain)
    _find_times(found, plain)
    _find_series(found, plain)
    _find_leaks(found, plain, labels, label, problem)
    _find_copies(found, plain)
    _find_equal_rows(found, plain, labels, label)
    for column in found.columns:
        if column.name in plain and (kind := personal_data(column.name, plain[column.name])):
            text = f"{column.original_name}: looks like {kind}. Is it needed? What nothing needs is best left out."
            exclude = column.name if column.kind else ""
            action = f"make {column.original_name} no feature" if exclude else ""
            found.questions.append(Question(text, action, exclude, f"looks like {kind}"))
    return found


def _find_groups(found: Examination, values: Mapping[str, pa.Array]) -> None:
    copies = find_copies(values)
    others = {name: array for name, array in values.items() if name not in copies}
    names = {column.name: column for column in found.columns}
    candidates = {
        name: array
        for name, array in values.items()
        if pa.types.is_string(array.type) or (pa.types.is_floating(array.type) and _are_whole(array))
    }
    groups = sorted(find_groups(candidates, others), key=lambda group: not ID_NAME.search(group.name))
    for group in groups:
        column = names[group.name]
        constant = [names[name].original_name for name in group.constant]
        described = f"{group.num_groups} values with several rows each, constant within them: {_some(constant)}"
        if found.split:
            # Another name of the same groups, which is no input either.
            if group.num_groups == groups[0].num_groups and groups[0].name in group.constant:
                _exclude(found, column.name, f"names the groups that {names[groups[0].name].original_name} names")
        elif column.kind is None or ID_NAME.search(column.name):
            found.split = {"method": "group", "key": column.name}
            _exclude(found, column.name, f"names groups: {described}")
            found.notes.append(f"{column.original_name} names groups ({described}): no group is in both splits.")
        else:
            text = (
                f"{column.original_name}: {described}. Will the model see new ones? Then split by it: "
                f"`split: {{method: group, key: {column.name}}}`, and move it to `exclude`."
            )
            split = {"method": "group", "key": column.name}
            action = f"split by {column.original_name}, which is then no feature"
            found.questions.append(Question(text, action, column.name, f"names groups: {described}", split))


def _find_times(found: Examination, values: Mapping[str, pa.Array]) -> None:
    times = [column for column in found.columns if column.kind is FeatureKind.TIME]
    for column in times:
        seconds = values[column.name].drop_null().cast(pa.int64()).to_numpy()
        if len(np.unique(seconds)) < MIN_TIMES:
            continue
        is_ordered = bool((np.diff(seconds) >= 0).all() or (np.diff(seconds) <= 0).all())
        if is_ordered and len(times) == 1 and not found.split and column.required:
            found.split = {"method": "time", "key": column.name}
            _exclude(found, column.name, _SPLIT_TIME)
            found.notes.append(f"The rows are in the order of {column.original_name}: the latest are held out.")
        else:
            text = (
                f"{column.original_name}: a time. Will the model predict what is later than all of them? Then split by "
                f"it: `split: {{method: time, key: {column.name}}}`."
            )
            split = {"method": "time", "key": column.name}
            action = f"hold out the latest by {column.original_name}" if column.required else ""
            found.questions.append(Question(text, action, column.name, _SPLIT_TIME, split))


def _find_series(found: Examination, values: Mapping[str, pa.Array]) -> None:
    """Asks about parts of a time that are columns of their own, and about values that stay the same in rows by time."""
    parts = {
        part: name
        for part, pattern in _PARTS.items()
        for name, array in values.items()
        if re.fullmatch(pattern, name.lower()) and pa.types.is_floating(array.type) and not array.null_count
    }
    names = {column.name: column.original_name for column in found.columns}
    if not {"year", "month"} <= set(parts):
        return
    times = np.zeros(len(values[parts["year"]]))
    for part in _PARTS:
        number = values[parts[part]].to_numpy() if part in parts else 0
        times = times * 100 + number
    if (np.diff(times) < 0).any() or len(np.unique(times)) < MIN_TIMES:
        return
    shown = ", ".join(names[name] for name in parts.values())
    text = (
        f"{shown}: parts of a time, and the rows are in its order. Will the model predict what is later? Then write "
        "one column of times and split by it: `split: {method: time}`."
    )
    found.questions.append(Question(text))
    for column in found.columns:
        if column.kind is FeatureKind.NUMERIC and column.name not in parts.values():
            length, value = _longest_run(values[column.name].to_numpy(zero_copy_only=False))
            if length >= MAX_RUN:
                text = (
                    f"{column.original_name}: {value:g} in {length} rows running. Was it measured, or a sensor stuck?"
                )
                found.questions.append(Question(text))


def _longest_run(numbers: np.ndarray) -> tuple[int, float]:
    """Returns how often the same value follows itself, and the value; the lowest, such as no rain, does not count."""
    is_change = np.flatnonzero(np.diff(numbers, prepend=np.nan, append=np.nan) != 0)
    lengths, firsts = np.diff(is_change), numbers[is_change[:-1]]
    lengths = np.where(firsts > np.nanmin(numbers), lengths, 0)
    place = int(lengths.argmax())
    return int(lengths[place]), float(firsts[place])


def _find_leaks(
    found: Examination, values: Mapping[str, pa.Array], labels: pa.Array, label: InferredColumn, problem: Problem
) -> None:
    rows = labels.is_valid()
    inputs = {column.name: values[column.name].filter(rows) for column in found.columns if column.kind}
    present = labels.filter(rows)
    if problem is Problem.CLASSIFICATION:
        targets = present.dictionary_encode().indices.to_numpy()
    else:
        targets = present.to_numpy()
    names = {column.name: column.original_name for column in found.columns}
    for leak in find_leaks(inputs, targets, problem):
        described = leak.describe(problem)
        if leak.is_certain:
            _exclude(found, leak.name, f"gives the label away: {described}")
            found.notes.append(f"{names[leak.name]} gives the label away and is no feature: it {described}.")
        else:
            text = (
                f"{names[leak.name]}: {described}. Is it known before {label.original_name} is? If not, move it to "
                "`exclude`."
            )
            action = f"make {names[leak.name]} no feature"
            found.questions.append(Question(text, action, leak.name, f"may give the label away: {described}"))


def _find_copies(found: Examination, values: Mapping[str, pa.Array]) -> None:
    inputs = {column.name: values[column.name] for column in found.columns if column.kind}
    names = {column.name: column.original_name for column in found.columns}
    for name, other in find_copies(inputs).items():
        text = (
            f"{names[name]}: says what {names[other]} says, each of its values goes with one of that column. Are both "
            "needed? Importance is divided between them."
        )
        action = f"make {names[name]} no feature"
        found.questions.append(Question(text, action, name, f"says what {names[other]} says"))


def _find_equal_rows(
    found: Examination, values: Mapping[str, pa.Array], labels: pa.Array, label: InferredColumn
) -> None:
    inputs = pd.DataFrame({name: _hashable(array) for name, array in values.items()})
    hashes = pd.util.hash_pandas_object(inputs, index=False)
    whole = pd.util.hash_pandas_object(inputs.assign(**{label.name: _hashable(labels)}), index=False)
    if _expected_pairs(inputs) > MAX_EXPECTED_PAIRS:
        return
    if num_equal := int(whole.duplicated().sum()):
        text = (
            f"{num_equal} of {len(whole)} rows equal an earlier one. Are they one record written twice? Then set "
            "`data.drop_duplicates: true`."
        )
        found.questions.append(
            Question(text, "leave out equal rows", data=_DROP, rejected_share=num_equal / len(whole))
        )
    is_first = ~whole.duplicated()
    num_torn = int(hashes[is_first].duplicated(keep=False).sum())
    if num_torn:
        text = (
            f"{num_torn} rows have the values of another row and another {label.original_name}. Which is right? No "
            "model can be right about both."
        )
        found.questions.append(Question(text))


def _expected_pairs(inputs: pd.DataFrame) -> float:
    """Returns how many pairs of rows are equal by chance, if the columns are independent of each other."""
    num_pairs = len(inputs) * (len(inputs) - 1) / 2
    counts = [inputs[name].value_counts(dropna=False).to_numpy(np.float64) for name in inputs]
    return float(np.prod([(count * (count - 1) / 2).sum() / num_pairs for count in counts])) * num_pairs


def _exclude(found: Examination, name: str, reason: str) -> None:
    found.columns = [
        replace(column, kind=None, reason=reason) if column.name == name else column for column in found.columns
    ]


def _are_whole(array: pa.Array) -> bool:
    return bool(pc.all(pc.equal(pc.floor(array), array)).as_py())


def _hashable(array: pa.Array) -> pd.Series:
    return array.cast(pa.string()).to_pandas() if pa.types.is_timestamp(array.type) else array.to_pandas()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
