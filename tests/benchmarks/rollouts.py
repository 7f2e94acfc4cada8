"""How often a rollout is judged rightly: simulated requests in virtual time, the real judge and look at pods.

    .venv/bin/python tests/benchmarks/rollouts.py [--rollouts 300] [--only worse] [--minutes 240] [--markdown]

Requests arrive as a Poisson process and are counted every 60 s, as Prometheus does where nothing else is set, at the
shares 10 and 50 %. A candidate that is as good should be promoted or, with too little traffic, held; a worse one should
never reach 50 %.

The judge is called at looks at which its verdict can be `worse` or, from `bake_minutes` on, `as_good`, by evidence
computed for all looks at once; `--every-look` calls it at every look, which takes twenty times as long.
"""

import argparse
import collections
import dataclasses
import itertools
import json
import math
import multiprocessing
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from yachay.deployment.canary import CanarySettings
from yachay.deployment.dispersion import Dispersion
from yachay.deployment.errors import CandidateError
from yachay.deployment.evidence import average, distance_margin, less_than, more_than
from yachay.deployment.health import Health
from yachay.deployment.judge import FALSE_ROLLBACKS, MISSED, NUM_COMPARISONS, TAIL, judge, tail_bound
from yachay.deployment.pods import SERVICE_LABEL
from yachay.deployment.prometheus import Traffic
from yachay.manifests.keys import MODEL_VERSION
from yachay.manifests.service import Model, Service
from yachay.serving.metrics import SECONDS
from yachay.serving.value_bins import bounds_of

SETTINGS = CanarySettings()
RATES = (0.5, 2.0, 20.0, 100.0)
SCRAPE_SECONDS = 60
BOUNDS = np.array([bound for bound in SECONDS._upper_bounds if math.isfinite(bound)])
NUM_GOLDEN = 64
LOOKS_DRAWN = 15
OUTAGE = 0.15
OUTAGES_A_LOOK = 1 / 25
BAR = math.log(sum(percent < 100 for percent in SETTINGS.steps) * NUM_COMPARISONS / FALSE_ROLLBACKS)

Counts = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Version:
    """How a version responds.

    Args:
        failed: float. Share of requests that fail.
        rejected: float. Share of requests that are rejected.
        seconds: float. Median of the latency, which is log-normal.
        spread: float. Standard deviation of its logarithm.
        classes: int. Number of classes, whose shares fall as 1, 1/2, 1/3, ...; 0 for a model of numbers.
        moved: float. Part of the rows of each class that go to the last class; of a model of numbers, by how many
            standard deviations its predictions, which are normal, are moved.
        unreached: float. Share of requests, and of probes, that its pods do not respond to.
        crash_seconds: float. How long its container runs on average until it crashes; 0 where it does not.
        burst: int. How many failures come together.
        outages: bool. Whether 15 % of the requests of a minute fail too, of both versions, once in 25 minutes.
        tail: float. Share of requests, the slowest, that take `tail_factor` times as long.
        tail_factor: float.
    """

    failed: float = 0.001
    rejected: float = 0.01
    seconds: float = 0.02
    spread: float = 0.5
    classes: int = 2
    moved: float = 0.0
    unreached: float = 0.0
    crash_seconds: float = 0.0
    burst: int = 1
    outages: bool = False
    tail: float = 0.0
    tail_factor: float = 1.0

    def shares(self) -> Counts:
        """Returns the shares `(C,)` of the predicted classes."""
        shares = 1 / np.arange(1, self.classes + 1)
        shares *= (1 - self.moved) / shares.sum()
        shares[-1] += self.moved
        return shares

    def slower(self) -> Counts:
        """Returns the chances `(B,)` that a request is slower than each bound."""
        latency = scipy.stats.lognorm(self.spread, scale=self.seconds)
        slow = latency.isf(self.tail)
        return np.where(slow > BOUNDS, latency.sf(BOUNDS), latency.sf(np.maximum(slow, BOUNDS / self.tail_factor)))


