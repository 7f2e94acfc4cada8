"""Timelines of the page: a number by window, with its interval, as paths of a drawing."""

import dataclasses
from collections.abc import Sequence

from ...web_page.numbers import format_interval, format_number
from ...web_page.plots import Scale, band, line, scale_of
from ..result import Comparison, Performance, WindowResult

WIDTH, HEIGHT = 360, 128
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 352, 10, 100


@dataclasses.dataclass(frozen=True)
class Ends:
    """The ends of an interval.

    Args:
        low: float or None.
        high: float or None.
    """

    low: float | None
    high: float | None


@dataclasses.dataclass(frozen=True)
class Timeline:
    """A number by window as a drawing.

    Args:
        line: string. Path through the values.
        bands: sequence of paths: the intervals.
        points: sequence of x, y, decision and text, one a window that has the number.
        bound: float or None. Y of the value from which on an alarm is raised, or of the value before.
        scale: `Scale` of the values.
        first: string. When the first window begins.
        last: string. When the last one does.
    """

    line: str
    bands: Sequence[str]
    points: Sequence[tuple[float, float, str, str]]
    bound: float | None
    scale: Scale
    first: str
    last: str


def of_comparisons(windows: Sequence[WindowResult], found: Sequence[Comparison | None], floor: float) -> Timeline:
    """Returns the distances of a feature by window."""
    given = [None if one is None or one.distance is None else one for one in found]
    return _timeline(
        windows,
        [None if one is None else one.distance for one in given],
        [Ends(*(one.interval or (None, None))) if one is not None else Ends(None, None) for one in given],
        ["" if one is None else one.decision for one in given],
        floor,
        include=(0.0, floor * 1.5),
    )


def of_performance(windows: Sequence[WindowResult], found: Sequence[Performance | None]) -> Timeline:
    """Returns a metric by window."""
    known = [one for one in found if one is not None]
    reference = next((one.reference for one in known if one.reference is not None), None)
    return _timeline(
        windows,
        [None if one is None else one.value for one in found],
        [Ends(*(one.interval or (None, None))) if one is not None else Ends(None, None) for one in found],
        ["" if one is None else one.decision for one in found],
        reference,
        include=() if reference is None else (reference,),
    )


def _timeline(
    windows: Sequence[WindowResult],
    values: Sequence[float | None],
    ends: Sequence[Ends],
    decisions: Sequence[str],
    bound: float | None,
    include: Sequence[float],
) -> Timeline:
    x = Scale(0, len(windows) - 1, _LEFT, _RIGHT) if len(windows) > 1 else Scale(-1, 1, _LEFT, _RIGHT)
    lows, highs = [one.low for one in ends], [one.high for one in ends]
    y = scale_of([*values, *lows, *highs], _BOTTOM, _TOP, include=include)
    places = list(range(len(windows)))
    points = [
        (
            x(place),
            y(value),
            decisions[place],
            f"{short(windows[place].start)}: {format_number(value)} {format_interval(ends[place])}",
        )
        for place, value in enumerate(values)
        if value is not None
    ]
    return Timeline(
        line=line(places, values, x, y),
        bands=band(places, lows, highs, x, y),
        points=points,
        bound=None if bound is None else y(bound),
        scale=y,
        first=short(windows[0].start) if windows else "",
        last=short(windows[-1].start) if len(windows) > 1 else "",
    )


def short(time: str) -> str:
    """Returns a time as the page shows it, without the time of a day that begins."""
    day, _, clock = time.partition("T")
    return day if clock.startswith("00:00:00") else f"{day} {clock[:5]}"
