"""How often the page's 95 % intervals hold the true value, and how often its test of groups finds a gap that is not.

Records are drawn from made-up populations whose numbers are known, and the report's own code makes the intervals. Each
line has, for each number, the share of the intervals shown that hold the true value, and the share of draws with one.

    .venv/bin/python tests/benchmarks/coverage.py [--draws 500] [--sizes 10 29 ...] [--only shares|metrics|groups|alike]
"""

import argparse
import collections
import json
from collections.abc import Iterator, Mapping

import numpy as np

from yachay.components.evaluation_report.analysis.classification import classification
from yachay.components.evaluation_report.analysis.fairness import adjusted, fairness
from yachay.components.evaluation_report.analysis.predictions import Column
from yachay.components.evaluation_report.analysis.regression import regression
from yachay.components.evaluation_report.analysis.resampling import Resamples
from yachay.components.evaluation_report.analysis.slices import metric_estimates
from yachay.components.evaluation_report.report import Estimate
from yachay.components.evaluator.metric import task_metrics
from yachay.components.features import FeatureKind, Problem
from yachay.components.prediction_task import Label, PredictionTask

SIZES = (10, 16, 29, 50, 100, 300, 1000, 5000)
SHARES = (0.5, 0.7, 0.9, 0.95, 0.99)
NUM_CLUSTERS = (10, 12, 20, 30, 100)
POPULATION = 200_000
LABELS = ("a", "b", "c")

Records = tuple[np.ndarray, np.ndarray]


def classes(
    generator: np.random.Generator, shares: tuple[float, ...], strength: float, effects: object = 0.0
) -> Records:
    """Returns labels and scores of a population; `strength` is how much the scores know."""
    labels = generator.choice(len(shares), POPULATION, p=shares)
    logits = generator.standard_normal((POPULATION, len(shares))) + np.log(shares) + effects
    logits[np.arange(POPULATION), labels] += strength
    scores = np.exp(logits)
    return labels, scores / scores.sum(axis=1, keepdims=True)


def numbers(generator: np.random.Generator, freedom: float, effects: object = 0.0) -> Records:
    """Returns labels and predictions whose errors have Student's distribution."""
    labels = generator.standard_normal(POPULATION) * 3
    return labels, labels + generator.standard_t(freedom, POPULATION) + effects


def measured(labels: np.ndarray, predictions: np.ndarray, resamples: Resamples) -> dict[str, Estimate]:
    """Returns the report's numbers of records."""
    is_class = predictions.ndim == 2
    names = LABELS[: predictions.shape[1]] if is_class else ()
    task = PredictionTask(
        problem=Problem.CLASSIFICATION if is_class else Problem.REGRESSION,
        label=Label(name="y", values=names, ordered=len(names) > 2),
        features={"x": FeatureKind.NUMERIC},
    )
    found = metric_estimates(task_metrics(task), labels, predictions, resamples)
    if not is_class:
        [row] = regression(labels, predictions, resamples, baselines={"zero": np.zeros_like(labels)}).tables[0].rows
        return found | {"bias": row.bias, "skill": row.skill["zero"]}
    whole, _ = classification(labels, predictions, names, resamples, names[-1])
    last = whole.classes[-1]
    of_class = ("auc", "average_precision", "expected_calibration_error", "brier", "precision", "recall", "f1")
    return found | {"log_loss": whole.log_loss, "brier of all": whole.brier} | {
        f"{name} of the last class": getattr(last, name) for name in of_class
    }  # fmt: skip


class Counts:
    """Counts how often intervals were shown, and held the true value."""

    def __init__(self, true: Mapping[str, float | None]) -> None:
        self._true = true
        self._shown: collections.Counter[str] = collections.Counter()
        self._held: collections.Counter[str] = collections.Counter()

    def add(self, found: Mapping[str, Estimate]) -> None:
        for name, one in found.items():
            true = self._true[name]
            if one.low is not None and one.high is not None and true is not None:
                self._shown[name] += 1
                self._held[name] += one.low - 1e-9 <= true <= one.high + 1e-9

    def summary(self, draws: int) -> dict[str, list[float]]:
        return {name: [round(self._held[name] / n, 3), round(n / draws, 2)] for name, n in self._shown.items()}


def values(found: Mapping[str, Estimate]) -> dict[str, float | None]:
    return {name: one.value for name, one in found.items()}


def of_shares(sizes: list[int], draws: int) -> Iterator[dict[str, object]]:
    """The score interval alone: its coverage swings with the share and the records, for both are whole numbers."""
    for size in sizes:
        counts = Counts({str(share): share for share in SHARES})
        nothing = Resamples(2, 1, 0)
        for draw in range(20 * draws):
            hits = np.random.default_rng(draw).binomial(size, SHARES)
            of = np.full(2, float(size))
            counts.add({str(p): nothing.share(np.full(2, float(one)), of) for p, one in zip(SHARES, hits, strict=True)})
        yield {"population": "shares", "records": size, **counts.summary(20 * draws)}