@dataclasses.dataclass(frozen=True)
class Counted:
    """What Prometheus has counted of a version at each look, from the start of a share."""

    requests: Counts
    failed: Counts
    rejected: Counts
    slower: Counts
    classes: Counts
    values: Counts
    value_bounds: Counts
    probes: Counts
    probes_failed: Counts

    def since(self, look: int) -> "Counted":
        """Returns what was counted at a look and at those after it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(Counted)}
        return Counted(**{name: of if name == "value_bounds" else of[look:] for name, of in fields.items()})

    def traffic(self, look: int) -> Traffic:
        """Returns the traffic as the judge takes it."""
        above = {-math.inf: float(self.values[look].sum())} if len(self.value_bounds) else {}
        rows = self.values[look][::-1].cumsum()[::-1]
        above |= dict(zip(self.value_bounds.tolist(), rows[1:].tolist(), strict=True))
        return Traffic(
            requests=float(self.requests[look]),
            failed=float(self.failed[look]),
            rejected=float(self.rejected[look]),
            slower=dict(zip(BOUNDS.tolist(), self.slower[look].tolist(), strict=True)),
            classes={str(index): float(count) for index, count in enumerate(self.classes[look]) if count},
            above=above,
            probes=float(self.probes[look]),
            probes_failed=float(self.probes_failed[look]),
        )


def bins_of(version: Version, generator: np.random.Generator) -> Counts:
    """Returns the bounds of a version's bins, by golden predictions of its own; none for a model of classes."""
    if version.classes:
        return np.array([])
    return bounds_of((version.moved + generator.standard_normal(NUM_GOLDEN)).tolist())


def count(
    version: Version, rate: float, outages: NDArray[np.bool_], bounds: Counts, generator: np.random.Generator
) -> Counted:
    """Returns what is counted of a version at each of a number of looks.

    Args:
        version: `Version`.
        rate: float. Requests a second that it gets.
        outages: bool array `(L,)`. The looks with an outage.
        bounds: array `(B,)`. Of the bins of its predictions.
        generator: numpy generator.
    """
    looks = len(outages)
    arrived = generator.poisson(rate * SCRAPE_SECONDS, looks)
    unreached = generator.binomial(arrived, version.unreached)
    reached = arrived - unreached
    failed = np.minimum(version.burst * generator.poisson(reached * version.failed / version.burst), reached)
    if version.burst == 1:
        failed = generator.binomial(reached, version.failed)
    failed += generator.binomial(reached - failed, OUTAGE * outages)
    rejected = generator.binomial(reached - failed, version.rejected / (1 - version.failed))
    outcomes = np.stack([failed, rejected, reached - failed - rejected], axis=1)
    slower = version.slower()
    bins = generator.multinomial(reached, [1 - slower[0], *(slower[:-1] - slower[1:]), slower[-1]])
    probes = np.full(looks, SCRAPE_SECONDS / SETTINGS.poll_seconds)
    classes, values = np.zeros((looks, 0)), np.zeros((looks, 1))
    if version.classes:
        classes = generator.multinomial(outcomes[:, 2], version.shares())
    else:
        edges = scipy.stats.norm.cdf([-math.inf, *bounds, math.inf], loc=version.moved)
        values = generator.multinomial(outcomes[:, 2], np.diff(edges))
    failed_probes = generator.binomial(probes.astype(int), version.unreached)
    return Counted(
        requests=arrived.cumsum(),
        failed=(outcomes[:, 0] + unreached).cumsum(),
        rejected=outcomes[:, 1].cumsum(),
        slower=bins[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].cumsum(axis=0),
        classes=classes.cumsum(axis=0),
        values=values.cumsum(axis=0),
        value_bounds=bounds,
        probes=probes.cumsum(),
        probes_failed=failed_probes.cumsum(),
    )


def joined(first: Counted, more: Counted) -> Counted:
    """Returns what is counted at the looks of both, one after the other."""
    fields = {field.name: getattr(first, field.name) for field in dataclasses.fields(Counted)}
    for name, counts in fields.items():
        if name != "value_bounds":
            fields[name] = np.concatenate([counts, getattr(more, name) + counts[-1:]])
    return Counted(**fields)


