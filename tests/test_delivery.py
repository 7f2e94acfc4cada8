"""The deliveries of CI say only what the command line and the Makefile know."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from yachay.cli.main import cli

ROOT = Path(__file__).parent.parent
DELIVERIES = [".github/workflows/deliver.yaml", "Jenkinsfile"]


def commands(path: str) -> list[list[str]]:
    text = (ROOT / path).read_text().replace("\\\n", " ")
    return [shlex.split(line.strip()) for line in re.findall(r"\.venv/bin/yachay .*", text)]


@pytest.mark.parametrize("path", DELIVERIES)
def test_each_option_is_one_of_its_command(path: str) -> None:
    found = commands(path)

    assert [words[1] for words in found] == ["compile", "submit", "deploy"]
    for _, name, *words in found:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("path", DELIVERIES)
def test_each_target_is_in_the_makefile(path: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    used = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / path).read_text()))

    assert used
    assert used <= targets


def test_secrets_stand_in_no_command_of_the_workflow() -> None:
    workflow = yaml.safe_load((ROOT / DELIVERIES[0]).read_text())

    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "secrets." not in step.get("run", "")
