import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "yachay.cli.main"]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command ended with."""

    status: int
    output: dict[str, Any]
    stderr: str

    @property
    def states(self) -> dict[str, str]:
        return {node["id"]: node["state"] for node in self.output["nodes"]}


Yachay = Callable[..., Result]


@pytest.fixture(scope="session")
def yachay() -> Yachay:
    """Runs a command of the command line in a process of its own and reads its JSON."""

    def run(*arguments: str | Path, **options: Any) -> Result:
        command = [*COMMAND, *map(str, arguments), "--json"]
        process = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, **options)
        assert "Traceback" not in process.stderr, process.stderr
        return Result(process.returncode, json.loads(process.stdout), process.stderr)

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("YACHAY_DATA")
    if not folder:
        pytest.skip("YACHAY_DATA is not set: it names the folder of the real data")
    return Path(folder)


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled spec of student_dropout."""
    return _compile(tmp_path_factory.mktemp("spec") / "student_dropout.yaml")


@pytest.fixture(scope="session")
def mock_spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled spec of student_dropout on synthetic records."""
    return _compile(tmp_path_factory.mktemp("spec") / "student_dropout.yaml", "--profile", "mock")


def _compile(path: Path, *arguments: str) -> Path:
    command = [*COMMAND, "compile", "student_dropout", "-o", str(path), "--image", "registry.example/yachay:1"]
    subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=300)
    return path
