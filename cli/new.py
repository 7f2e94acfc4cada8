"""`yachay new`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import frame

if TYPE_CHECKING:
    from ..pipelines.scaffold.question import Question

MAX_LINES = 10


@frame.command("new", fields=["folder", "problem", "decided", "questions"])
@click.argument("name")
@click.option("--data", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CSV or Parquet file.")
@click.option("--label", required=True, metavar="COLUMN", help="Column to predict.")
@click.option(
    "--problem",
    type=click.Choice(["classification", "regression"]),
    help="What the label is (default: as its values are).",
)
@click.option("--interactive", is_flag=True, help="Ask, and do what the answers say (default: take what was decided).")
@click.option(
    "--output",
    "parent",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder in which NAME is made (default: here).",
)
def command(
    output: frame.Fields, name: str, data: Path, label: str, problem: str | None, interactive: bool, parent: Path
) -> None:
    """Write a pipeline for a data file: configuration, schema, README.

    The kinds of features are inferred; look at them in NAME/config.yaml, then `yachay run NAME`.
    """
    from ..components.features import Problem
    from ..pipelines.scaffold.scaffold import scaffold

    written = scaffold(name, data, label, parent, Problem(problem) if problem else None, _ask if interactive else _take)
    inference, folder = written.inference, written.folder
    output["folder"], output["problem"] = str(folder), inference.problem.value
    output["decided"], output["questions"] = list(inference.notes), list(map(str, inference.questions))
    kinds = Counter(column.kind.value for column in inference.columns if column.kind)
    lines = [
        f"Wrote {folder}/: config.yaml, schema.pbtxt, README.md, profile.json.",
        f"{inference.label.original_name}: {inference.problem.value}"
        + (f" of {len(inference.class_counts)} classes" if inference.class_counts else "")
        + f": {inference.problem_reason}.",
        f"Features: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}.",
        *_listed("Not features:", [f"{c.original_name}: {c.reason}" for c in inference.columns if c.reason]),
        *_listed("Decided:", inference.notes),
        *_listed("Questions:", [str(question) for question in inference.questions]),
        f"Look at the kinds of features in {folder / 'config.yaml'}, then run: yachay run {folder}",
    ]
    click.echo("\n".join(lines), err=True)


def _ask(question: "Question") -> bool:
    click.echo(frame.escape(question.text), err=True)
    return click.confirm(frame.escape(f"Shall I {question.action}?"), default=False, err=True)


def _take(question: "Question") -> bool:
    return False


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    shown = [f"  - {' '.join(line.split())}" for line in lines[:MAX_LINES]]
    rest = [f"  ... and {len(lines) - MAX_LINES} more in README.md"] if len(lines) > MAX_LINES else []
    return [title, *shown, *rest] if lines else []
