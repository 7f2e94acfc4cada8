"""The values that JSON and tensors hold: their types, and how a message shows them."""

import calendar
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .contract import Feature

NUMPY_TYPES: Mapping[str, Any] = {"float32": np.float32, "int64": np.int64, "string": np.object_}
PYTHON_TYPES: Mapping[str, frozenset[type]] = {
    "float32": frozenset({float, int}),
    "int64": frozenset({int}),
    "string": frozenset({str}),
}
MAX_WHOLE = 2**53
"""Up to here each number with a decimal point stands for one integer; the parser makes one of what has no 64 bits."""
FLOAT32_MAX = float(np.finfo(np.float32).max)
MAX_SHOWN_CHARACTERS = 40

_DAY = r"(?P<year>\d{4})-(?P<month>0?[1-9]|1[0-2])-(?P<day>0?[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?"
_TIME = re.compile(rf"\s*{_DAY}([T ]{_CLOCK}\s*(Z|[+-][01]\d(:?[0-5]\d)?))?\s*")

_EXPECTED = {"float32": "a finite number", "int64": "an integer of 64 bits", "string": "a string"}
_JSON_NAMES: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number with a decimal point",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def is_time(text: str) -> bool:
    """Returns whether a text is a date of the calendar, or a time with its offset from UTC, as ISO 8601 has them.

    The model would take another text for any time, and 31 February for 3 March.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(found[part]) for part in ("year", "month", "day"))
    return day <= calendar.monthrange(year, month)[1]


def whole(value: Any) -> Any:
    """Returns a number without a fraction as an integer, as pandas writes those of a column with gaps; else itself."""
    return int(value) if type(value) is float and abs(value) <= MAX_WHOLE and value.is_integer() else value


def expected_value(feature: Feature, is_null_named: bool = True) -> str:
    """Returns what a value of a feature, or an item of its sequence, must be, for a message."""
    return _EXPECTED[feature.dtype] + (" or null" if feature.may_hold_null and is_null_named else "")


def shown(value: Any) -> str:
    """Returns a received value and its JSON type, for a message."""
    kind = _JSON_NAMES.get(type(value), type(value).__name__)
    return kind if value is None or isinstance(value, list | dict) else f"{quoted(value)} ({kind})"


def quoted(value: Any) -> str:
    """Returns a value in quotes, a long string cut, for a message."""
    text = repr(value[:MAX_SHOWN_CHARACTERS] if isinstance(value, str) else value)
    return f"{text}..." if isinstance(value, str) and len(value) > MAX_SHOWN_CHARACTERS else text