def may_be_worse(new: Counted, old: Counted) -> NDArray[np.bool_]:
    """Returns the looks at which a difference is above a limit and its evidence above the judge's bar.

    At no other is the verdict worse.
    """
    total, total_before = (np.maximum(one.requests, 1.0) for one in (new, old))
    found = more_than(new.failed, total, SETTINGS.max_error_rate) >= BAR
    slowest = new.slower[:, SETTINGS.max_p99_ms <= BOUNDS * 1000]
    found |= (slowest[:, 0] > 0.01 * total) & (more_than(slowest[:, 0], total, 0.01) >= BAR)
    found |= more_than(new.probes_failed, new.probes_failed + old.probes_failed, 0.5) >= BAR
    rows, rows_before = (np.maximum(_rows(one), 1.0) for one in (new, old))
    for hits, hits_before, of, of_before, limit, is_two_sided in (
        (new.failed[:, None], old.failed[:, None], total, total_before, SETTINGS.max_failed_increase, False),
        (new.rejected[:, None], old.rejected[:, None], total, total_before, SETTINGS.max_rejected_increase, False),
        (new.slower, old.slower, total, total_before, SETTINGS.worse_tail_increase, False),
        (new.classes, old.classes, rows, rows_before, SETTINGS.max_class_shift / max(new.classes.shape[1], 1), True),
        (*_above(new, old), rows, rows_before, SETTINGS.max_value_shift, True),
    ):
        more = hits / of[:, None] - hits_before / of_before[:, None]
        looks = np.flatnonzero(((abs(more) if is_two_sided else more) >= limit).any(axis=1) & ~found)
        if len(looks):
            part = (of / (of + of_before))[looks, None]
            seen, both = hits[looks], (hits + hits_before)[looks]
            evidence = [more_than(seen, both, part), *([less_than(seen, both, part)] if is_two_sided else [])]
            found[looks] |= average(np.concatenate(evidence, axis=1).T) >= BAR
    return np.asarray(found)


def may_be_as_good(new: Counted, old: Counted) -> NDArray[np.bool_]:
    """Returns the looks at which it may be known that a candidate is as good: at no other is that the verdict.

    The evidence is that at one of the shares that `no_worse` looks at.
    """
    looks = np.flatnonzero(new.requests >= SETTINGS.min_requests)
    if new.classes.shape[1]:
        rows, rows_before = (np.maximum(_rows(one), 1.0) for one in (new, old))
        moved = abs(new.classes / rows[:, None] - old.classes / rows_before[:, None]).sum(axis=1) / 2
        margins = np.array([distance_margin(rows[look], rows_before[look], MISSED) for look in looks])
        looks = looks[moved[looks] + margins <= SETTINGS.max_class_shift]
    for hits, hits_before, limit in (
        (new.failed[:, None], old.failed[:, None], SETTINGS.max_failed_increase),
        (new.rejected[:, None], old.rejected[:, None], SETTINGS.max_rejected_increase),
        (new.slower, old.slower, None),
    ):
        total, total_before = (np.maximum(one.requests[looks], 1.0)[:, None] for one in (new, old))
        seen, before = hits[looks], hits_before[looks]
        observed = before / total_before
        if limit is None:
            limit = np.clip(observed, SETTINGS.max_tail_increase, SETTINGS.max_slower_increase)
        error = np.sqrt((observed * (1 - observed) + 1 / total_before) / total_before)
        share = np.clip(observed - 1.5 * error, 0, 1 - 1e-9)
        below = np.where(share + limit < 1, less_than(seen, total, np.minimum(share + limit, 1 - 1e-9)), np.inf)
        evidence = average(np.stack([more_than(before, total_before, share), below]))
        looks = looks[(evidence >= -math.log(MISSED)).all(axis=1)]
    total, total_before = (np.maximum(one.requests[looks], 1.0) for one in (new, old))
    bar = -math.log(MISSED / 2)
    known = (more_than(old.slower[looks], total_before[:, None], TAIL) >= bar).sum(axis=1)
    uppers = [tail_bound(BOUNDS.tolist(), int(count), SETTINGS.max_p99_factor) for count in known]
    places = np.array([len(BOUNDS) if upper is None else np.searchsorted(BOUNDS, upper) for upper in uppers], int)
    slower = np.append(new.slower[looks], np.zeros((len(looks), 1)), axis=1)[np.arange(len(looks)), places]
    looks = looks[(less_than(slower, total, TAIL) >= bar) | (places == len(BOUNDS))]
    found = np.zeros(len(new.requests), bool)
    found[looks] = True
    return found


def _rows(one: Counted) -> Counts:
    return np.asarray(one.requests - one.failed - one.rejected)


