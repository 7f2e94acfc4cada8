"""Models that `yachay new` writes, beside scikit-learn's HistGradientBoosting on the same columns and folds.

    YACHAY_DATA=... python tests/benchmarks/new_data.py [--folds 5] [NAME ...]

Each file is given to `yachay new` with no help; the family that it chose is trained in each fold with the pipeline's
own preprocessing. The 95 % interval of the difference is of 1,000 resamples of the records. The last column has the
processor seconds of `yachay new`.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import ensemble

from yachay.components.cross_validator.folds import FoldWork, Records
from yachay.components.evaluator.metric import bind, task_metrics
from yachay.components.example_gen.ingest import ingest
from yachay.components.example_gen.inputs import resolve_input
from yachay.components.examples import read_examples
from yachay.components.features import FeatureKind, Problem
from yachay.components.sequences import stored_schema
from yachay.components.trainer.train import to_predictions
from yachay.pipelines.columns import ingest_spec
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.scaffold.baselines import LEAD
from yachay.pipelines.scaffold.scaffold import TASK, scaffold
from yachay.schemas import parse_schema

NUM_RESAMPLES = 1_000

SHARED = {
    "student_dropout": ("student_dropout/data.csv", "Target"),
    "grade average": ("student_performance/Student_performance_data.csv", "GPA"),
    "grade class": ("student_performance/Student_performance_data.csv", "GradeClass"),
    "altitude of districts": ("education_access/ubigeo_distrito.csv", "altitude"),
}


def interactions(chance: np.random.Generator) -> pd.DataFrame:
    """Returns records whose label depends on products of columns."""
    frame = pd.DataFrame({f"x{place}": chance.normal(size=3_000).round(3) for place in range(6)})
    score = frame.x0 * frame.x1 + np.sin(2 * frame.x2) + chance.normal(0, 0.7, 3_000)
    return frame.assign(y=np.where(score > 0, "yes", "no"))


def gaps(chance: np.random.Generator) -> pd.DataFrame:
    """Returns records with missing numbers and words, and a label that is a sum of them."""
    num_rows = 2_500
    town = chance.choice(["Lima", "Cusco", "Puno", "Tacna"], num_rows)
    area, age = chance.gamma(6, 20, num_rows).round(1), chance.integers(0, 60, num_rows)
    price = 900 * area - 500 * age + pd.Series(town).map({"Lima": 60e3, "Cusco": 20e3, "Puno": 0, "Tacna": 9e3})
    shown = np.where(chance.random(num_rows) < 0.1, "", area.astype(str))
    return pd.DataFrame(
        {"area": shown, "age": age, "town": town, "y": (price + chance.normal(0, 2e4, num_rows)).round()}
    )


def rare(chance: np.random.Generator) -> pd.DataFrame:
    """Returns records of which one in 20 is of the class to find."""
    frame = pd.DataFrame({f"x{place}": chance.normal(size=6_000).round(3) for place in range(5)})
    score = 1.5 * frame.x0 + frame.x1**2 + chance.normal(0, 1, 6_000)
    return frame.assign(y=(score > score.quantile(0.95)).astype(int))


def grades(chance: np.random.Generator) -> pd.DataFrame:
    """Returns records of four classes by codes, levels and numbers."""
    num_rows = 4_000
    school = chance.choice([11, 34, 90, 412, 871, 2200, 3456, 7001, 8100, 9044, 9512, 9990], num_rows)
    level, hours = chance.integers(1, 6, num_rows), chance.gamma(4, 2, num_rows).round(1)
    mark = hours / 4 + level / 2 + (school % 7) / 3 + chance.normal(0, 1, num_rows)
    return pd.DataFrame({"school": school, "level": level, "hours": hours, "y": np.digitize(mark, [2.5, 4, 5.5])})


GENERATED: dict[str, Callable[[np.random.Generator], pd.DataFrame]] = {
    "interactions": interactions,
    "gaps": gaps,
    "rare": rare,
    "grades": grades,
}


def seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compare(data: Path, label: str, folds: int, folder: Path) -> str:
    """Returns the line of a file."""
    start = seconds()
    written = scaffold("tried", data, label, folder)
    took = seconds() - start
    pipeline = find_pipeline(str(written.folder))
    config = pipeline.load()
    schema, task = parse_schema(pipeline.schema_text(config)), config.prediction_task(TASK)
    ingest(resolve_input(str(data)), ingest_spec(schema, config, TASK), folder / "examples", folder / "quarantine")
    files = sorted((folder / "examples").glob("Split-*/*"))
    examples = [example for batch in read_examples(files) for example in batch]
    records = Records.of(examples, stored_schema(schema))
    work = FoldWork(records.examples, records.schema, config.cross_validator(TASK, folds), folder)
    ours, theirs, labels = [], [], []
    for number, (train_rows, held_out) in enumerate(records.folds(task, folds, config.model.seed)):
        part = work.run(number, train_rows, held_out)
        ours.append(to_predictions(part.scores, task))
        labels.append(part.labels)
        theirs.append(boosted(records.table, task, train_rows, part.rows))
    truth = np.concatenate(labels)
    metric = task_metrics(task)[LEAD[task.problem]]
    weights = np.vstack(
        [
            np.ones(len(truth)),
            np.random.default_rng(0).multinomial(len(truth), np.full(len(truth), 1 / len(truth)), NUM_RESAMPLES),
        ]
    )
    values = [bind(metric, truth, np.concatenate(found).astype(np.float64))(weights) for found in (ours, theirs)]
    low, high = np.nanquantile((values[0] - values[1])[1:], [0.025, 0.975])
    return (
        f"{len(truth):,} | {len(task.features)} | {written.family} | {metric.name} | {values[0][0]:.4f} | "
        f"{values[1][0]:.4f} | {values[0][0] - values[1][0]:+.4f} [{low:+.4f}, {high:+.4f}] | {took:.1f}"
    )


def boosted(table: pd.DataFrame, task: Any, train_rows: Any, held_out: Any) -> Any:
    """Returns what HistGradientBoosting predicts from the same columns: scores by class, or numbers."""
    inputs = table[list(task.features)].copy()
    coded = [name for name, kind in task.features.items() if kind is FeatureKind.CATEGORICAL]
    for name in inputs:
        if name in coded or not pd.api.types.is_numeric_dtype(inputs[name]):
            inputs[name] = pd.factorize(inputs[name])[0]
    inputs = inputs.astype(np.float64)
    is_coded = [name in coded and inputs[name].nunique() < 255 for name in inputs]
    label = table[task.label.name]
    if task.problem is Problem.REGRESSION:
        model: Any = ensemble.HistGradientBoostingRegressor(random_state=0, categorical_features=is_coded)
        model.fit(inputs.iloc[train_rows], label.iloc[train_rows].astype(float))
        return model.predict(inputs.iloc[held_out])
    texts = label.map(lambda value: value.decode() if isinstance(value, bytes) else str(value))
    codes = texts.map({value: place for place, value in enumerate(task.label.values)})
    model = ensemble.HistGradientBoostingClassifier(random_state=0, categorical_features=is_coded)
    model.fit(inputs.iloc[train_rows], codes.iloc[train_rows])
    return model.predict_proba(inputs.iloc[held_out])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    print("| file | records | features | family | metric | Yachay | HistGradientBoosting | difference | s of new |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in arguments.names or [*GENERATED, *SHARED]:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if name in GENERATED:
                path, label = folder / "data.csv", "y"
                GENERATED[name](np.random.default_rng(0)).to_csv(path, index=False)
            else:
                file, label = SHARED[name]
                path = Path(os.environ["YACHAY_DATA"], file)
            print(f"| {name} | {compare(path, label, arguments.folds, folder)} |", flush=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
