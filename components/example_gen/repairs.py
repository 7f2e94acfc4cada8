"""Texts of a column as the configuration's `data.repairs` reads them."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .settings import Repair
from .tables import blank

SECOND = 10**9


@dataclass(frozen=True)
class Repaired:
    """Texts of a column after its repair.

    Args:
        texts: `pyarrow.Array` of strings of shape `(N,)`: words, numbers with a decimal point, or seconds since
            1970-01-01 UTC; null where there is no value or `is_unfit`.
        is_unfit: array of bools of shape `(N,)`. Which are neither a number nor a time where one is expected.
        num_changed: int. How many are not as they were.
    """

    texts: pa.Array
    is_unfit: np.ndarray
    num_changed: int


def repair_numbers(texts: pa.Array, repair: Repair, decimal: str) -> Repaired:
    """Returns texts as numbers or seconds.

    Args:
        texts: `pyarrow.Array` of strings of shape `(N,)`.
        repair: `Repair`.
        decimal: string. The decimal mark where `repair` has none.
    """
    present = blank(texts, repair.missing_values)
    if repair.time_format is not None:
        fitting = _seconds(present, repair.time_format)
    else:
        fitting = _numbers(present, repair, repair.decimal or decimal)
    is_unfit = np.asarray(pc.and_(pc.is_valid(present), pc.is_null(fitting)).to_numpy(zero_copy_only=False), bool)
    return Repaired(fitting, is_unfit, _count_changes(texts, fitting) - int(is_unfit.sum()))


def repair_words(texts: pa.Array, repair: Repair) -> Repaired:
    """Returns texts, null where they mean "no value"."""
    present = blank(texts, repair.missing_values)
    return Repaired(present, np.zeros(len(texts), bool), _count_changes(texts, present))


def _numbers(texts: pa.Array, repair: Repair, decimal: str) -> pa.Array:
    texts = pc.utf8_trim_whitespace(texts)
    for mark in map(re.escape, repair.remove):
        texts = pc.replace_substring_regex(texts, rf"^([+-]?)\s*{mark}\s*|\s*{mark}$", r"\1")
    point = re.escape(decimal)
    if repair.thousands:
        grouped = rf"^[+-]?\d{{1,3}}({re.escape(repair.thousands)}\d{{3}})+({point}\d*)?$"
        without = pc.replace_substring(texts, repair.thousands, "")
        texts = pc.if_else(pc.match_substring_regex(texts, grouped), without, texts)
    is_number = pc.match_substring_regex(texts, rf"^[+-]?(\d+({point}\d*)?|{point}\d+)([eE][+-]?\d+)?$")
    return pc.if_else(is_number, pc.replace_substring(texts, decimal, "."), pa.scalar(None, pa.string()))


def _seconds(texts: pa.Array, time_format: str) -> pa.Array:
    import pandas as pd  # Half a second.

    times = pd.to_datetime(texts.to_pandas(), format=time_format, utc=True, errors="coerce")
    nanoseconds = times.dt.tz_localize(None).astype("datetime64[ns]").astype("int64")
    return pa.array(np.floor_divide(nanoseconds, SECOND).astype(str), pa.string(), mask=times.isna().to_numpy())


def _count_changes(texts: pa.Array, others: pa.Array) -> int:
    num_different: int = int(pc.sum(pc.not_equal(texts, others).cast(pa.int64())).as_py() or 0)
    num_blanked: int = others.null_count - texts.null_count
    return num_different + num_blanked
