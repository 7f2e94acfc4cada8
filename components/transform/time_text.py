"""ISO 8601 text as numbers, in TensorFlow operations."""

import tensorflow as tf

# Year, month, day, hour, minute, second, fraction, sign, hours and minutes of the offset.
_PATTERN = (
    r"^\s*(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?)?"
    r"\s*(?:Z|([+-])(\d{2}):?(\d{2})?)?\s*$"
)


def parse_times(texts: tf.Tensor) -> tf.Tensor:
    """Returns `int64` microseconds since 1970-01-01 UTC of ISO 8601 dates and times, the least `int64` of others."""

    def part(place: int, default: str = "0") -> tf.Tensor:
        # RE2 in TensorFlow knows nine groups; the sign is read by a pattern of its own.
        text = tf.strings.regex_replace(texts, _PATTERN, rf"\{place}")
        text = tf.where(is_time & (tf.strings.length(text) > 0), text, default)
        return tf.strings.to_number(text, tf.int64)

    is_time = tf.strings.regex_full_match(texts, _PATTERN)
    year, month, day = part(1), part(2), part(3, "1")
    fraction = tf.strings.regex_replace(texts, _PATTERN, r"\7")
    fraction = tf.where(is_time, fraction, "")
    micros = tf.strings.to_number(tf.strings.substr(tf.strings.join([fraction, "000000"]), 0, 6), tf.int64)
    minutes = part(9) * 60 + _offset_minutes(texts, is_time)
    sign = tf.where(
        tf.strings.regex_full_match(texts, r"^.*:\d{2}.*-\d{2}:?(?:\d{2})?\s*$"), tf.constant(-1, tf.int64), 1
    )
    seconds = (_days(year, month, day) * 24 + part(4)) * 3600 + part(5) * 60 + part(6) - sign * minutes * 60
    return tf.where(is_time, seconds * 1_000_000 + micros, tf.int64.min)


def _offset_minutes(texts: tf.Tensor, is_time: tf.Tensor) -> tf.Tensor:
    text = tf.strings.regex_replace(texts, r"^.*[+-]\d{2}:?(\d{2})\s*$", r"\1")
    has_minutes = is_time & tf.strings.regex_full_match(texts, r"^.*:\d{2}.*[+-]\d{2}:?\d{2}\s*$")
    return tf.strings.to_number(tf.where(has_minutes, text, "0"), tf.int64)


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Returns days since 1970-01-01 in the Gregorian calendar, years counted from March."""
    year = year - tf.cast(month <= 2, tf.int64)
    era = tf.math.floordiv(year, 400)
    of_era = year - era * 400
    of_year = tf.math.floordiv(153 * (month + tf.where(month > 2, tf.constant(-3, tf.int64), 9)) + 2, 5) + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
