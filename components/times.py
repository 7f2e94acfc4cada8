"""Times in text: ISO 8601 with or without an offset from UTC, as numbers that can be compared."""

import pyarrow as pa
import pyarrow.compute as pc

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?"
_OFFSET = r"(Z|[+-]\d{2}(:?\d{2})?)"
_TIME = rf"^{_DAY}([T ]{_CLOCK}{_OFFSET}?)?$"
_TIME_WITH_OFFSET = rf"^{_DAY}[T ]{_CLOCK}{_OFFSET}$"


def to_times(column: pa.Array) -> pa.Array:
    """Returns numbers as they are, and ISO 8601 text as `int64` nanoseconds since 1970-01-01.

    A time with an offset is that of UTC; one without is taken as it stands. What is no time, such as `2024-13-45`,
    is null.
    """
    if column.type != pa.string():
        return column
    import pandas as pd  # Half a second, and most keys are numbers or no times at all.

    is_time = pc.match_substring_regex(column, _TIME).fill_null(False)
    texts = pc.replace_substring(pc.if_else(is_time, column, pa.scalar(None, pa.string())), ",", ".")
    times = pd.to_datetime(texts.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    return pa.array(times.dt.tz_localize(None).astype("datetime64[ns]"), pa.timestamp("ns")).cast(pa.int64())


def is_time(text: str) -> bool:
    """Returns whether a text is a time that `to_times` reads."""
    return bool(to_times(pa.array([text], pa.string())).is_valid()[0].as_py())


def have_offset(column: pa.Array) -> pa.Array:
    """Returns for each text whether it is a time with an offset from UTC."""
    return pc.match_substring_regex(column, _TIME_WITH_OFFSET).fill_null(False)
