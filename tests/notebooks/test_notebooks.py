"""Each notebook runs from its first cell to its last, on a made-up country and on the official files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted(Path(__file__).parents[2].joinpath("notebooks").glob("*.ipynb"))


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def run(notebook: Path, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the cells one after the other in a process of their own, as a kernel does; nothing is drawn."""
    program = "\n\n".join("".join(cell["source"]) for cell in cells_of(notebook))
    (folder / "notebook.py").write_text(program)
    return subprocess.run(
        [sys.executable, "notebook.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_its_outputs(notebook: Path) -> None:
    assert [cell for cell in cells_of(notebook) if cell["outputs"] or cell["execution_count"] is not None] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_made_up_country(notebook: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "YACHAY_DATA"}

    done = run(notebook, tmp_path, environment)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "552 districts of 23 departments" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_official_files(notebook: Path, tmp_path: Path) -> None:
    if not os.environ.get("YACHAY_DATA"):
        pytest.skip("YACHAY_DATA is not set: it names the folder of the real data")

    done = run(notebook, tmp_path, dict(os.environ))

    assert done.returncode == 0, done.stderr[-3000:]
    assert "1874 districts of 25 departments" in done.stdout
