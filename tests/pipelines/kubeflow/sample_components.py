"""Components of a user's installed package, for tests."""

import json
from pathlib import Path

from report_samples import sample_report
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, OutputDict, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.orchestration.kubeflow.decorators import exit_handler
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import Model, ModelBlessing

from yachay.errors import YachayError


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
