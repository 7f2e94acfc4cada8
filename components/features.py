"""What a column is: the words that the configuration, Transform and the trainers share."""

import keyword
import re
from collections.abc import Iterable
from enum import StrEnum

from ..errors import DataError


class FeatureKind(StrEnum):
    """How a feature is understood.

    `NUMERIC` and `ORDINAL` (an order, such as a grade level) are standardised numbers, `BOOLEAN` is 0 or 1,
    `CATEGORICAL` is a code or a word without an order, `TIME` is seconds since 1970-01-01 UTC, standardised.
    """

    NUMERIC = "numeric"
    ORDINAL = "ordinal"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TIME = "time"


class Problem(StrEnum):
    """What is predicted: one of several classes, a number, or numbers for several steps ahead."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECAST = "forecast"


def to_identifier(name: str) -> str:
    """Returns the identifier of a raw column name, which can be an argument of a TensorFlow signature.

    Each run of characters other than letters, digits and `_` becomes one `_`, and `_` is trimmed at both ends; case is
    kept: `"Mother's qualification"` becomes `"Mother_s_qualification"`. A leading digit gets an `n` before it (no
    argument of a signature begins with `_`), a keyword of Python a `_` behind it: `"1st"` becomes `"n1st"`, `"class"`
    becomes `"class_"`.
    """
    trimmed = re.sub(r"[^0-9A-Za-z_]+", "_", name).strip("_")
    if keyword.iskeyword(trimmed):
        return f"{trimmed}_"
    return f"n{trimmed}" if trimmed[:1].isdigit() else trimmed


def to_identifiers(names: Iterable[str]) -> dict[str, str]:
    """Returns `{identifier: original name}` in the order of `names`.

    Raises:
        DataError: if a name has no letter or digit, or two names have the same identifier.
    """
    originals: dict[str, str] = {}
    for name in names:
        identifier = to_identifier(name)
        if not identifier:
            raise DataError(
                f"Expected every column to have a name with a letter or digit. Received: {name!r}. Name the column."
            )
        if identifier in originals:
            other = originals[identifier]
            what = (
                f"{name!r} twice"
                if other == name
                else f"{other!r} and {name!r}, which are both {identifier!r} as identifiers"
            )
            raise DataError(f"Expected column names to be distinct. Received: {what}. Rename one of the two columns.")
        originals[identifier] = name
    return originals
