"""Compiled pipelines for tests."""

from typing import Any

Json = dict[str, Any]


def compiled_pipeline() -> Json:
    """A compiled pipeline of two tasks with a parameter of each type; `label` has no default."""
    parameters = {
        "data_uri": {"parameterType": "STRING", "defaultValue": ""},
        "pipeline_root": {"parameterType": "STRING", "defaultValue": ""},
        "label": {"parameterType": "STRING"},
        "steps": {"parameterType": "NUMBER_INTEGER", "defaultValue": 100},
        "learning_rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1},
        "shuffle": {"parameterType": "BOOLEAN", "defaultValue": True},
        "columns": {"parameterType": "LIST", "defaultValue": []},
        "layers": {"parameterType": "STRUCT", "isOptional": True},
    }
    tasks = {
        "ExampleGen": {"taskInfo": {"name": "ExampleGen"}, "componentRef": {"name": "comp-ExampleGen"}},
        "Trainer": {
            "taskInfo": {"name": "Trainer"},
            "componentRef": {"name": "comp-Trainer"},
            "dependentTasks": ["ExampleGen"],
        },
    }
    container = {"image": "registry.example/yachay:1", "command": ["python"], "args": ["--node", "x"]}
    return {
        "pipelineInfo": {"name": "student-dropout--semester2"},
        "schemaVersion": "2.1.0",
        "root": {"dag": {"tasks": tasks}, "inputDefinitions": {"parameters": parameters}},
        "components": {f"comp-{task}": {"executorLabel": f"exec-{task}"} for task in tasks},
        "deploymentSpec": {"executors": {f"exec-{task}": {"container": container} for task in tasks}},
    }


def platform_document() -> Json:
    """A platform document that places the trainer on a GPU node pool."""
    executors = {"exec-Trainer": {"nodeSelector": {"labels": {"gpu": "a100"}}}}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
