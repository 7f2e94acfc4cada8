"""The threat model names tests that there are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)))
ROWS = [line for line in PAGE.splitlines() if line.startswith("|") and not re.match(r"\|(---| threat )", line)]


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_each_threat_names_a_test(row: str) -> None:
    threat, measure, test = (cell.strip() for cell in row.strip("|").split("|"))
    assert threat
    assert measure
    assert "`tests/" in test


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_the_threat_model_names_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in functions