def _above(new: Counted, old: Counted) -> tuple[Counts, Counts]:
    bounds = np.intersect1d(new.value_bounds, old.value_bounds)
    found = []
    for one in (new, old):
        below = one.values.cumsum(axis=1)[:, np.searchsorted(one.value_bounds, bounds)]
        found.append(one.values.sum(axis=1, keepdims=True) - below)
    return found[0], found[1]


class Pods:
    """The API of a cluster in which one container of a candidate crashes, in virtual time.

    kubelet restarts it at once after the first crash, then after 10, 20, 40, ... up to 300 seconds.
    """

    def __init__(self, crash_seconds: float, generator: np.random.Generator) -> None:
        self.now = 0.0
        self._phases: list[tuple[float, int, bool]] = []
        end, pause = 0.0, 0.0
        for restarts in range(200):
            self._phases.append((end + pause, restarts, True))
            end += pause + generator.exponential(crash_seconds)
            pause = 0.0 if restarts == 0 else min(10.0 * 2 ** (restarts - 1), 300.0)
            if pause:
                self._phases.append((end, restarts, False))

    def find(self, *_: Any) -> list[dict[str, Any]]:
        """Returns the candidate's pod as it is now."""
        _, restarts, is_running = [phase for phase in self._phases if phase[0] <= self.now][-1]
        waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
        ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}} if restarts or not is_running else {}
        container = {
            "name": "kserve-container",
            "restartCount": restarts,
            "state": {"running": {}} if is_running else waiting,
            "lastState": ended,
        }
        metadata = {"name": "pod", "labels": {SERVICE_LABEL: "m"}, "annotations": {MODEL_VERSION: "2"}}
        return [{"metadata": metadata, "status": {"containerStatuses": [container]}}]

    def get(self, _: Any, name: str) -> dict[str, Any]:
        """Returns the Deployment, with as many pods as run."""
        is_running = "running" in self.find()[0]["status"]["containerStatuses"][0]["state"]
        return {
            "metadata": {"name": name, "generation": 1},
            "spec": {"replicas": 1, "template": {"metadata": {"annotations": {MODEL_VERSION: "2"}}}},
            "status": {
                "observedGeneration": 1,
                "replicas": 1,
                "updatedReplicas": 1,
                "availableReplicas": int(is_running),
                "conditions": [],
            },
        }


def crash(seconds: float, generator: np.random.Generator) -> float:
    """Returns after how many seconds of a share a candidate whose container crashes is found; infinity where not."""

    def model(version: int) -> Model:
        return Model(
            storage_uri=f"gs://m/push-{version}", content_hash="0" * 64, trained_uri="t", image="i@sha256:" + "0" * 64
        )

    described = Service(name="m", namespace="n", model=model(1), mode="standard").canary(model(2), 10)
    pods = Pods(seconds, generator)
    health = Health(pods, described, SETTINGS)  # type: ignore[arg-type]
    while pods.now < SETTINGS.max_minutes * 60:
        pods.now += SETTINGS.poll_seconds
        try:
            health.look(pods.now)
        except CandidateError:
            return pods.now
    return math.inf


def roll_out(
    stable: Version,
    candidate: Version,
    rate: float,
    seed: int,
    *,
    max_minutes: float = SETTINGS.max_minutes,
    judges_every_look: bool = False,
) -> tuple[str, float]:
    """Returns how a rollout ends (`promoted`, `held at 10`, `rolled back at 10`, ...) and after how many minutes."""
    generator = np.random.default_rng(seed)
    bake, longest = (round(minutes * 60 / SCRAPE_SECONDS) for minutes in (SETTINGS.bake_minutes, max_minutes))
    bins = [bins_of(version, generator) for version in (candidate, stable)]
    minutes = 0.0
    for percent in SETTINGS.steps[:-1]:
        crashed = crash(candidate.crash_seconds, generator) if candidate.crash_seconds else math.inf
        state, look = "", -1
        counted: list[Counted] = []
        dispersion = Dispersion(SETTINGS.min_requests)
        while not state and look + 1 < longest:
            outages = (generator.random(LOOKS_DRAWN) < OUTAGES_A_LOOK) & stable.outages
            drawn = [
                count(version, rate * share, outages, bounds, generator)
                for version, share, bounds in zip(
                    (candidate, stable), (percent / 100, 1 - percent / 100), bins, strict=True
                )
            ]
            counted = [joined(*pair) for pair in zip(counted, drawn, strict=True)] if counted else drawn
            new, old = counted
            first = look + 1
            later = new.since(first), old.since(first)
            is_judged = may_be_worse(*later) | judges_every_look
            is_judged |= may_be_as_good(*later) & (np.arange(first, first + LOOKS_DRAWN) + 1 >= bake)
            for look in range(first, first + LOOKS_DRAWN):
                counts = (float(of[look]) for of in (new.requests, new.failed, new.rejected))
                effects = dispersion.add_to(Traffic(*counts), (look + 1) * SCRAPE_SECONDS)
                state = _state(new, old, look, effects, crashed, bool(is_judged[look - first]), look + 1 >= bake)
                if state:
                    break
        minutes += (look + 1) * SCRAPE_SECONDS / 60
        if state != "as good":
            return f"{state or 'held'} at {percent}", minutes
    return "promoted", minutes


