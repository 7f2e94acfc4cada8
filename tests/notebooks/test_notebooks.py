"""Each notebook runs from its first cell to its last; tests/end_to_end has the one that reads a run."""

import os
from pathlib import Path

import pytest
from notebook_cells import NOTEBOOKS, cells_of, run

pytestmark = pytest.mark.slow

EXPLORE = NOTEBOOKS / "explore_education_access.ipynb"
STATION = NOTEBOOKS / "from_a_raw_station_to_a_forecast.ipynb"


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_its_outputs(notebook: Path) -> None:
    assert [cell for cell in cells_of(notebook) if cell["outputs"] or cell["execution_count"] is not None] == []


def test_a_made_up_country_is_explored(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "YACHAY_DATA"}

    done = run(EXPLORE, tmp_path, environment)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "552 districts of 23 departments" in done.stdout


def test_the_official_files_are_explored(tmp_path: Path) -> None:
    if not os.environ.get("YACHAY_DATA"):
        pytest.skip("YACHAY_DATA is not set: it names the folder of the real data")

    done = run(EXPLORE, tmp_path, os.environ)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "1874 districts of 25 departments" in done.stdout


def test_a_made_up_station_is_forecast_better_than_by_persistence(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "YACHAY_DATA"}

    done = run(STATION, tmp_path, environment)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "23,760 observations of 3 stations" in done.stdout
    assert "The least mean absolute error has: linear" in done.stdout
