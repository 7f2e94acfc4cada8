"""Where the marks of a plot stand: scales, ticks and the paths of SVG."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

from .numbers import format_number, is_number

DEFAULT_NUM_TICKS = 4

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Area:
    """Where the axes of a plot stand in its drawing."""

    left: float
    right: float
    top: float
    bottom: float


PLOT = Area(left=42, right=350, top=26, bottom=196)


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear map from values to units of the drawing.

    Args:
        low: float. Value at `start`.
        high: float. Value at `end`, above `low`.
        start: float. Unit of the drawing.
        end: float. Unit of the drawing.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Returns where the value stands; beyond the ends it stands at the end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, num_ticks: int = DEFAULT_NUM_TICKS) -> list[tuple[float, str]]:
        """Returns about `num_ticks` round values within the scale, each with its label."""
        step = nice_step(self.high - self.low, num_ticks)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(k * step, format_number(k * step, decimals, is_fixed=True)) for k in range(first, last + 1)]


def nice_step(span: float, num_steps: int) -> float:
    """Returns a step of 1, 2 or 5 times a power of ten, that cuts the span into about `num_steps`."""
    rough = span / num_steps
    power: float = 10.0 ** math.floor(math.log10(rough))
    return min((1, 2, 5, 10), key=lambda factor: abs(factor * power - rough)) * power


def scale_of(values: Iterable[float | None], start: float, end: float, *, include: Sequence[float] = ()) -> Scale:
    """Returns a scale with round ends that holds the values and those of `include`; None and NaN are left out."""
    kept = [float(value) for value in (*values, *include) if is_number(value)]
    low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    step = nice_step(high - low, DEFAULT_NUM_TICKS)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end)


def padded_scale(values: Iterable[float | None], start: float, end: float) -> Scale:
    """Returns a scale whose ends lie a tenth of their span beyond the values; None and NaN are left out."""
    kept = [float(value) for value in values if is_number(value)]
    low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
    margin = (high - low) / 10 or 0.5
    return Scale(low - margin, high + margin, start, end)


def line(xs: Sequence[float], ys: Sequence[float | None], x: Scale, y: Scale) -> str:
    """Returns the path through the points; it is broken where a value is None, and points that coincide are dropped."""
    parts: list[str] = []
    last = ""
    command = "M"
    for x_value, y_value in zip(xs, ys, strict=True):
        if not is_number(y_value):
            command, last = "M", ""
            continue
        point = f"{x(x_value):g},{y(y_value):g}"
        if point != last:
            parts.append(command + point)
        command, last = "L", point
    return "".join(parts)


def band(
    xs: Sequence[float], lower: Sequence[float | None], upper: Sequence[float | None], x: Scale, y: Scale
) -> list[str]:
    """Returns the paths of the area between two lines, one for each stretch where both have values."""
    stretches: list[list[int]] = [[]]
    for i in range(len(xs)):
        if is_number(lower[i]) and is_number(upper[i]):
            stretches[-1].append(i)
        elif stretches[-1]:
            stretches.append([])
    paths = []
    for stretch in filter(None, stretches):
        out = line([xs[i] for i in stretch], [upper[i] for i in stretch], x, y)
        back = line([xs[i] for i in reversed(stretch)], [lower[i] for i in reversed(stretch)], x, y)
        paths.append(f"{out}L{back[1:]}Z")
    return paths


def thin(items: Sequence[T], limit: int) -> list[T]:
    """Returns at most `limit` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= limit:
        return list(items)
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]
