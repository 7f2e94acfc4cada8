"""What a careful look at a file's columns together shows: leaks, groups, times, copies, equal rows, personal data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...components.example_gen.settings import ColumnType
from ...components.features import FeatureKind, Problem
from .column_inference import ID_NAME, InferredColumn
from .damage import find_damage
from .dates import mixed_formats
from .equal_rows import find_equal_rows
from .groups import Group, find_groups, name_same_groups
from .leaks import find_copies, find_leaks
from .personal import describes_persons, personal_data, stands_beside
from .power import Powers, measure_powers
from .question import Question
from .series import SPLIT_REASON, is_part_of_time, series_questions, time_question, times_in
from .whole_numbers import are_codes, are_counts, level_basis
from .wording import say

MAX_RARE_ROWS = 4
MAX_RARE_SHARE = 0.1
MIN_PARTS = 2

_DROP = {"drop_duplicates": True}
_SPLIT_WORDS = frozenset(
    {"train", "training", "test", "testing", "valid", "validation", "val", "dev", "eval", "holdout"}
)


@dataclass
class Examination:
    """What the columns show together.

    Args:
        columns: list of `InferredColumn`, those without kind that give the label away or name groups.
        split: dict. The part `split` of the configuration that the data asks for; empty for a hash of the record.
        notes: list of strings. What was decided, a line each.
        questions: list of `Question`.
        powers: `Powers` or None where there are too few labels. Models of the columns.
        scores: dict of column to the AUC or R² that it alone reaches.
    """

    columns: list[InferredColumn]
    split: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    powers: Powers | None = None
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """The names in the file by identifier."""
        return {column.name: column.original_name for column in self.columns}

    def exclude(self, name: str, reason: str) -> None:
        """Makes a column no feature."""
        self.columns = [
            replace(column, kind=None, reason=reason) if column.name == name else column for column in self.columns
        ]


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
    _find_parts_of_a_split(found, values)
    _find_groups(found, values)
    _find_times(found, values)
    found.questions += series_questions(found.columns, values)
    _find_levels(found, values, _ordered_targets(labels, label, problem))
    _find_leaks(found, values, labels, label, problem)
    _find_copies(found, values)
    _find_equal_rows(found, values, labels, label)
    found.questions += _damage(found, values, labels, label)
    found.questions += _near_constants(found, values)
    found.questions += _persons(found, values)
    return found


def _find_parts_of_a_split(found: Examination, values: Mapping[str, pa.Array]) -> None:
    for column in found.columns:
        if column.kind is FeatureKind.CATEGORICAL and pa.types.is_string(values[column.name].type):
            words = {text.casefold() for text in values[column.name].unique().drop_null().to_pylist()}
            if len(words) >= MIN_PARTS and words <= _SPLIT_WORDS:
                found.exclude(column.name, say("says to which part of a split a row belongs"))
                found.notes.append(
                    say(
                        "{column} says to which part of a split a row belongs: no feature.", column=column.original_name
                    )
                )
                found.questions.append(
                    Question(
                        say(
                            "{column}: are the parts to be kept apart? Then make a file of each, and name the one"
                            " to learn from with `--data`.",
                            column=column.original_name,
                        )
                    )
                )


def _find_groups(found: Examination, values: Mapping[str, pa.Array]) -> None:
    copies = find_copies(values)
    columns = {column.name: column for column in found.columns}
    others = {
        name: array
        for name, array in values.items()
        # What has the same parts of a time in all its rows is a time as well.
        if name not in copies and columns[name].kind is not FeatureKind.TIME and not is_part_of_time(found.names[name])
    }
    candidates = {
        name: array
        for name, array in values.items()
        if pa.types.is_string(array.type) or (pa.types.is_floating(array.type) and _are_whole(array))
    }
    groups = sorted(find_groups(candidates, others), key=lambda group: not ID_NAME.search(group.name))
    if not groups:
        return
    first, names = groups[0], found.names
    described = _describe_group(first, names)
    if columns[first.name].kind is None or ID_NAME.search(first.name):
        found.split = {"method": "group", "key": first.name}
        found.exclude(first.name, say("names groups: {described}", described=described))
        found.notes.append(
            say(
                "{name} names groups ({described}): no group is in both splits.",
                name=names[first.name],
                described=described,
            )
        )
        for name in candidates.keys() - {first.name}:
            if name_same_groups(values[name], values[first.name]):
                found.exclude(name, say("names the groups that {name} names", name=names[first.name]))
        return
    more = say(" So do {shown}.", shown=_some([names[group.name] for group in groups[1:]])) if len(groups) > 1 else ""
    text = say(
        "{name} names groups: {described}.{more} Will the model see new ones? Then split by "
        "it: `split: {{method: group, key: {key}}}`, and move it to `exclude`.",
        name=names[first.name],
        described=described,
        more=more,
        key=first.name,
    )
    split = {"method": "group", "key": first.name}
    action = f"split by {names[first.name]}, which is then no feature"
    found.questions.append(
        Question(text, action, (first.name,), say("names groups: {described}", described=described), split=split)
    )


def _describe_group(group: Group, names: Mapping[str, str]) -> str:
    constant = _some([names[name] for name in group.constant])
    return say(
        "{num_groups} values with several rows each, constant within them: {constant}",
        num_groups=group.num_groups,
        constant=constant,
    )


def _find_times(found: Examination, values: Mapping[str, pa.Array]) -> None:
    times = times_in(found.columns, values)
    for column, is_ordered in times:
        if is_ordered and len(times) == 1 and not found.split and column.required:
            found.split = {"method": "time", "key": column.name}
            found.exclude(column.name, SPLIT_REASON)
            found.notes.append(
                say("The rows are in the order of {column}: the latest are held out.", column=column.original_name)
            )
        else:
            found.questions.append(time_question(column))
    for column in found.columns:
        if column.name in values and not column.kind and (formats := mixed_formats(values[column.name])):
            text = say(
                "{column}: dates written in several ways, of which {shown} fit most. Write them in one way: they are"
                " no feature as they are.",
                column=column.original_name,
                shown=", ".join(map(repr, formats)),
            )
            found.questions.append(Question(text))


def _find_levels(found: Examination, values: Mapping[str, pa.Array], targets: np.ndarray | None) -> None:
    """Distinguishes levels and counts from codes among whole numbers."""
    codes = []
    for place, column in enumerate(found.columns):
        if column.type is not ColumnType.INT64 or column.kind not in (FeatureKind.CATEGORICAL, FeatureKind.NUMERIC):
            continue
        numbers = values[column.name].to_numpy(zero_copy_only=False)
        if column.kind is FeatureKind.NUMERIC:
            codes += [column.name] if are_codes(numbers) and not is_part_of_time(column.original_name) else []
        elif basis := level_basis(column.original_name, numbers, targets):
            found.columns[place] = replace(column, kind=FeatureKind.ORDINAL, basis=basis)
        elif are_counts(numbers):
            found.columns[place] = replace(
                column, kind=FeatureKind.NUMERIC, basis=say("a count: neighbours are about as frequent")
            )
        else:
            found.columns[place] = replace(column, basis=say("codes: few whole numbers in no order that shows"))
    if codes:
        shown = _some([found.names[name] for name in codes])
        text = say(
            "{shown}: whole numbers with gaps or with frequencies in no order. Are they codes? "
            "Then move them to `features.categorical`: {codes}.",
            shown=shown,
            codes=", ".join(codes),
        )
        kinds = dict.fromkeys(codes, FeatureKind.CATEGORICAL)
        found.questions.append(Question(text, f"take {shown} for codes", kinds=kinds))


def _ordered_targets(labels: pa.Array, label: InferredColumn, problem: Problem) -> np.ndarray | None:
    """Returns the label as numbers with an order, of shape `(N,)`; None for classes without one."""
    if problem is Problem.REGRESSION:
        numbers: np.ndarray = labels.to_numpy(zero_copy_only=False)
        return numbers
    if len(label.values) != 2:
        return None
    places = pc.index_in(labels, pa.array(label.values, pa.string()))
    ordered: np.ndarray = places.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return ordered


def _find_leaks(
    found: Examination, values: Mapping[str, pa.Array], labels: pa.Array, label: InferredColumn, problem: Problem
) -> None:
    rows = labels.is_valid()
    kinds = {column.name: column.kind for column in found.columns if column.kind}
    targets = labels.filter(rows)
    if problem is Problem.CLASSIFICATION:
        targets = pc.index_in(targets, pa.array(label.values, pa.string()))
    columns = {name: array.filter(rows) for name, array in values.items()}
    powers = measure_powers(columns, targets.to_numpy(), problem, kinds, found.split)
    if not powers.can_judge:
        return
    found.powers = powers
    found.scores = {name: powers.score(powers.single(name)) for name in kinds}
    for leak in find_leaks(powers, found.scores, found.names, label.original_name):
        name, described = found.names[leak.name], leak.describe(problem)
        if leak.is_certain:
            found.exclude(leak.name, say("gives the label away: {described}", described=described))
            found.notes.append(
                say("{name} gives the label away and is no feature: it {described}.", name=name, described=described)
            )
        else:
            text = say(
                "{name}: {described}. Is it known before {column} is? If not, move it to `exclude`.",
                name=name,
                described=described,
                column=label.original_name,
            )
            action = f"make {name} no feature"
            found.questions.append(
                Question(text, action, (leak.name,), say("may give the label away: {described}", described=described))
            )


def _find_copies(found: Examination, values: Mapping[str, pa.Array]) -> None:
    inputs = {column.name: values[column.name] for column in found.columns if column.kind}
    names = found.names
    for name, other in find_copies(inputs).items():
        text = say(
            "{name}: says what {other} says, each of its values goes with one of that column. Are"
            " both needed? Importance is divided between them.",
            name=names[name],
            other=names[other],
        )
        action = f"make {names[name]} no feature"
        found.questions.append(Question(text, action, (name,), say("says what {other} says", other=names[other])))


def _find_equal_rows(
    found: Examination, values: Mapping[str, pa.Array], labels: pa.Array, label: InferredColumn
) -> None:
    inputs = {column.name for column in found.columns if column.kind}
    equal = find_equal_rows(values, labels, inputs)
    if equal.num_equal:
        text = say(
            "{num_equal} of {num} rows equal an earlier one. Are they one record written twice? "
            "Then set `data.drop_duplicates: true`.",
            num_equal=equal.num_equal,
            num=len(labels),
        )
        share = equal.num_equal / len(labels)
        found.questions.append(Question(text, "leave out equal rows", data=_DROP, rejected_share=share))
    if equal.num_renumbered and not found.split:
        others = _some([column.original_name for column in found.columns if column.name not in inputs])
        text = say(
            "{num_renumbered} of {num} rows equal an earlier one but for {others}. Are they one "
            "record under two numbers? Then leave one out of the file, else the model is judged "
            "by records that it has seen.",
            num_renumbered=equal.num_renumbered,
            num=len(labels),
            others=others,
        )
        found.questions.append(Question(text))
    if equal.num_torn:
        text = say(
            "{num_torn} rows have the values of another row and another {column}. Which is right?"
            " No model can be right about both.",
            num_torn=equal.num_torn,
            column=label.original_name,
        )
        found.questions.append(Question(text))


def _damage(
    found: Examination, values: Mapping[str, pa.Array], labels: pa.Array, label: InferredColumn
) -> Iterator[Question]:
    for column in found.columns:
        if column.name in values:
            for line in find_damage(column.original_name, values[column.name], are_words=column.kind is not None):
                yield Question(say("{column}: {line}.", column=column.original_name, line=line))
    for line in find_damage(label.original_name, labels, are_words=True):
        yield Question(say("{column}: {line}.", column=label.original_name, line=line))


def _near_constants(found: Examination, values: Mapping[str, pa.Array]) -> Iterator[Question]:
    for column in found.columns:
        if not column.kind or pa.types.is_timestamp(values[column.name].type):
            continue
        counts = pc.value_counts(values[column.name])
        most = pc.max(counts.field("counts")).as_py()
        if len(values[column.name]) - most <= MAX_RARE_ROWS < MAX_RARE_SHARE * len(values[column.name]):
            place = pc.index(counts.field("counts"), most).as_py()
            text = say(
                "{column}: {value!r} in all but {rest} of {num} rows. Is it needed?",
                column=column.original_name,
                value=counts.field("values")[place].as_py(),
                rest=len(values[column.name]) - most,
                num=len(values[column.name]),
            )
            reason = say("has nearly always one value")
            yield Question(text, f"make {column.original_name} no feature", (column.name,), reason)


def _persons(found: Examination, values: Mapping[str, pa.Array]) -> Iterator[Question]:
    for column in found.columns:
        if column.name in values and (kind := personal_data(column.original_name, values[column.name])):
            text = say(
                "{column}: looks like {kind}. Is it needed? What nothing needs is best left out.",
                column=column.original_name,
                kind=kind,
            )
            exclude = (column.name,) if column.kind else ()
            action = f"make {column.original_name} no feature" if exclude else ""
            yield Question(text, action, exclude, say("looks like {kind}", kind=kind))
    inputs = [column.original_name for column in found.columns if column.kind]
    if any(map(describes_persons, inputs)):
        shown = {
            column.name: column.original_name
            for column in found.columns
            if column.kind and (describes_persons(column.original_name) or stands_beside(column.original_name))
        }
        yield Question(
            say(
                "{shown}: characteristics of persons. May they decide about one? If not, move them to"
                " `exclude`; `evaluation.slices` and `evaluation.fairness` can still name them.",
                shown=", ".join(shown.values()),
            ),
            f"make {_some(list(shown.values()))} no features",
            exclude=tuple(shown),
            reason=say("a characteristic of persons: for slices and fairness only"),
        )


def _are_whole(array: pa.Array) -> bool:
    return bool(pc.all(pc.equal(pc.floor(array), array)).as_py())


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return say("{shown} and {num} more", shown=shown, num=len(names) - 3) if len(names) > 3 else shown
