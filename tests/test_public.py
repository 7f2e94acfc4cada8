"""The public face: what `import yachay` and README name."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import yachay

ROOT = Path(__file__).parent.parent


def test_exports_are_sorted_and_declared_once_for_readers_and_once_for_types() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        name.name: f".{node.module}"
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    [lazy] = [
        ast.literal_eval(node.value.args[1])
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    ]

    assert yachay.__all__ == sorted(yachay.__all__)
    assert typed == lazy
    assert {*lazy, "__version__"} == set(yachay.__all__)


@pytest.mark.parametrize("name", yachay.__all__)
def test_every_export_is_there_and_documented(name: str) -> None:
    exported = getattr(yachay, name)

    assert exported is not None
    assert name == "__version__" or exported.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'yachay' has no attribute 'compil'\. Did you mean 'compile'\?"):
        _ = yachay.compil  # type: ignore[attr-defined]


def test_importing_the_library_imports_nothing_of_it() -> None:
    program = (
        "import sys, yachay\n"
        "own = {name for name in sys.modules if name.startswith('yachay')}\n"
        "print(sorted(own), [name for name in ('numpy', 'tensorflow', 'tfx', 'pydantic') if name in sys.modules])\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "['yachay', 'yachay.dotted', 'yachay.errors'] []\n"


def test_the_names_in_the_readme_import_as_written() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = [line.split("|")[1] for line in readme.partition("## Components")[2].splitlines() if line.startswith("| `")]
    components = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    imported = {name for line in re.findall(r"from yachay import ([\w, ]+)", readme) for name in line.split(", ")}
    called = set(re.findall(r"\byachay\.(\w+)\(", readme))

    assert len(components) > 6
    assert components | imported | called <= set(yachay.__all__)


def test_a_configuration_is_loaded_by_its_path_as_text(tmp_path: Path) -> None:
    assert yachay.load_config(str(ROOT / "pipelines/student_dropout/config.yaml")).name == "student_dropout"
    with pytest.raises(yachay.errors.ConfigurationError, match=r"Received: no such file\."):
        yachay.load_config(str(tmp_path / "config.yaml"))
