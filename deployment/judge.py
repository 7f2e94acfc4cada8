"""Whether a candidate does worse than the model that it is to replace, as well, or whether that is not known yet."""

import bisect
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from .canary import CanarySettings
from .evidence import Numbers, changed, distance, distance_margin, increased, less_than, more_than, no_worse
from .prometheus import Traffic

FALSE_ROLLBACKS = 0.01
"""The most of the candidates that are as good that are rolled back, over all comparisons and steps."""
MISSED = 0.05
"""The most of the candidates that are worse by a limit that pass a step."""
NUM_COMPARISONS = 7
"""How many comparisons share `FALSE_ROLLBACKS` at a step."""
TAIL = 0.01
"""The share of the requests that take longer than the 99th percentile."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the requests of a step say.

    Args:
        state: `"worse"`, `"as_good"` or `"undecided"`.
        reasons: list of strings. What speaks against the candidate, or what is not known yet.
    """

    state: Literal["worse", "as_good", "undecided"]
    reasons: list[str]


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """Requests of one kind, of both versions; of several kinds that contain one another, such as slow and slower.

    Args:
        words: list of K strings. What the requests of each kind did.
        hits: array `(K,)`. Of the candidate's.
        hits_before: array `(K,)`. Of the stable version's.
        total: float. All requests to the candidate.
        total_before: float. To the stable version.
        limits: array `(K,)`. Increases below which it is as good.
        least: array `(K,)`. Increases from which on it is worse.
        effect: float. The design effect of the candidate's hits.
    """

    words: list[str]
    hits: Numbers
    hits_before: Numbers
    total: float
    total_before: float
    limits: Numbers
    least: Numbers
    effect: float = 1.0


def judge(candidate: Traffic, stable: Traffic, settings: CanarySettings) -> Verdict:
    """Compares two versions by their requests over the same time.

    A candidate is worse where the share of its requests that failed, were rejected or were slow is above the stable
    version's by a limit and by more than chance (`FALSE_ROLLBACKS`), where it predicts other classes or numbers by as
    much, where its pods do not respond when asked, or where it is above an absolute limit and above the stable version
    by more than chance. It is as good where each difference of its requests is below its limit by more than chance
    (`MISSED`), its 99th percentile less than `max_p99_factor` times the stable version's, likewise, and it is below the
    absolute limits as far as is known. For either, failures that come together are less evidence than as many on their
    own.
    """
    steps = max(1, sum(percent < 100 for percent in settings.steps))
    bar = math.log(steps * NUM_COMPARISONS / FALSE_ROLLBACKS)
    if silent := _silent(candidate, stable, settings, bar):
        return Verdict("worse", [silent])
    if candidate.requests < settings.min_requests:
        return Verdict("undecided", [f"too few requests: {candidate.requests:.0f} of at least {settings.min_requests}"])
    is_compared = stable.requests >= settings.min_requests
    above, above_both = _above(candidate, stable if is_compared else None, settings, bar)
    if not is_compared:
        few = f"too few requests to the serving version: {stable.requests:.0f} of at least {settings.min_requests}"
        return Verdict("worse", above) if above else Verdict("undecided", [few])
    comparisons = list(_comparisons(candidate, stable, settings))
    worse = [reason for one in comparisons if (reason := _worse(one, bar))] or above
    shift, unknown_shift = (_moved if candidate.above or stable.above else _shift)(candidate, stable, settings, bar)
    if worse or shift:
        return Verdict("worse", worse + shift)
    unknown = [reason for one in comparisons if (reason := _unknown(one))]
    unknown += _unknown_tail(candidate, stable, settings)
    unknown += [*unknown_shift, *above_both]
    return Verdict("undecided", unknown) if unknown else Verdict("as_good", [])


