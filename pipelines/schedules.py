"""Schedules of pipelines: as crontab has them, or as Kubeflow Pipelines does: six fields, or such as `@daily`."""

import re

from ..errors import UsageError

_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = re.compile(r"@every (\d+(\.\d+)?(h|m|s))+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("seconds", 0, 59, ()),
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("days of the month", 1, 31, ()),
    ("months", 1, 12, _MONTHS),
    ("days of the week", 0, 6, _DAYS),
)


def read_schedule(text: str) -> str:
    """Returns a schedule as Kubeflow Pipelines reads it.

    A line of five fields, as crontab has it, gets the second 0: Kubeflow would take its minutes for seconds.

    Args:
        text: string. Five or six fields, or a descriptor.

    Raises:
        UsageError: if it is no schedule.
    """
    text = text.strip()
    if text in _DESCRIPTORS or _EVERY.fullmatch(text):
        return text
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise UsageError(
            "Expected a schedule of five fields as in crontab, six with seconds first, or one of "
            f"{', '.join(_DESCRIPTORS)}, '@every 1h30m'. Received: {text!r}."
        )
    for field, (what, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            if not _is_range(part.lower(), lowest, highest, names):
                raise UsageError(
                    f"Expected the {what} of a schedule to be *, numbers from {lowest} to {highest}, ranges or "
                    f"steps of them. Received: {field!r} in {text!r}."
                )
    if not _comes(fields):
        raise UsageError(
            f"Expected a schedule to name a date that comes. Received: {text!r}: no such day in these months. Correct "
            "the third and fourth of the five fields."
        )
    return " ".join(fields)


def _comes(fields: list[str]) -> bool:
    """Returns whether a month of the schedule has a day of it. Days of the week, where named too, are further days."""
    days, months, weekdays = fields[3:]
    if not weekdays.startswith(("*", "?")):
        return True
    longest = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return min(_values(days, *_FIELDS[3][1:])) <= max(longest[month - 1] for month in _values(months, *_FIELDS[4][1:]))


def _values(field: str, lowest: int, highest: int, names: tuple[str, ...]) -> list[int]:
    """Returns the numbers that a field stands for."""
    values: list[int] = []
    for part in field.lower().split(","):
        bounds, slash, step = part.partition("/")
        first, dash, last = bounds.partition("-")
        start, end = (lowest, highest) if first in ("*", "?") else (_number(first, lowest, names),) * 2
        if dash:
            end = _number(last, lowest, names)
        elif slash:
            end = highest
        values += range(start, end + 1, int(step or 1))
    return values


def _number(word: str, lowest: int, names: tuple[str, ...]) -> int:
    return names.index(word) + lowest if word in names else int(word)


def _is_range(part: str, lowest: int, highest: int, names: tuple[str, ...]) -> bool:
    match = re.fullmatch(r"(?:[*?]|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
    if match is None or (match[3] and int(match[3]) == 0):
        return False
    words = [word for word in match.groups()[:2] if word]
    if not all(word in names or word.isdecimal() for word in words):
        return False
    bounds = [_number(word, lowest, names) for word in words]
    return bounds == sorted(bounds) and all(lowest <= bound <= highest for bound in bounds)
