"""Agreement with Evidently 0.7.23, whose environment is its own.

    uv venv evidently && uv pip install -p evidently/bin/python "evidently==0.7.23" "pandas<3"
    EVIDENTLY_PYTHON=evidently/bin/python pytest tests/components/drift_monitor/test_evidently.py

Evidently's distance is to the base of e, ours to that of 2. For numbers it takes Sturges' bins of both samples. Its
chi-squared test takes the reference for exact, where ours counts its noise; the p-values are not compared.
"""

import json
import math
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yachay.components.drift_monitor.bins import numeric_bins, numeric_distribution
from yachay.components.drift_monitor.distance import compare

EVIDENTLY = {"course": 0.12389474465734142, "fees": 0.16835002882790465, "grade": 0.1600905289903057}
"""What Evidently 0.7.23 found on `samples()`."""

PROGRAM = """
import json, sys
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

given = json.load(sys.stdin)
before, now = pd.DataFrame(given[0]), pd.DataFrame(given[1])
columns = DataDefinition(numerical_columns=["grade"], categorical_columns=["course", "fees"])
report = Report([ValueDrift(column=name, method="jensenshannon") for name in before])
result = report.run(Dataset.from_pandas(now, columns), Dataset.from_pandas(before, columns)).dict()
print(json.dumps([float(metric["value"]) for metric in result["metrics"]]))
"""


def samples() -> list[dict[str, list[Any]]]:
    generator = np.random.default_rng(0)
    drawn = []
    for number, course, fees, mean in ((3000, (0.4, 0.3, 0.2, 0.1), 0.88, 0.0), (500, (0.3, 0.3, 0.2, 0.2), 0.7, 0.5)):
        drawn.append(
            {
                "course": generator.choice(["a", "b", "c", "d"], number, p=course).tolist(),
                "fees": generator.choice(["x", "y"], number, p=(fees, 1 - fees)).tolist(),
                "grade": (generator.normal(0, 1, number) + mean).tolist(),
            }
        )
    return drawn


def distances() -> dict[str, float]:
    """Returns our distances, of the same bins, as Evidently writes them."""
    before, now = samples()
    found = {}
    for name in ("course", "fees"):
        names = sorted({*before[name]})
        counts = [[Counter(column[name])[one] for one in names] for column in (before, now)]
        found[name] = float(compare(np.array(counts[0]), np.array([counts[1]])).raw[0])
    bins = np.histogram_bin_edges(before["grade"] + now["grade"], bins="sturges")
    reference, window = (np.histogram(column["grade"], bins)[0] for column in (before, now))
    found["grade"] = float(compare(reference, window[np.newaxis]).raw[0])
    return {name: distance * math.sqrt(math.log(2)) for name, distance in found.items()}


def test_distances_are_those_that_evidently_found() -> None:
    assert distances() == pytest.approx(EVIDENTLY)


def test_our_own_bins_of_a_number_give_nearly_the_same() -> None:
    before, now = samples()
    distribution = numeric_distribution(np.array(before["grade"]))
    window = np.bincount(numeric_bins(np.array(now["grade"]), distribution), minlength=distribution.num_bins)
    found = compare(np.array(distribution.counts), window[np.newaxis])

    assert found.low[0] < EVIDENTLY["grade"] / math.sqrt(math.log(2)) < found.high[0]


@pytest.mark.slow
def test_evidently_still_finds_these_distances() -> None:
    python = os.environ.get("EVIDENTLY_PYTHON")
    if not python:
        pytest.skip("EVIDENTLY_PYTHON names no Python with Evidently")
    done = subprocess.run(
        [python, "-c", PROGRAM],
        input=json.dumps(samples()),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(python).absolute().parent,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )

    assert dict(zip(EVIDENTLY, json.loads(done.stdout), strict=True)) == pytest.approx(distances())