def _comparisons(candidate: Traffic, stable: Traffic, settings: CanarySettings) -> Iterator[_Comparison]:
    totals = candidate.requests, stable.requests
    for what, hits, hits_before, limit, effect in (
        ("failed", candidate.failed, stable.failed, settings.max_failed_increase, candidate.failed_effect),
        (
            "were rejected",
            candidate.rejected,
            stable.rejected,
            settings.max_rejected_increase,
            candidate.rejected_effect,
        ),
    ):
        limits = np.array([limit])
        yield _Comparison([what], np.array([hits]), np.array([hits_before]), *totals, limits, limits, effect)
    bounds = _common_bounds(candidate, stable)
    if bounds:
        slower, slower_before = (np.array([one.slower[bound] for bound in bounds]) for one in (candidate, stable))
        words = [f"took more than {bound * 1000:g} ms" for bound in bounds]
        # Of a tail of 1 %, 3 points more are as grave as 10 of the half.
        shares = slower_before / stable.requests
        limits = np.clip(shares, settings.max_tail_increase, settings.max_slower_increase)
        least = np.clip(shares, min(settings.worse_tail_increase, settings.max_tail_increase), limits)
        yield _Comparison(words, slower, slower_before, *totals, limits, least)


def _worse(one: _Comparison, bar: float) -> str | None:
    shares, shares_before = one.hits / max(one.total, 1), one.hits_before / one.total_before
    more = shares - shares_before
    if (more < one.least).all():
        return None
    worst = int(np.where(more < one.least, -np.inf, more / one.limits).argmax())
    hits, hits_before = one.hits / one.effect, one.hits_before / one.effect
    if increased(hits, one.total, hits_before, one.total_before) < bar:
        return None
    return (
        f"{shares[worst]:.1%} of {one.total:.0f} requests {one.words[worst]}, of the serving version "
        f"{shares_before[worst]:.1%} of {one.total_before:.0f} at the same time"
    )


def _unknown(one: _Comparison) -> str | None:
    """What is not known yet, of the kind that least is known of."""
    # Most requests are faster, or slower, than several bounds.
    (hits, hits_before, limits), kinds = np.unique([one.hits, one.hits_before, one.limits], axis=1, return_index=True)
    totals = one.total / one.effect, one.total_before / one.effect
    evidence = no_worse(hits / one.effect, totals[0], hits_before / one.effect, totals[1], limits)
    if evidence.min() >= -math.log(MISSED):
        return None
    kind = kinds[evidence.argmin()]
    return f"whether at most {one.limits[kind]:.1%} more of its requests {one.words[kind]}"


def _unknown_tail(candidate: Traffic, stable: Traffic, settings: CanarySettings) -> list[str]:
    """What is not known yet of the candidate's 99th percentile.

    It is less than `f` times the stable version's where 1 % or more of the stable version's requests take longer than
    some bound, and less than 1 % of the candidate's longer than `f` times that bound. Half of `MISSED` each is for the
    evidence of either: bounds contain one another, so that one of them decides for all.
    """
    bounds = _common_bounds(candidate, stable)
    bar = -math.log(MISSED / 2)
    num_known = sum(bool(more_than(stable.slower[bound], stable.requests, TAIL) >= bar) for bound in bounds)
    upper = tail_bound(bounds, num_known, settings.max_p99_factor)
    if upper is None or less_than(candidate.slower[upper], candidate.requests, TAIL) >= bar:
        return []
    return [f"whether its 99th percentile is less than {settings.max_p99_factor:g} times the serving version's"]


def tail_bound(bounds: Sequence[float], num_known: int, factor: float) -> float | None:
    """Returns the bound that a candidate's 99th percentile must be below; None where the histogram has none.

    Where its bounds are too far apart it is the second after the highest known one: between that and the next the
    stable version's percentile may lie anywhere.

    Args:
        bounds: sequence of floats, ascending.
        num_known: int. How many of them, from the lowest, the stable version's percentile is known to be above.
        factor: float. Times that percentile.
    """
    within = bisect.bisect_right(bounds, factor * bounds[num_known - 1]) if num_known else 0
    place = max(num_known + 1, within - 1)
    return bounds[place] if place < len(bounds) else None


def _common_bounds(candidate: Traffic, stable: Traffic) -> list[float]:
    """Returns the bounds of both histograms: servers of earlier images have fewer."""
    return sorted({*candidate.slower} & {*stable.slower})


def _silent(candidate: Traffic, stable: Traffic, settings: CanarySettings, bar: float) -> str | None:
    """What says that its pods do not respond, asked as often as the serving version's."""
    failed, failed_before, asked = candidate.probes_failed, stable.probes_failed, candidate.probes
    if not asked or (failed - failed_before) / asked < settings.max_failed_increase:
        return None
    if increased(np.array([failed]), asked, np.array([failed_before]), stable.probes) < bar:
        return None
    return (
        f"its pods did not respond {failed:.0f} of {asked:.0f} times they were asked, those of the serving version "
        f"{failed_before:.0f} times"
    )


