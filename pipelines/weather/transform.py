"""The preprocessing of weather windows: wind as a vector, the calendar, and where the sun will stand."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ...components.features import FeatureKind
from ...components.transform.preprocessing import transform_features
from ...components.transform.settings import TransformConfig
from ...components.transform.time_text import parse_times
from .quality import LIMITS, Limits

_MICROS_AN_HOUR = 3_600_000_000
_HOURS_A_YEAR = 24 * 365.2425
_OBLIQUITY_DEG = 23.45


def preprocessing_fn(inputs: Mapping[str, Any], config: TransformConfig) -> dict[str, tf.Tensor]:
    """Transforms the inputs of a window.

    What quality control takes out of a series for its range is missing in a request too: of 300 degrees Celsius nothing
    follows. Rain becomes its logarithm (`log1p`). Wind speed and direction are joined by the components `wind_east` and
    `wind_north`. The time gives `day_1` and the like, sines and cosines of the local solar hour and of the day of the
    year, and `sun_ahead`, the sine of the sun's elevation at each step ahead (for hourly series), by the declination of
    Cooper (1969, doi:10.1016/0038-092X(69)90047-4); without coordinates it is taken at the equator and at Greenwich.

    Args:
        inputs: mapping of feature name to tensor.
        config: `TransformConfig`.
    """
    features = dict(config.task.features)
    given = {name: inputs[name] for name in features if name in inputs}
    given |= {name: _possible(given[name], LIMITS[name]) for name in given.keys() & LIMITS.keys()}
    if "rain_mm" in given:
        given["rain_mm"] = tf.math.log1p(tf.maximum(_dense(given["rain_mm"]), 0.0))
    if {"wind_speed_m_s", "wind_direction_deg"} <= given.keys():
        speed, angle = _dense(given["wind_speed_m_s"]), _dense(given.pop("wind_direction_deg"))
        # A calm has no direction.
        angle = tf.where(tf.equal(speed, 0.0), 0.0, angle) * (3.141592653589793 / 180)
        given |= {"wind_east": speed * tf.sin(angle), "wind_north": speed * tf.cos(angle)}
    time = given.pop("time", None)
    latitude, longitude = (
        _dense(given.pop(name)) if name in given else None for name in ("latitude_deg", "longitude_deg")
    )
    if time is not None:
        given |= _calendar(parse_times(_text(time)), latitude, longitude, config.task.label.steps)
    kinds = {name: features.get(name, FeatureKind.NUMERIC) for name in given}
    return transform_features(given, kinds)


def _calendar(
    micros: tf.Tensor, latitude: tf.Tensor | None, longitude: tf.Tensor | None, steps: int
) -> dict[str, tf.Tensor]:
    hours = tf.cast(micros // (_MICROS_AN_HOUR // 60), tf.float64) / 60
    zero = tf.zeros_like(hours)
    latitude, longitude = (
        zero if angle is None else tf.where(tf.math.is_finite(angle), tf.cast(angle, tf.float64), zero)
        for angle in (latitude, longitude)
    )
    solar_hours = hours + longitude / 15
    turn = 2 * 3.141592653589793
    outputs: dict[str, tf.Tensor] = {}
    for name, phase in (("hour", turn * solar_hours / 24), ("day", turn * solar_hours / _HOURS_A_YEAR)):
        for harmonic in (1, 2):
            outputs[f"{name}_sin_{harmonic}"] = tf.cast(tf.sin(harmonic * phase), tf.float32)
            outputs[f"{name}_cos_{harmonic}"] = tf.cast(tf.cos(harmonic * phase), tf.float32)
    if steps > 1:
        ahead = solar_hours[:, tf.newaxis] + tf.range(1, steps + 1, dtype=tf.float64)
        # 284 days before the first of January the sun crosses the equator northwards.
        days = tf.math.floormod(ahead / 24, _HOURS_A_YEAR / 24)
        declination = turn / 360 * _OBLIQUITY_DEG * tf.sin(turn * (284 + 1 + days) / (_HOURS_A_YEAR / 24))
        height = turn / 360 * latitude[:, tf.newaxis]
        sun = tf.sin(height) * tf.sin(declination) - tf.cos(height) * tf.cos(declination) * tf.cos(turn * ahead / 24)
        outputs["sun_ahead"] = tf.cast(sun, tf.float32)
    return outputs


def _possible(values: Any, limits: Limits) -> tf.Tensor:
    dense = _dense(values)
    return tf.where((dense >= limits.lowest) & (dense <= limits.highest), dense, float("nan"))


def _dense(values: Any) -> tf.Tensor:
    if isinstance(values, tf.SparseTensor):
        values = tf.sparse.to_dense(tf.cast(values, tf.float32), default_value=float("nan"))
    values = tf.cast(values, tf.float32)
    return tf.reshape(values, [-1]) if values.shape.rank == 2 and values.shape[1] in (None, 1) else values


def _text(values: Any) -> tf.Tensor:
    if isinstance(values, tf.SparseTensor):
        values = tf.sparse.to_dense(values, default_value="")
    return tf.reshape(values, [-1])