def _state(
    new: Counted, old: Counted, look: int, effects: Traffic, crashed: float, is_judged: bool, is_baked: bool
) -> str:
    if crashed <= (look + 1) * SCRAPE_SECONDS:
        return "rolled back"
    verdict = "undecided"
    if is_judged:
        candidate = dataclasses.replace(
            new.traffic(look), failed_effect=effects.failed_effect, rejected_effect=effects.rejected_effect
        )
        verdict = judge(candidate, old.traffic(look), SETTINGS).state
    if verdict == "worse":
        return "rolled back"
    return "as good" if verdict == "as_good" and is_baked else ""


def cells() -> list[tuple[str, Version, Version]]:
    """Returns the name, the serving version and the candidate of each cell."""
    found = []
    for failed, classes, spread in itertools.product((0.0, 0.001, 0.005), (0, 2, 10, 50), (0.5, 1.5)):
        version = Version(failed=failed, seconds=0.01, classes=classes, spread=spread)
        predicts = f"{classes} classes" if classes else "numbers"
        found.append(
            (f"as good: {failed:.1%} fail, {predicts}, {'slow tail' if spread > 1 else 'even'}", version, version)
        )
    for burst in (5, 20):
        version = Version(failed=0.005, burst=burst)
        found.append((f"as good: bursts of {burst} failures", version, version))
    version = Version(failed=0.005, outages=True)
    found.append(("as good: outages of both", version, version))
    stable = Version()
    slow = Version(seconds=0.01, spread=1.5)
    found.append(
        (
            "worse: slowest 1.4 % of a slow tail take 2.2 times as long",
            slow,
            dataclasses.replace(slow, tail=0.014, tail_factor=2.2),
        )
    )
    for name, changes in {
        "all rejected (400)": {"rejected": 0.999, "failed": 0.001},
        "all fail (INTERNAL)": {"failed": 0.99, "rejected": 0.01},
        "5 points more fail": {"failed": 0.051},
        "5 points more fail, in bursts of 20": {"failed": 0.051, "burst": 20},
        "5 points more are rejected": {"rejected": 0.06},
        "all twice as slow": {"seconds": 0.04},
        # The logarithm of the 99th percentile is 2.33 spreads above that of the median.
        "99th percentile doubled": {"spread": 0.5 + math.log(2) / 2.326},
        "slowest 1.4 % take 2.2 times as long": {"tail": 0.014, "tail_factor": 2.2},
        # Of two classes, a distance of .33: one of .2, as three tenths make, is below the limit.
        "half of 2 classes moved": {"moved": 0.5},
        "half do not reach its pods": {"unreached": 0.5},
        "crashes after 20 s": {"crash_seconds": 20.0},
        "crashes after 2 min": {"crash_seconds": 120.0},
    }.items():
        found.append((f"worse: {name}", stable, dataclasses.replace(stable, **changes)))
    for classes in (10, 50):
        shares = Version(classes=classes)
        found.append((f"worse: half of {classes} classes moved", shares, dataclasses.replace(shares, moved=0.5)))
    numbers = Version(classes=0)
    for moved in (0.75, 1.5):
        name = f"worse: numbers moved by {moved:g} standard deviations"
        found.append((name, numbers, dataclasses.replace(numbers, moved=moved)))
    return found


