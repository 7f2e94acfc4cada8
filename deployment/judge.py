"""Whether a candidate does worse than the model that it is to replace."""

import math
from collections.abc import Mapping

from .canary import CanarySettings
from .prometheus import Traffic


def judge(candidate: Traffic, stable: Traffic, settings: CanarySettings) -> list[str]:
    """Returns what speaks against a candidate with enough traffic; empty where nothing does."""
    reasons = []
    error_rate = candidate.errors / candidate.requests
    if error_rate > settings.max_error_rate:
        reasons.append(
            f"{error_rate:.1%} of {candidate.requests:.0f} requests failed, more than {settings.max_error_rate:.1%}"
        )
    if candidate.p99_seconds is not None and candidate.p99_seconds * 1000 > settings.max_p99_ms:
        reasons.append(
            f"the 99th percentile of the latency is {candidate.p99_seconds * 1000:.0f} ms, more than "
            f"{settings.max_p99_ms:.0f} ms"
        )
    if min(sum(candidate.classes.values()), sum(stable.classes.values())) >= settings.min_requests:
        index = population_stability_index(stable.classes, candidate.classes)
        if index > settings.max_stability_index:
            reasons.append(
                f"the predicted classes differ: population stability index {index:.2f}, more than "
                f"{settings.max_stability_index:g} ({_shares(stable.classes)} before, {_shares(candidate.classes)} now)"
            )
    return reasons


def population_stability_index(expected: Mapping[str, float], actual: Mapping[str, float]) -> float:
    """Returns `sum((a - e) * ln(a / e))` over the shares of the classes, each count raised by one half.

    Without the half a class that one side lacks would make the index infinite.

    Args:
        expected: mapping of class to count.
        actual: mapping of class to count.
    """
    names = sorted({*expected, *actual})
    total_expected = sum(expected.values()) + len(names) / 2
    total_actual = sum(actual.values()) + len(names) / 2
    index = 0.0
    for name in names:
        share_expected = (expected.get(name, 0.0) + 0.5) / total_expected
        share_actual = (actual.get(name, 0.0) + 0.5) / total_actual
        index += (share_actual - share_expected) * math.log(share_actual / share_expected)
    return index


def _shares(classes: Mapping[str, float]) -> str:
    total = sum(classes.values())
    return ", ".join(f"{name} {count / total:.0%}" for name, count in sorted(classes.items()))
