"""The compiled spec of student_dropout under the KFP SDK's own orchestration, `kfp.local`: whole, twice."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import components, local
from kfp.local import config, status, subprocess_task_handler

from yachay.components.evaluator.evaluation import read_evaluation

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

PIPELINE = "student-dropout--semester2--mock"


class ContainerHandler(subprocess_task_handler.SubprocessTaskHandler):
    """Runs a container's command in this environment: `kfp.local` does so in Docker only."""

    def validate_image(self, image: str) -> None:
        pass

    def validate_not_container_component(self, full_command: list[str]) -> None:
        pass

    def run(self) -> status.Status:
        python, *arguments = self.full_command
        assert python == "python"
        process = subprocess.run([sys.executable, *arguments], check=False)
        return status.Status.FAILURE if process.returncode else status.Status.SUCCESS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pipeline root of two runs on synthetic records."""
    root = tmp_path_factory.mktemp("root")
    spec = tmp_path_factory.mktemp("spec") / "student_dropout.yaml"
    command = [sys.executable, "-m", "yachay.cli.main", "compile", "student_dropout", "--profile", "mock"]
    subprocess.run([*command, "-o", str(spec), "--image", "registry.example/yachay:1"], check=True, timeout=300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess_task_handler, "SubprocessTaskHandler", ContainerHandler)
        patch.setattr(config.LocalExecutionConfig, "instance", None)
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
        pipeline = components.load_component_from_file(str(spec))
        for _ in range(2):
            pipeline(pipeline_root=str(root), family="linear")
        yield root


def evaluations(root: Path) -> list[Any]:
    runs = sorted(root.glob(f"{PIPELINE}-2*"))
    return [read_evaluation(run / "Evaluator" / "evaluation") for run in runs]


def test_the_sdk_runs_the_spec_from_synthetic_records_to_a_pushed_model(root: Path) -> None:
    pointer = json.loads((root / PIPELINE / "latest_blessed.json").read_text())

    assert (Path(pointer["pushed_model_uri"]) / "saved_model.pb").is_file()
    assert evaluations(root)[0].metrics["accuracy"] > 0.7


def test_the_second_run_compares_with_the_model_of_the_first(root: Path) -> None:
    first, second = evaluations(root)

    assert first.baseline_metrics is None
    assert second.baseline_metrics == first.metrics
