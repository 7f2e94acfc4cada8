import pytest

from yachay.errors import CompileError
from yachay.pipelines.kubeflow.compile.rewrite import (
    depend_on_producers,
    rename_tasks,
    rewrite_conditions,
    rewrite_types,
)


def make_spec(*nodes):
    """A spec as TFX writes it, of nodes without inputs."""
    return {
        "root": {
            "dag": {"tasks": {name: {"taskInfo": {"name": name}, "componentRef": {"name": name}} for name in nodes}}
        },
        "components": {name: {"executorLabel": f"{name}_executor"} for name in nodes},
        "deploymentSpec": {"executors": {f"{name}_executor": {"container": {}} for name in nodes}},
    }


def test_names_become_those_that_argo_takes_everywhere():
    spec = make_spec("latest_blessed", "my_step.v1")
    spec["root"]["dag"]["tasks"]["my_step.v1"] |= {
        "dependentTasks": ["latest_blessed"],
        "inputs": {
            "artifacts": {"x": {"taskOutputArtifact": {"producerTask": "latest_blessed", "outputArtifactKey": "y"}}},
            "parameters": {"z": {"taskOutputParameter": {"producerTask": "latest_blessed_task"}}},
        },
    }
    assert rename_tasks(spec) == {"latest_blessed": "latest-blessed", "my_step.v1": "my-step-v1"}
    task = spec["root"]["dag"]["tasks"]["my-step-v1"]
    assert task["taskInfo"] == {"name": "my-step-v1"}
    assert task["componentRef"] == {"name": "comp-my-step-v1"}
    assert task["dependentTasks"] == ["latest-blessed"]
    assert task["inputs"]["artifacts"]["x"]["taskOutputArtifact"]["producerTask"] == "latest-blessed"
    assert task["inputs"]["parameters"]["z"]["taskOutputParameter"]["producerTask"] == "latest-blessed"
    assert spec["components"]["comp-my-step-v1"]["executorLabel"] == "exec-my-step-v1"
    assert set(spec["deploymentSpec"]["executors"]) == {"exec-latest-blessed", "exec-my-step-v1"}


def test_nodes_whose_names_become_one_are_rejected():
    with pytest.raises(CompileError, match=r"Received: 'my\.step' and 'my_step', which are both 'my-step' as tasks"):
        rename_tasks(make_spec("my_step", "my.step"))


@pytest.mark.parametrize("name", ["_private", "x" * 101])
def test_a_name_that_no_task_can_have_is_rejected(name):
    with pytest.raises(CompileError, match=r"begin with a letter or digit and to have 100 characters at most"):
        rename_tasks(make_spec(name))


def test_types_are_named_by_their_titles_and_empty_metadata_is_dropped():
    spec = make_spec("A")
    schema = "title: tfx.Examples\ntype: object\nproperties:\n  span:\n    type: integer\n"
    output = {"artifactType": {"instanceSchema": schema}, "metadata": {}}
    spec["components"]["A"]["outputDefinitions"] = {"artifacts": {"examples": output}}
    rewrite_types(spec)
    assert output == {"artifactType": {"schemaTitle": "tfx.Examples", "schemaVersion": "0.0.1"}}


def gate(condition):
    spec = make_spec("Bless", "Push")
    source = {"taskOutputArtifact": {"producerTask": "Bless", "outputArtifactKey": "blessing"}}
    spec["root"]["dag"]["tasks"]["Push"] |= {
        "inputs": {"artifacts": {"model_blessing": source}},
        "triggerPolicy": {"condition": condition},
    }
    return spec


def test_a_condition_names_the_tasks_own_input():
    spec = gate("inputs.artifacts['_Bless.blessing'].artifacts[0].metadata['blessed'] == 1.0")
    rewrite_conditions(spec, {"Bless": "Bless", "Push": "Push"})
    condition = spec["root"]["dag"]["tasks"]["Push"]["triggerPolicy"]["condition"]
    assert condition == "inputs.artifacts['model_blessing'].artifacts[0].metadata['blessed'] == 1.0"


def test_a_condition_on_what_the_task_does_not_take_is_rejected():
    with pytest.raises(CompileError, match=r"Received: '_Other\.thing'. Pass the channel to the node"):
        rewrite_conditions(gate("inputs.artifacts['_Other.thing'].artifacts[0].uri == ''"), {"Bless": "Bless"})


def test_a_task_depends_on_the_producers_of_its_inputs():
    spec = gate("")
    depend_on_producers(spec)
    assert spec["root"]["dag"]["tasks"]["Push"]["dependentTasks"] == ["Bless"]
