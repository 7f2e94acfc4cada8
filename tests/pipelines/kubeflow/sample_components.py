"""Components of a user's installed package, for tests."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from report_samples import sample_report
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, OutputDict, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.orchestration.kubeflow.decorators import exit_handler
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing

from yachay.errors import DataError, YachayError


@component
def score(scale: Parameter[int]) -> OutputDict(rows=int):
    return {"rows": scale * 2}


@component
def train(model: OutputArtifact[Model], rows: Parameter[int]):
    pass


@component
def publish(model: OutputArtifact[Model]):
    model.set_string_custom_property("place", model.uri)


@component
def share(scale: Parameter[int]) -> OutputDict(rate=float):
    return {"rate": 1 / scale}


@component
def step_size(rate: Parameter[float]):
    pass


@component
def bless(model: InputArtifact[Model], blessing: OutputArtifact[ModelBlessing]):
    pass


@component
def push(model: InputArtifact[Model], verdict: InputArtifact[ModelBlessing], note: Parameter[str] = ""):
    pass


@component
def compare(model: InputArtifact[Model], blessing: InputArtifact[ModelBlessing]):
    pass


@component
def ingest(examples: OutputArtifact[Examples]):
    Path(examples.uri, "data").touch()


def _meet(folder: str, me: str, other: str) -> int:
    """Waits for the other of two nodes, as only one that runs beside it can; returns the number of the process."""
    Path(folder, me).touch()
    end = time.monotonic() + 60
    while not Path(folder, other).exists():
        if time.monotonic() > end:
            raise TimeoutError(other)
        time.sleep(0.01)
    return os.getpid()


@component
def meet(examples: InputArtifact[Examples], folder: Parameter[str], other: Parameter[str]) -> OutputDict(process=int):
    return {"process": _meet(folder, "apart", other)}


@component
def wait(examples: InputArtifact[Examples], folder: Parameter[str], other: Parameter[str]) -> OutputDict(process=int):
    return {"process": _meet(folder, "here", other)}


@component
def reject(examples: InputArtifact[Examples], folder: Parameter[str]):
    Path(folder, "here").touch()
    while not Path(folder, "apart").exists():
        time.sleep(0.01)
    raise DataError("the label is gone")


@component
def hang(examples: InputArtifact[Examples], folder: Parameter[str]):
    Path(folder, "apart").touch()
    time.sleep(600)


@component
def reject_late(examples: InputArtifact[Examples], folder: Parameter[str]):
    Path(folder, "apart").touch()
    raise DataError("no number", ["row 3"])


@component
def end(examples: InputArtifact[Examples]):
    os.kill(os.getpid(), signal.SIGKILL)


@component
def leave(examples: InputArtifact[Examples]):
    sys.exit(0)


@component
def fail_oddly(examples: InputArtifact[Examples]):
    class OddError(Exception):
        def __init__(self, what: str, why: str) -> None:
            super().__init__(f"{what}: {why}")

    raise OddError("no model", "too few rows")


@exit_handler
def clean(status: Parameter[str]):
    pass


class Unnamed(Artifact):
    TYPE_NAME = "Unnamed"


class SampleReport(Artifact):
    TYPE_NAME = "yachay.SampleReport"


class ReportExecutor(BaseExecutor):
    """Writes a report: its page and report.json."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        [report] = output_dict["report"]
        Path(report.uri, "report.html").write_text("<!doctype html><title>page</title>")
        Path(report.uri, "report.json").write_text(sample_report().model_dump_json())


class FailingDeployment(BaseExecutor):
    """Pushes a model, as far as `reach` says: `push`, or not at all; then the deployment fails."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        [pushed] = output_dict["pushed_model"]
        pushed.set_int_custom_property("pushed", 0)
        if exec_properties["reach"] == "push":
            pushed.set_int_custom_property("pushed", 1)
            pushed.set_string_custom_property("pushed_destination", "s3://models/dropout/push-1/1")
            pushed.set_string_custom_property("pushed_version", "1")
        raise YachayError("the cluster is gone")


class Executor(BaseExecutor):
    """Writes a file to its output, and there what it was given; fails half-way where it is told to."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        [model] = output_dict["model"]
        Path(model.uri, "weights").write_text(json.dumps(exec_properties))
        if exec_properties.get("fail"):
            raise ValueError("the weights exploded\nat step 3")
        model.set_int_custom_property("num_inputs", len(input_dict))
        model.set_string_custom_property("written_to", f"{model.uri}/weights")
        for key, [artifact] in input_dict.items():
            model.set_int_custom_property(f"{key}_id", artifact.id)
            model.set_int_custom_property(f"{key}_blessed", artifact.get_int_custom_property("blessed"))
