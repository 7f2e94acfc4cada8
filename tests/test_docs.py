"""The pages of the documentation name only commands, options, files and headings that there are."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from yachay.cli.main import COMMANDS, cli

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(
        str(path.relative_to(ROOT))
        for folder in ("docs", "pipelines", "manifests", "notebooks")
        for path in (ROOT / folder).rglob("*.md")
    ),
]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).replace("`", "") for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


def invocations(text: str) -> Iterator[list[str]]:
    """The words of each call of the command line, in blocks of code and within a line."""
    joined = text.replace("\\\n", " ")
    for line in re.findall(r"^(?:\$ )?(?:\S*/)?yachay (.*)$", "\n".join(FENCE.findall(joined)), re.MULTILINE):
        yield line.split()
    for code in re.findall(r"`yachay ([^`]+)`", FENCE.sub("", joined)):
        yield code.split()


def options(command: click.Command) -> set[str]:
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    if command.name == "serve":  # It passes on what is the server's.
        for path in (ROOT / "serving").glob("*.py"):
            known |= set(re.findall(r'"(--[a-z_]+)"', path.read_text(encoding="utf-8")))
    return known


def test_each_command_is_in_the_readme() -> None:
    shown = set(re.findall(r"`(?:yachay )?([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert set(COMMANDS) <= shown


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_commands_and_options_that_there_are(page: str) -> None:
    wrong = []
    for name, *words in invocations((ROOT / page).read_text(encoding="utf-8")):
        if not re.fullmatch("[a-z-]+", name):
            continue
        command = cli.get_command(click.Context(cli), name)
        known = options(command) if command else set()
        if isinstance(command, click.Group):
            known |= {option for one in command.commands.values() for option in options(one)}
        given = {word.partition("=")[0].strip("[].,;|)") for word in words if word.startswith("--")}
        wrong += [(name, option) for option in sorted(given - known - {"--help"})] if command else [(name, "")]

    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_to_files_and_headings(page: str) -> None:
    source = ROOT / page
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", source.read_text(encoding="utf-8"))):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (source.parent / path).resolve() if path else source
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)

    assert not wrong
