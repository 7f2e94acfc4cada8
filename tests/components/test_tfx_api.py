"""Private modules of TFX and its libraries are imported in one place."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from yachay.components import tfx_api

ROOT = Path(__file__).parents[2]
PRIVATE = (
    "tensorflow_data_validation.statistics",
    "tensorflow_data_validation.utils",
    "tensorflow_model_analysis.constants",
    "tensorflow_model_analysis.metrics.metric_util",
    "tensorflow_model_analysis.utils",
    "tensorflow_model_analysis.writers",
    "tfx.components.example_gen.driver",
    "tfx.components.example_gen.input_processor",
    "tfx.components.example_gen.utils",
    "tfx.components.statistics_gen",
    "tfx.components.util",
    "tfx.dsl.compiler",
    "tfx.dsl.component.experimental",
    "tfx.dsl.experimental",
    "tfx.dsl.placeholder",
    "tfx.orchestration.data_types_utils",
    "tfx.orchestration.kubeflow",
    "tfx.orchestration.local",
    "tfx.orchestration.metadata",
    "tfx.orchestration.portable",
    "tfx.proto.orchestration",
    "tfx.types.channel_utils",
    "tfx.types.experimental",
    "tfx.utils",
    "tfx_bsl.coders",
)
FOLDERS = ("cli", "components", "deployment", "manifests", "model_store", "pipelines", "schemas", "serving")


def imports() -> Iterator[tuple[Path, str]]:
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from ((path, f"{node.module}.{name.name}") for name in node.names)


def test_private_modules_are_imported_in_one_place() -> None:
    strays = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, name in imports()
        if path.name != "tfx_api.py" and any(name == one or name.startswith(f"{one}.") for one in PRIVATE)
    ]

    assert strays == []


@pytest.mark.parametrize("name", tfx_api.__all__)
def test_what_is_private_is_where_this_version_has_it(name: str) -> None:
    assert getattr(tfx_api, name) is not None


def test_the_name_of_a_schemas_file_is_tfxs() -> None:
    from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME

    assert tfx_api.SCHEMA_FILE_NAME == DEFAULT_FILE_NAME


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("config_pb2", "EvalConfig"),
        ("metrics_for_slice_pb2", "MetricsForSlice"),
        ("validation_result_pb2", "ValidationResult"),
    ],
)
def test_messages_read_without_their_package_are_those_of_the_package(module: str, message: str) -> None:
    package = importlib.import_module(f"tensorflow_model_analysis.proto.{module}")

    assert getattr(getattr(tfx_api, module), message) is getattr(package, message)


def test_an_evaluation_is_read_without_the_packages_that_take_seconds() -> None:
    code = (
        "import sys, yachay.components.evaluator.evaluation, yachay.components.evaluator.eval_config\n"
        "heavy = {'tensorflow_model_analysis', 'tfx.components', 'apache_beam'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "[]"
