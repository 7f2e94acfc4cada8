"""How often a rollout is judged rightly: simulated requests, the real judge.

    .venv/bin/python tests/benchmarks/rollouts.py [--rollouts 300]

Requests arrive as a Poisson process and are counted every 15 s, as Prometheus does, or every 60 s below 5 requests a
second, at the shares 10 and 50 %. A candidate that is as good should be promoted or, with too little traffic, held; a
worse one should never reach 50 %.
"""

import argparse
import collections
import dataclasses
import itertools
import json
import math

import numpy as np

from yachay.deployment.canary import CanarySettings
from yachay.deployment.judge import judge
from yachay.deployment.prometheus import Traffic
from yachay.serving.metrics import SECONDS

SETTINGS = CanarySettings()
RATES = (0.5, 2.0, 20.0, 100.0)
BOUNDS = np.array([bound for bound in SECONDS._upper_bounds if math.isfinite(bound)])


@dataclasses.dataclass(frozen=True)
class Version:
    """How a version responds.

    Args:
        failed: float. Share of requests that fail.
        rejected: float. Share of requests that are rejected.
        seconds: float. Median of the latency, which is log-normal.
        spread: float. Standard deviation of its logarithm.
        classes: int. Number of classes, whose shares fall as 1, 1/2, 1/3, ...
        moved: float. Part of the rows of each class that go to the last class.
    """

    failed: float = 0.001
    rejected: float = 0.01
    seconds: float = 0.02
    spread: float = 0.5
    classes: int = 2
    moved: float = 0.0

    def shares(self) -> np.ndarray:
        shares = 1 / np.arange(1, self.classes + 1)
        shares *= (1 - self.moved) / shares.sum()
        shares[-1] += self.moved
        return shares


class Counted:
    """What Prometheus has counted of a version."""

    def __init__(self, version: Version, generator: np.random.Generator) -> None:
        self._version, self._generator, self._shares = version, generator, version.shares()
        self._outcomes, self._slower, self._classes = np.zeros(3), np.zeros(len(BOUNDS)), np.zeros(version.classes)

    def add(self, expected: float) -> None:
        count = int(self._generator.poisson(expected))
        version = self._version
        outcomes = self._generator.multinomial(
            count, [version.failed, version.rejected, 1 - version.failed - version.rejected]
        )
        seconds = version.seconds * np.exp(version.spread * self._generator.standard_normal(count))
        self._outcomes += outcomes
        self._slower += (seconds[:, None] > BOUNDS).sum(axis=0)
        self._classes += self._generator.multinomial(outcomes[2], self._shares)

    def traffic(self) -> Traffic:
        return Traffic(
            requests=float(self._outcomes.sum()), failed=float(self._outcomes[0]), rejected=float(self._outcomes[1]),
            slower=dict(zip(BOUNDS.tolist(), self._slower.tolist(), strict=True)),
            classes={str(index): float(count) for index, count in enumerate(self._classes) if count},
        )  # fmt: skip


def roll_out(stable: Version, candidate: Version, rate: float, seed: int) -> tuple[str, float]:
    """Returns how a rollout ends (`promoted`, `held at 10`, `rolled back at 10`, ...) and after how many minutes."""
    generator = np.random.default_rng(seed)
    seconds, scrape_seconds = 0, 60 if rate < 5 else 15
    for percent in SETTINGS.steps[:-1]:
        new, old = Counted(candidate, generator), Counted(stable, generator)
        start = seconds
        while True:
            seconds += scrape_seconds
            new.add(rate * scrape_seconds * percent / 100)
            old.add(rate * scrape_seconds * (100 - percent) / 100)
            verdict = judge(new.traffic(), old.traffic(), SETTINGS)
            minutes = (seconds - start) / 60
            if verdict.state == "worse":
                return f"rolled back at {percent}", seconds / 60
            if verdict.state == "as_good" and minutes >= SETTINGS.bake_minutes:
                break
            if minutes >= SETTINGS.max_minutes:
                return f"held at {percent}", seconds / 60
    return "promoted", seconds / 60


def cells() -> list[tuple[str, Version, Version]]:
    """Returns the name, the serving version and the candidate of each cell."""
    found = []
    for failed, classes, spread in itertools.product((0.0, 0.001, 0.005), (2, 10, 50), (0.5, 1.5)):
        version = Version(failed=failed, seconds=0.01, classes=classes, spread=spread)
        found.append((f"as good: {failed:.1%} fail, {classes} classes, spread {spread}", version, version))
    stable = Version()
    for name, changes in {
        "all rejected": {"rejected": 0.999, "failed": 0.001},
        "all failed": {"failed": 0.99, "rejected": 0.01},
        "5 points more fail": {"failed": 0.051},
        "5 points more are rejected": {"rejected": 0.06},
        "twice as slow": {"seconds": 0.04},
        # Of two classes, a distance of .33: one of .2, as three tenths make, is below the limit.
        "half in another class": {"moved": 0.5},
        "one class": {"moved": 1.0},
    }.items():
        found.append((f"worse: {name}", stable, dataclasses.replace(stable, **changes)))
    tailed = Version(seconds=0.05, spread=0.8)
    found.append(("worse: the tail twice as slow", tailed, dataclasses.replace(tailed, spread=1.1)))
    fifty = Version(classes=50)
    found.append(("worse: 50 classes, half in another", fifty, dataclasses.replace(fifty, moved=0.5)))
    return found


def main() -> None:
    """Simulates and prints, a line a cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=300)
    parser.add_argument("--only", default="", help="cells whose name contains this")
    options = parser.parse_args()
    for (name, stable, candidate), rate in itertools.product(cells(), RATES):
        if options.only not in name:
            continue
        ends = [roll_out(stable, candidate, rate, seed) for seed in range(options.rollouts)]
        counts = collections.Counter(end for end, _ in ends)
        minutes = float(np.median([minutes for _, minutes in ends]))
        shares = {end: round(count / len(ends), 3) for end, count in counts.most_common()}
        print(json.dumps({"cell": name, "requests_s": rate, "ends": shares, "minutes": round(minutes, 1)}), flush=True)


if __name__ == "__main__":
    main()