@dataclasses.dataclass(frozen=True)
class Result:
    """How the rollouts of a cell ended.

    Args:
        name: string.
        rate: float. Requests a second.
        ends: mapping of how they ended to their number.
        minutes: float. Median.
    """

    name: str
    rate: float
    ends: dict[str, int]
    minutes: float

    @property
    def is_good(self) -> bool:
        """Whether the candidate is as good."""
        return self.name.startswith("as good")

    @property
    def total(self) -> int:
        """Number of rollouts."""
        return sum(self.ends.values())

    @property
    def wrong(self) -> int:
        """Rollouts of a candidate that is as good that were rolled back, or of a worse one that reached 50 %."""
        return sum(
            count for end, count in self.ends.items() if ("rolled back" in end if self.is_good else "at 10" not in end)
        )


def simulate(cell: tuple[tuple[str, Version, Version], float, int, float, bool]) -> Result:
    """Returns how the rollouts of a cell ended."""
    (name, stable, candidate), rate, rollouts, longest, judges_every_look = cell
    ends = [
        roll_out(stable, candidate, rate, seed, max_minutes=longest, judges_every_look=judges_every_look)
        for seed in range(rollouts)
    ]
    counts = collections.Counter(end for end, _ in ends)
    return Result(name, rate, dict(counts.most_common()), float(np.median([minutes for _, minutes in ends])))


def table(results: Sequence[Result]) -> str:
    """Returns the results as a table of Markdown: those that are as good together, each kind of worse one by itself."""
    rates = sorted({result.rate for result in results})
    lines = [f"| candidate | {' | '.join(f'{rate:g} requests/s' for rate in rates)} |", f"|---|{'---|' * len(rates)}"]
    good = [[one for one in results if one.rate == rate and one.is_good] for rate in rates]
    lines.append(f"| as good: rolled back, of all | {' | '.join(map(_share, good))} |")
    worst = [max(of_rate, key=lambda one: one.wrong, default=None) for of_rate in good]
    lines.append(
        f"| as good: rolled back, the worst cell | {' | '.join(_share([one] if one else []) for one in worst)} |"
    )
    lines.append(f"| as good: held, median minutes | {' | '.join(map(_held, good))} |")
    for name in dict.fromkeys(one.name for one in results if not one.is_good):
        cells = [[one for one in results if one.rate == rate and one.name == name] for rate in rates]
        texts = [f"{_share(cell)}; {_held(cell)}" if cell else "" for cell in cells]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _share(results: Sequence[Result]) -> str:
    wrong, total = sum(one.wrong for one in results), sum(one.total for one in results)
    if not total:
        return ""
    low, high = interval(wrong, total)
    return f"{wrong} of {total} ({low:.1%} to {high:.1%})"


def _held(results: Sequence[Result]) -> str:
    held = sum(count for one in results for end, count in one.ends.items() if end.startswith("held"))
    total = sum(one.total for one in results)
    return f"{held / total:.0%} held, {np.median([one.minutes for one in results]):.0f} min" if total else ""


def interval(wrong: int, total: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Clopper and Pearson)."""
    found = scipy.stats.binomtest(wrong, total).proportion_ci()
    return float(found.low), float(found.high)


def main() -> None:
    """Simulates and prints, a line of JSON a cell or a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=300)
    parser.add_argument("--only", default="", help="cells whose name contains this")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="requests a second")
    parser.add_argument(
        "--minutes", type=float, default=SETTINGS.max_minutes, help="how long a share is watched at most"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--markdown", action="store_true", help="a table at the end")
    parser.add_argument("--every-look", action="store_true", help="judge at every look")
    options = parser.parse_args()
    start = time.monotonic()
    wanted = [
        (cell, rate, options.rollouts, options.minutes, options.every_look)
        for cell, rate in itertools.product(cells(), options.rates)
        if options.only in cell[0]
    ]
    results = []
    with multiprocessing.Pool(options.processes) as pool:
        for result in pool.imap(simulate, wanted):
            results.append(result)
            low, high = interval(result.wrong, result.total)
            print(
                json.dumps(
                    {
                        "cell": result.name,
                        "requests_s": result.rate,
                        "wrong": result.wrong,
                        "interval": [round(low, 4), round(high, 4)],
                        "ends": result.ends,
                        "minutes": round(result.minutes, 1),
                    }
                ),
                flush=True,
            )
    if options.markdown:
        print(table(results))
    print(f"{len(results)} cells of {options.rollouts} rollouts in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
