"""education_access: how much its metrics depend on the folds, on the choice of drivers and on the kind of model.

    .venv/bin/python tests/benchmarks/education_access.py --data FOLDER [--assignments 10] [--nested 5] [--workers 2]

The trees are those of the family `boosted_trees` with its default hyperparameters, in scikit-learn. Every assignment
divides the departments among 8 folds by another seed. Printed are means and standard deviations over the assignments,
of the metrics of all districts out of fold:

- of each variant on the same assignments (drivers, signs, classification in place of regression);
- nested: the variant is chosen in inner folds of the training departments alone, by its error there, and judged on the
  outer folds. It is what the choice itself may promise.
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from yachay.components.evaluator.metric import measure, task_metrics
from yachay.components.example_gen.notes import Note
from yachay.components.trainer.families.boosted_trees import BoostedTreesHyperparameters
from yachay.pipelines.education_access.places import nearest
from yachay.pipelines.education_access.source import read
from yachay.pipelines.registry import find_pipeline

NUM_FOLDS = 8
NUM_INNER_FOLDS = 6

NEIGHBOURS_OF = (
    "rural_pct",
    "electricity_pct",
    "piped_water_home_pct",
    "sewer_pct",
    "earth_floor_pct",
    "metal_roof_pct",
    "firewood_pct",
    "internet_pct",
    "insured_sis_pct",
    "chronic_malnutrition_pct",
    "life_expectancy_years",
    "aged_0_14_pct",
    "children_per_100_women",
    "quechua_pct",
    "amazonian_language_pct",
    "altitude_m",
    "people_per_km2_log10",
)
"""The drivers of which the means over the nearest districts were tried as drivers too; they are no columns."""

Values = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Variant:
    """Whether a model knows the neighbours' drivers, whether it keeps the signs, and whether it is a classification."""

    has_neighbours: bool
    has_signs: bool = False
    is_classification: bool = False


VARIANTS = {
    "no neighbours' drivers": Variant(False),
    "all drivers": Variant(True),
    "all drivers, signs": Variant(True, has_signs=True),
    "no neighbours' drivers, signs": Variant(False, has_signs=True),
}
CLASSIFICATIONS = {
    "all drivers, classification": Variant(True, is_classification=True),
    "all drivers, classification, signs": Variant(True, has_signs=True, is_classification=True),
}


