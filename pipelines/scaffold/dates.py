"""Which columns of text are dates or times, and how they are written."""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MIN_SHARE = 0.98
MAX_TEXTS = 2_000
MIN_MIXED = 10

_CLOCKS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S%z", "T%H:%M:%S.%f", "T%H:%M:%S.%f%z")
_ISO = tuple(f"%Y-%m-%d{clock}" for clock in _CLOCKS)
_DAY_FIRST = tuple(f"%d{mark}%m{mark}{year}{clock}" for mark in "/-." for year in ("%Y", "%y") for clock in _CLOCKS[:3])
_OTHERS = ("%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y.%m.%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y")
_MONTH_FIRST = tuple(form.replace("%d", "%-").replace("%m", "%d").replace("%-", "%m") for form in _DAY_FIRST)
_FORMATS = (*_ISO, *_DAY_FIRST, *_MONTH_FIRST, *_OTHERS)
_SEPARATED = r"^\s*(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2} [A-Za-z]+ \d{4}|[A-Za-z]+ \d{1,2}, \d{4})"
_JOINED = r"^(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])$"


@dataclasses.dataclass(frozen=True)
class Dates:
    """How the dates of a column are written.

    Args:
        time_format: string. By the codes of Python's `strptime`.
        other: string or None. Another format by which they can be read as well.
        share: float in (0, 1]. The part of the texts that are such dates.
    """

    time_format: str
    other: str | None
    share: float


def find_dates(array: pa.Array) -> Dates | None:
    """Returns how a column's texts are dates; None if they are none.

    Texts that are as well `1/2/2024` as `2/1/2024` are read so that the rows are in the order of time if one of both
    ways has them so, else with the day first.

    Args:
        array: `pyarrow.Array` of shape `(N,)`, null where there is no value.
    """
    if not pa.types.is_string(array.type):
        return None
    present = array.drop_null()
    texts = present.unique()
    if len(texts) < 2:
        return None
    if _share(texts, _JOINED) >= MIN_SHARE:
        return _best(present, texts, ("%Y%m%d",))
    if _share(texts, _SEPARATED) < MIN_SHARE:
        return None
    return _best(present, texts, _FORMATS)


def mixed_formats(array: pa.Array) -> tuple[str, ...]:
    """Returns the two formats that most texts of a column of dates have which no one format fits; empty for others."""
    if not pa.types.is_string(array.type):
        return ()
    texts = array.drop_null().unique()
    if len(texts) < MIN_MIXED or _share(texts, _SEPARATED) < MIN_SHARE:
        return ()
    some = _some(texts)
    fits = {form: np.array(read_dates(some, form).is_valid()) for form in _FORMATS}
    first = max(_FORMATS, key=lambda form: fits[form].sum())
    second = max(_FORMATS, key=lambda form: (fits[form] & ~fits[first]).sum())
    num_both = (fits[first] | fits[second]).sum()
    is_mixed = 2 * num_both >= len(some) and fits[first].sum() < MIN_SHARE * len(some)
    return (first, second) if is_mixed and (fits[second] & ~fits[first]).any() else ()


def read_dates(array: pa.Array, time_format: str) -> pa.Array:
    """Returns timestamps of shape `(N,)`, null where a text is no such date."""
    times = pd.to_datetime(array.to_pandas(), format=time_format, utc=True, errors="coerce")
    return pa.array(times.dt.tz_localize(None).astype("datetime64[us]"), pa.timestamp("us"))


def _share(texts: pa.Array, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(texts, pattern).cast(pa.float64())).as_py())


def _some(texts: pa.Array) -> pa.Array:
    return texts.take(pa.array(np.linspace(0, len(texts) - 1, min(len(texts), MAX_TEXTS)).astype(int)))


def _best(present: pa.Array, texts: pa.Array, formats: tuple[str, ...]) -> Dates | None:
    some = _some(texts)
    shares = {form: 1 - read_dates(some, form).null_count / len(some) for form in formats}
    fitting = [form for form in formats if shares[form] >= MIN_SHARE]
    if not fitting:
        return None
    most = max(shares[form] for form in fitting)
    equal = [form for form in fitting if shares[form] == most]
    chosen = next((form for form in equal if _is_in_order(present, form)), equal[0])
    return Dates(chosen, next((form for form in equal if form != chosen), None), most)


def _is_in_order(present: pa.Array, form: str) -> bool:
    times = read_dates(present, form).drop_null().cast(pa.int64()).to_numpy()
    return bool((np.diff(times) >= 0).all())
