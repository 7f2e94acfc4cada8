import math
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from yachay.model_store.golden import GoldenRequest, write_golden
from yachay.serving.value_bins import bounds_of, value_bounds


@pytest.mark.parametrize(("center", "spread"), [(0.0, 1.0), (285.0, 8.0), (2.1, 0.9), (1e-4, 1e-5), (-3e6, 2e6)])
def test_bins_of_two_versions_nest(center: float, spread: float) -> None:
    generator = np.random.default_rng(0)
    one, other = (
        bounds_of((center + spread * factor * generator.standard_normal(64)).tolist()) for factor in (1.0, 1.7)
    )
    coarse, fine = sorted((one, other), key=lambda bounds: bounds[1] - bounds[0], reverse=True)
    both = coarse[(coarse >= fine[0]) & (coarse <= fine[-1])]

    assert 32 <= len(one) <= 67
    assert len(both) >= 8
    assert set(both) <= set(fine)


def test_predictions_that_are_all_alike_have_bins_around_them() -> None:
    bounds = bounds_of([3.0, 3.0])

    assert bounds[0] < 3.0 < bounds[-1]
    assert len(bounds_of([])) == 0


def test_a_forecast_s_steps_and_the_middle_quantile_are_its_numbers(tmp_path: Path) -> None:
    golden = [GoldenRequest({}, {"outputs": [1.0, 9.0], "lower": [-99.0, -99.0]}), GoldenRequest({}, [2.0, 3.0])]
    (tmp_path / "golden.jsonl").write_bytes(write_golden(golden))

    bounds = value_bounds(tmp_path / "1")

    assert -5 < bounds[0] < 1
    assert 9 < bounds[-1] < 15
    assert len(value_bounds(tmp_path / "no push" / "1")) == 0


def test_a_model_of_numbers_counts_them_in_its_bins(
    tmp_path: Path, regression_dir: Path, serve: Callable[..., AbstractContextManager[Any]], row: dict[str, Any]
) -> None:
    golden = [GoldenRequest({}, float(number)) for number in range(-8, 9)]
    (tmp_path / "golden.jsonl").write_bytes(write_golden(golden))

    with serve(shutil.copytree(regression_dir, tmp_path / "1")) as server:
        before = counted(server.url)
        answer = server.predict({"instances": [row, row, {**row, "income": 500.0}]}).json()["predictions"]
        after = counted(server.url)

    bounds = value_bounds(tmp_path / "1")
    assert after - before == {min(bounds[bounds >= answer[0]]): 2, math.inf: 1}


def counted(url: str) -> Counter[float]:
    """Predicted numbers by the upper end of their bin; the server counts for the tests before this one too."""
    found = re.findall(
        r'^yachay_predicted_values_total\{.*upper="(.+?)"\} (\S+)', httpx.get(f"{url}/metrics").text, re.M
    )
    return Counter({float(upper): int(float(count)) for upper, count in found})