def _above(
    candidate: Traffic, stable: Traffic | None, settings: CanarySettings, bar: float
) -> tuple[list[str], list[str]]:
    """What is above an absolute limit: in the candidate more than in the stable version, if there is one; in both."""
    before, requests = stable or Traffic(0), candidate.requests
    words = f"failed, more than {settings.max_error_rate:.1%}"
    limits = [(candidate.failed, before.failed, settings.max_error_rate, words, candidate.failed_effect)]
    known = sorted(candidate.slower) if stable is None else _common_bounds(candidate, stable)
    bounds = [bound for bound in known if bound * 1000 >= settings.max_p99_ms]
    if bounds:
        words = f"took more than {bounds[0] * 1000:g} ms: the 99th percentile is above {settings.max_p99_ms:g} ms"
        slower, slower_before = (one.slower.get(bounds[0], 0.0) for one in (candidate, before))
        limits.append((slower, slower_before, TAIL, words, 1.0))
    worse, of_both = [], []
    for hits, hits_before, share, words, effect in limits:
        if more_than(hits / effect, requests / effect, share) < bar:
            continue
        reason = f"{hits / requests:.1%} of {requests:.0f} requests {words}"
        if stable is None or increased(hits / effect, requests, hits_before / effect, stable.requests) >= bar:
            worse.append(reason)
        else:
            of_both.append(f"{reason}; of the serving version {hits_before / stable.requests:.1%} at the same time")
    return worse, of_both


def _shift(candidate: Traffic, stable: Traffic, settings: CanarySettings, bar: float) -> tuple[list[str], list[str]]:
    """What says that the predicted classes differ, and what is not known of them yet."""
    new, old = candidate.classes_of_requests(), stable.classes_of_requests()
    if not new or not old:
        return [], []
    names, total, total_before = sorted({*new, *old}), sum(new.values()), sum(old.values())
    moved = distance(new, old)
    counts, counts_before = (np.array([one.get(name, 0.0) for name in names]) for one in (new, old))
    if moved >= settings.max_class_shift and changed(counts, total, counts_before, total_before) >= bar:
        return [
            f"the predicted classes differ by {moved:.0%} of the requests, more than {settings.max_class_shift:.0%} "
            f"({_shares(old)} before, {_shares(new)} now)"
        ], []
    if moved + distance_margin(total, total_before, MISSED) <= settings.max_class_shift:
        return [], []
    return [], [f"whether the predicted classes of at most {settings.max_class_shift:.0%} of its requests differ"]


def _moved(candidate: Traffic, stable: Traffic, settings: CanarySettings, bar: float) -> tuple[list[str], list[str]]:
    """What says that the predicted numbers differ, and what is not known of them yet."""
    new, old, limit = candidate.above_of_requests(), stable.above_of_requests(), settings.max_value_shift
    bounds = sorted({*new} & {*old} - {-math.inf})
    unknown = f"whether the predicted numbers of at most {limit:.0%} of its requests differ"
    if not bounds:
        return [], [f"{unknown}: their bins have no bound in common"]
    total, total_before = new[-math.inf], old[-math.inf]
    hits, hits_before = (np.array([one[bound] for bound in bounds]) for one in (new, old))
    shares, shares_before = hits / total, hits_before / total_before
    most = int(abs(shares - shares_before).argmax())
    moved = abs(shares[most] - shares_before[most])
    if moved >= limit and changed(hits, total, hits_before, total_before) >= bar:
        return [
            f"the predicted numbers differ by {moved:.0%} of the requests, more than {limit:.0%} "
            f"({shares_before[most]:.0%} above {bounds[most]:g} before, {shares[most]:.0%} now)"
        ], []
    if moved + distance_margin(total, total_before, MISSED) <= limit:
        return [], []
    return [], [unknown]


def _shares(classes: dict[str, float]) -> str:
    total = sum(classes.values())
    return ", ".join(f"{name} {count / total:.0%}" for name, count in sorted(classes.items()))
