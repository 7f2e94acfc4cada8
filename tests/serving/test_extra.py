"""The extra `serving`: what the server and `yachay serve` import is installed with it."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import write_model

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
BLOCKED = """
import json, sys
from importlib.machinery import PathFinder
class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else PathFinder.find_spec(name, path, target)
absent = set(json.loads(sys.argv.pop(1)))
sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
"""


def pinned(kind: str) -> set[str]:
    text = (ROOT / f"docker/requirements-{kind}.txt").read_text()
    return {name.replace("_", "-").lower() for name in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)}


def absent_modules() -> list[str]:
    """Returns the modules that the pipelines need and the image of the server has not."""
    missing = pinned("pipeline") - pinned("serving")
    return sorted(
        module
        for module, names in importlib.metadata.packages_distributions().items()
        if {name.replace("_", "-").lower() for name in names} <= missing
    )


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + program, json.dumps(absent_modules()), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_server_imports_nothing_outside_its_extra(tmp_path: Path) -> None:
    assert {"tfx", "apache_beam", "sklearn", "tensorflow_metadata"} <= set(absent_modules())
    model = write_model(tmp_path / "push-5/5")

    result = run(
        "import yachay.serving.__main__, yachay.serving.server, yachay.serving.tracing, yachay.serving.store\n"
        "from pathlib import Path\n"
        "from yachay.serving.saved_model import load_saved_model\n"
        "print(len(load_saved_model(Path(sys.argv[1])).features))",
        str(model),
    )

    assert result.stdout.strip() == "5", result.stderr


def test_yachay_serve_of_a_folder_needs_the_extra_only(tmp_path: Path) -> None:
    result = run(
        "from yachay.cli.main import run\nsys.exit(run(['serve', sys.argv[1], '--port=0', '--grpc-port=0']))",
        str(tmp_path),
    )

    assert (result.returncode, "Received: a folder without any." in result.stderr) == (2, True), result.stderr
