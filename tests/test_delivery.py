"""The deliveries of CI say only what the command line and the Makefile know, and give nobody more than they need."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from yachay.cli.main import cli

ROOT = Path(__file__).parent.parent
FOLDER = ".github/workflows"
WORKFLOWS = [f"{FOLDER}/{name}.yaml" for name in ("test", "deliver", "deploy")]
DELIVERIES = {"GitHub": WORKFLOWS, "Jenkins": ["Jenkinsfile"]}


def text(name: str) -> str:
    return "".join((ROOT / path).read_text(encoding="utf-8") for path in DELIVERIES[name]).replace("\\\n", " ")


def commands(name: str) -> list[list[str]]:
    return [shlex.split(line.strip()) for line in re.findall(r"\.venv/bin/yachay .*", text(name))]


def workflow(path: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return document


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in workflow(path)["jobs"].items():
            yield f"{path} {name}", job


def steps() -> Iterator[dict[str, Any]]:
    for _, job in jobs():
        yield from job.get("steps", ())


def test_there_are_no_other_workflows() -> None:
    assert sorted(WORKFLOWS) == sorted(f"{FOLDER}/{path.name}" for path in (ROOT / FOLDER).iterdir())


@pytest.mark.parametrize("name", DELIVERIES)
def test_each_option_is_one_of_its_command(name: str) -> None:
    found = commands(name)

    assert [words[1] for words in found] == ["compile", "submit", "deploy"]
    for _, called, *words in found:
        command = cli.get_command(click.Context(cli), called)
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("name", DELIVERIES)
def test_each_target_is_in_the_makefile(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = "\n".join(line for line in text(name).splitlines() if not line.strip().startswith(("#", "//")))

    used = set(re.findall(r"\bmake ([a-z-]+)", lines))

    assert used
    assert used <= targets


@pytest.mark.parametrize("name", DELIVERIES)
def test_what_is_deployed_is_what_the_run_pushed(name: str) -> None:
    """The store that the pipeline is compiled with is one of this run alone, and the one that is deployed from."""
    compiled, _, deployed = commands(name)
    stores = [next(word for word in words if word.startswith("push.store=")) for words in (compiled, deployed)]
    assert stores[0] == stores[1]
    if name == "Jenkins":
        assert "$BUILD_NUMBER" in stores[0]
        return
    train = workflow(WORKFLOWS[1])["jobs"]["train"]
    [named] = [step for step in train["steps"] if step.get("id") == "store"]
    assert "run-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT" in named["run"]
    for environment in ("dev", "staging", "production"):
        given = workflow(WORKFLOWS[1])["jobs"][environment]["with"]
        assert given["store"] == "${{ needs.train.outputs.store }}"
        assert given["image"] == "${{ needs.train.outputs.server }}"
        assert given["environment"] == environment


def test_each_environment_comes_after_the_one_before_it_and_from_main_alone() -> None:
    delivered = workflow(WORKFLOWS[1])["jobs"]
    assert {name: job.get("needs") for name, job in delivered.items()} == {
        "test": None,
        "images": "test",
        "train": "images",
        "dev": "train",
        "staging": ["train", "dev"],
        "production": ["train", "staging"],
    }
    main = "github.ref == 'refs/heads/main'"
    assert delivered["test"]["if"] == workflow(WORKFLOWS[2])["jobs"]["deploy"]["if"] == main


def test_each_action_is_pinned_by_its_commit() -> None:
    actions = [step["uses"] for step in steps() if "uses" in step]
    assert len(actions) > 10
    for action in actions:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action)


def test_no_credentials_stay_in_a_checkout_and_no_job_has_more_rights_than_it_names() -> None:
    for step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    for path in WORKFLOWS:
        assert workflow(path)["permissions"] == {}
    for name, job in jobs():
        assert job["permissions"]["contents"] == "read", name


def test_secrets_stand_in_no_command_and_there_is_no_key_of_a_cloud() -> None:
    secrets = set(re.findall(r"secrets\.(\w+)", text("GitHub")))
    assert secrets == {"KFP_TOKEN"}
    for step in steps():
        # An expression in a script is text of a stranger in a shell.
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize(("name", "sign"), [("GitHub", "cosign sign"), ("Jenkins", "cosign sign")])
def test_an_image_is_scanned_signed_and_verified_before_it_is_deployed(name: str, sign: str) -> None:
    said = text(name)
    order = ["grype" if name == "Jenkins" else "anchore/scan-action@", sign, "cosign attest", "cosign verify"]
    places = [said.rindex(each) for each in [*order, "yachay deploy"]]
    assert places == sorted(places)


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not on PATH")
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(["actionlint", *WORKFLOWS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("zizmor") is None, reason="zizmor is not on PATH")
def test_zizmor_finds_nothing() -> None:
    command = ["zizmor", "--offline", "--persona", "pedantic", "--format", "json", ".github"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert [finding["ident"] for finding in json.loads(done.stdout)] == []