class Districts:
    """The districts as the task `share` has them."""

    def __init__(self, folder: str) -> None:
        pipeline = find_pipeline("education_access")
        config = pipeline.load()
        [batch] = (item for item in read(folder, **config.data.reader_options) if not isinstance(item, Note))
        self.table: pd.DataFrame = batch.to_pandas()
        self.features = list(config.task_features("share"))
        self.neighbours = self._add_neighbours()
        hyperparameters = config.for_task("share").model.hyperparameters.get("boosted_trees", {})
        self.signs: dict[str, int] = hyperparameters.get("monotonic_cst", {})
        self.shares = self.table["secondary_pct"].to_numpy(np.float64)
        self.is_barrier = (self.table["barrier"] == "barrier").to_numpy()
        self.departments = pd.factorize(self.table["department"], sort=True)[0]
        self.metrics = task_metrics(config.prediction_task("share"))

    def _add_neighbours(self) -> list[str]:
        """Adds the means of some drivers over the ten nearest districts, and returns the columns."""
        places, _ = nearest(*(self.table[name].to_numpy(np.float64) for name in ("latitude", "longitude")))
        for name in NEIGHBOURS_OF:
            self.table[f"near_{name}"] = np.nanmean(self.table[name].to_numpy(np.float64)[places], axis=1)
        return [f"near_{name}" for name in NEIGHBOURS_OF]

    def fit_and_predict(self, variant: Variant, train: Rows, test: Rows, seed: int = 42) -> Values:
        """Returns predicted shares, of a classification the probability of no barrier."""
        names = [*self.features, *(self.neighbours if variant.has_neighbours else ())]
        values = self.table[names].to_numpy(np.float64)
        means = np.nanmean(values[train], axis=0)
        values = np.where(np.isfinite(values), values, means)
        settings = BoostedTreesHyperparameters().model_dump() | {
            "monotonic_cst": [
                self.signs.get(name.removeprefix("near_"), 0) if variant.has_signs else 0 for name in names
            ],
            "early_stopping": False,
            "random_state": seed,
        }
        if variant.is_classification:
            classifier = HistGradientBoostingClassifier(**settings).fit(values[train], ~self.is_barrier[train])
            return np.asarray(classifier.predict_proba(values[test])[:, 1])
        regressor = HistGradientBoostingRegressor(**settings).fit(values[train], self.shares[train])
        return np.asarray(regressor.predict(values[test]))

    def folds(self, rows: Rows, num_folds: int, seed: int) -> list[tuple[Rows, Rows]]:
        """Returns rows to train on and rows held out, whole departments in folds of about as many districts."""
        random = np.random.default_rng(seed)
        present = random.permutation(np.unique(self.departments[rows]))
        sizes = np.bincount(self.departments[rows], minlength=self.departments.max() + 1)
        # The largest first would always give the same folds: their sizes are shuffled a little.
        order = present[np.argsort(-sizes[present] * random.uniform(0.5, 1.5, len(present)))]
        fold_of, loads = np.full(len(sizes), -1), np.zeros(num_folds)
        for department in order:
            fold_of[department] = loads.argmin()
            loads[loads.argmin()] += sizes[department]
        folds = fold_of[self.departments[rows]]
        return [(rows[folds != fold], rows[folds == fold]) for fold in range(num_folds)]

    def out_of_fold(self, variant: Variant, seed: int) -> Values:
        """Returns predictions of all districts by models that have not seen their department."""
        predictions = np.empty(len(self.table))
        for train, test in self.folds(np.arange(len(self.table)), NUM_FOLDS, seed):
            predictions[test] = self.fit_and_predict(variant, train, test)
        return predictions

    def nested(self, seed: int) -> tuple[Values, list[str]]:
        """Returns predictions likewise, of variants that inner folds chose, and which they were."""
        predictions, chosen = np.empty(len(self.table)), []
        for train, test in self.folds(np.arange(len(self.table)), NUM_FOLDS, seed):
            errors = {name: self._inner_error(variant, train, seed) for name, variant in VARIANTS.items()}
            chosen.append(min(errors, key=errors.__getitem__))
            predictions[test] = self.fit_and_predict(VARIANTS[chosen[-1]], train, test)
        return predictions, chosen

    def _inner_error(self, variant: Variant, rows: Rows, seed: int) -> float:
        squares = [
            (self.fit_and_predict(variant, train, test) - self.shares[test]) ** 2
            for train, test in self.folds(rows, NUM_INNER_FOLDS, seed + 1)
        ]
        return float(np.concatenate(squares).mean())

    def measure(self, predictions: Values) -> dict[str, float]:
        return measure(self.metrics, self.shares.astype(np.float32), predictions)


def spread(lines: Sequence[dict[str, float]]) -> dict[str, str]:
    """Returns mean and standard deviation of each metric."""
    names = ("auc_worst_fifth", "precision_top_100", "precision_top_375", "r2")
    table = pd.DataFrame(lines)[list(names)]
    return {name: f"{table[name].mean():.4f} ± {table[name].std():.4f}" for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of the official files")
    parser.add_argument("--assignments", type=int, default=10)
    parser.add_argument("--nested", type=int, default=5, help="assignments of the nested estimate")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    districts = Districts(arguments.data)

    def side_by_side(work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        return list(Parallel(n_jobs=arguments.workers)(delayed(work)(*call) for call in calls))

    for name, variant in {**VARIANTS, **CLASSIFICATIONS}.items():
        calls = [(variant, seed) for seed in range(arguments.assignments)]
        lines = [districts.measure(predictions) for predictions in side_by_side(districts.out_of_fold, calls)]
        print(json.dumps({"variant": name, **spread(lines)}, ensure_ascii=False), flush=True)
    found = side_by_side(districts.nested, [(seed,) for seed in range(arguments.nested)])
    if found:
        counts = pd.Series([name for _, chosen in found for name in chosen]).value_counts().to_dict()
        lines = [districts.measure(predictions) for predictions, _ in found]
        print(json.dumps({"nested": spread(lines), "chosen": counts}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
