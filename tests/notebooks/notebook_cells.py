"""Runs the cells of a notebook."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def run(notebook: Path, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the cells one after the other in a process of their own, as a kernel does; nothing is drawn."""
    program = "\n\n".join("".join(cell["source"]) for cell in cells_of(notebook))
    (folder / "notebook.py").write_text(program)
    return subprocess.run(
        [sys.executable, "notebook.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