def of_metrics(sizes: list[int], draws: int, num_resamples: int, beginning: str = "") -> Iterator[dict[str, object]]:
    """Records on their own."""
    generator = np.random.default_rng(0)
    populations = {
        "2 classes": classes(generator, (0.5, 0.5), 2.0),
        "2 classes, nearly always right": classes(generator, (0.7, 0.3), 4.0),
        "3 classes": classes(generator, (0.5, 0.32, 0.18), 1.5),
        "2 classes, one hardly predicted": classes(generator, (0.9, 0.1), 0.75),
        "numbers": numbers(generator, 30),
        "numbers, heavy tails": numbers(generator, 5),
        "numbers, tails without variance": numbers(generator, 3),
    }
    for name, (labels, predictions) in populations.items():
        if not name.startswith(beginning):
            continue
        true = values(measured(labels, predictions, Resamples(POPULATION, 0, 0)))
        for size in sizes:
            counts = Counts(true)
            for draw in range(draws):
                rows = np.random.default_rng(draw).integers(0, POPULATION, size)
                counts.add(measured(labels[rows], predictions[rows], Resamples(size, num_resamples, draw)))
            yield {"population": name, "records": size, **counts.summary(draws)}


def of_groups(draws: int, num_resamples: int) -> Iterator[dict[str, object]]:
    """Records in groups of 5 to 35 that are alike within."""
    generator = np.random.default_rng(1)
    sizes = generator.integers(5, 36, POPULATION)
    clusters = np.repeat(np.arange(POPULATION), sizes)[:POPULATION]
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))
    num = len(starts) - 1
    populations = {
        "3 classes": classes(generator, (0.5, 0.32, 0.18), 1.5, generator.standard_normal((num + 1, 3))[clusters]),
        "numbers": numbers(generator, 30, 0.7 * generator.standard_normal(num + 1)[clusters]),
    }
    for name, (labels, predictions) in populations.items():
        true = values(measured(labels, predictions, Resamples(POPULATION, 0, 0)))
        for count in NUM_CLUSTERS:
            counts = Counts(true)
            for draw in range(draws):
                drawn = np.random.default_rng(draw).integers(0, num, count)
                rows = np.concatenate([np.arange(starts[one], starts[one + 1]) for one in drawn])
                own = np.repeat(np.arange(count), starts[drawn + 1] - starts[drawn])
                resamples = Resamples(len(rows), num_resamples, draw, own)
                counts.add(measured(labels[rows], predictions[rows], resamples))
            yield {"population": f"{name}, in groups", "groups": count, **counts.summary(draws)}


def of_alike(draws: int) -> Iterator[dict[str, object]]:
    """Groups that are all alike: how often a report shows a gap."""
    for num_groups, size, num_clusters in (
        (2, 100, 0), (4, 200, 0), (8, 400, 0), (8, 1600, 0), (20, 600, 0), (4, 600, 20), (8, 1600, 40),
    ):  # fmt: skip
        gap = any_alike = any_adjusted = shown = 0
        for draw in range(draws):
            generator = np.random.default_rng(draw)
            effects, clusters = np.zeros(size), None
            if num_clusters:
                clusters = generator.integers(0, num_clusters, size)
                effects = 0.7 * generator.standard_normal(num_clusters)[clusters]
            labels = (generator.standard_normal(size) + effects > 0.8).astype(np.int64)
            predicted = np.where(generator.random(size) < 0.8, labels, 1 - labels)
            columns = {
                name: Column(tuple(map(str, range(num_groups))), generator.integers(0, num_groups, size))
                for name in ("one", "other")
            }
            found = adjusted(
                list(
                    fairness(
                        columns,
                        list(columns),
                        labels,
                        predicted,
                        {"yes": 1},
                        Resamples(size, 200, draw, clusters),
                        10,
                        (),
                    )
                )
            )
            tests = [test for one in found for test in one.alike.values()]
            gaps = [one.low > 0 for one in found for one in one.gaps.values() if one.low is not None]
            shown += bool(gaps)
            gap += found[0].gaps["base_rate"].low is not None and (found[0].gaps["base_rate"].low or 0) > 0
            any_alike += bool(found[0].alike) and found[0].alike["base_rate"].p_value <= 0.05
            any_adjusted += any(test.adjusted_p_value <= 0.05 for test in tests)
        yield {
            "groups": num_groups,
            "records": size,
            "clusters": num_clusters,
            "reports": draws,
            "a gap's interval excludes 0": round(gap / draws, 3),
            "its test finds it": round(any_alike / draws, 3),
            "any test of the report does, adjusted": round(any_adjusted / draws, 3),
        }


def main() -> None:
    """Measures and prints, a line a population and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--only", choices=["shares", "metrics", "groups", "alike"])
    parser.add_argument("--population", default="", help="of metrics: those whose name begins so")
    options = parser.parse_args()
    parts = {
        "shares": lambda: of_shares(options.sizes, options.draws),
        "metrics": lambda: of_metrics(options.sizes, options.draws, options.resamples, options.population),
        "groups": lambda: of_groups(options.draws, options.resamples),
        "alike": lambda: of_alike(options.draws),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            for line in part():
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
