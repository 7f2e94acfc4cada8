"""How the page writes numbers; its script turns them into the reader's format."""

import math
from typing import Protocol, TypeGuard

MISSING = "–"
MINUS = "\N{MINUS SIGN}"


class Interval(Protocol):
    """What has a lower and an upper end, either None where it is not known."""

    @property
    def low(self) -> float | None:
        """The lower end."""

    @property
    def high(self) -> float | None:
        """The upper end."""


def is_number(value: float | None) -> TypeGuard[float]:
    """Returns whether the value is a finite number."""
    return value is not None and math.isfinite(value)


def format_number(value: float | None, decimals: int = 3, *, is_signed: bool = False, is_fixed: bool = False) -> str:
    """Returns a number as text.

    Args:
        value: float or None.
        decimals: int. Digits behind the point of numbers below 10; larger numbers have fewer, integers none.
        is_signed: bool. Whether a positive number has a plus sign.
        is_fixed: bool. Whether all numbers have `decimals` digits.
    """
    if not is_number(value):
        return MISSING
    size = abs(value)
    if 0 < size < 1e-6 or size >= 1e12:
        return f"{value:.1e}".replace("-", MINUS)
    if not is_fixed:
        if isinstance(value, int) or size >= 1000:
            decimals = 0
        elif size >= 10:
            decimals = min(decimals, 1 if size >= 100 else 2)
        elif 0 < size < 0.5 * 10**-decimals:
            decimals = 1 - math.floor(math.log10(size))
    text = f"{size:,.{decimals}f}"
    if not text.strip("0.,"):
        return text
    return (MINUS if value < 0 else "+" if is_signed else "") + text


def format_percent(value: float | None, decimals: int = 1) -> str:
    """Returns a share of 1 in percent."""
    return f"{format_number(100 * value, decimals, is_fixed=True)}%" if is_number(value) else MISSING


def format_interval(estimate: Interval, decimals: int = 3, *, is_signed: bool = False) -> str:
    """Returns `[low; high]`, or nothing where the estimate has no interval."""
    if not is_number(estimate.low) or not is_number(estimate.high):
        return ""
    low, high = (format_number(end, decimals, is_signed=is_signed) for end in (estimate.low, estimate.high))
    return f"[{low}; {high}]"
