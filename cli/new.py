"""`yachay new`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import frame

if TYPE_CHECKING:
    from ..pipelines.scaffold.column_facts import ColumnFacts
    from ..pipelines.scaffold.question import Question
    from ..pipelines.scaffold.scaffold import NewPipeline

MAX_LINES = 15
MAX_COLUMNS = 40
MAX_WIDTH = 48


@frame.command("new", fields=["folder", "problem", "family", "decided", "questions", "columns", "baselines"])
@click.argument("name")
@click.option("--data", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CSV or Parquet file.")
@click.option("--label", required=True, metavar="COLUMN", help="Column to predict.")
@click.option(
    "--problem",
    type=click.Choice(["classification", "regression"]),
    help="What the label is (default: as its values are).",
)
@click.option("--interactive", is_flag=True, help="Ask, and do what the answers say.")
@click.option("--yes", "takes_defaults", is_flag=True, help="Take what was decided and ask nothing (the default).")
@click.option(
    "--output",
    "parent",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder in which NAME is made (default: here).",
)
def command(
    output: frame.Fields,
    name: str,
    data: Path,
    label: str,
    problem: str | None,
    interactive: bool,
    takes_defaults: bool,
    parent: Path,
) -> None:
    """Write a pipeline for a data file: configuration, schema, README and a page that shows what the data holds.

    The kinds of features are inferred; look at them in NAME/profile.html, then `yachay run NAME`.
    """
    from ..components.features import Problem
    from ..errors import UsageError
    from ..pipelines.scaffold.scaffold import scaffold

    if interactive and takes_defaults:
        raise UsageError("Expected --interactive or --yes. Received: both. Leave one out.")
    written = scaffold(name, data, label, parent, Problem(problem) if problem else None, _ask if interactive else _take)
    inference, folder = written.inference, written.folder
    output["folder"], output["problem"], output["family"] = str(folder), inference.problem.value, written.family
    output["decided"], output["questions"] = list(inference.notes), list(map(str, inference.questions))
    output["columns"] = list(map(_fields, inference.facts))
    output["baselines"] = written.baselines.scores if written.baselines else {}
    lines = [
        f"Wrote {folder}/: {', '.join(written.files)}.",
        f"{inference.label.original_name}: {inference.problem.value}"
        + (f" of {len(inference.class_counts)} classes" if inference.class_counts else "")
        + f": {inference.problem_reason}. Looked at {inference.size}.",
        "",
        *_table(inference.facts[1:]),
        "",
        *_listed("Decided:", inference.notes),
        *_listed("Questions:", [str(question) for question in inference.questions]),
        *_baselines(written),
        f"Look at {folder / 'profile.html'}, then run: yachay run {folder}",
    ]
    click.echo(frame.escape("\n".join(lines), kept=frame.LINES), err=True)


def _ask(question: "Question") -> bool:
    click.echo(frame.escape(question.text), err=True)
    return click.confirm(frame.escape(f"Shall I {question.action}?"), default=False, err=True)


def _take(question: "Question") -> bool:
    return False


def _fields(facts: "ColumnFacts") -> dict[str, Any]:
    column = facts.column
    return {
        "name": column.name,
        "original_name": column.original_name,
        "kind": column.kind.value if column.kind else None,
        "reason": column.reason or column.basis,
        "missing": facts.num_missing,
        "distinct": facts.num_distinct,
        "values": facts.extent,
        "alone": facts.score,
    }


def _table(facts: Sequence["ColumnFacts"]) -> list[str]:
    """Returns a line a column: its kind, its values, how many are missing, what it alone reaches."""
    rows = [("COLUMN", "KIND", "VALUES", "MISSING", "ALONE", "")]
    for one in facts[:MAX_COLUMNS]:
        column = one.column
        missing = f"{one.num_missing / one.num_rows:.1%}" if one.num_missing else ""
        alone = "" if one.score is None else f"{one.score:.3f}"
        kind = column.kind.value if column.kind else "no feature"
        rows.append((column.original_name, kind, one.extent, missing, alone, column.reason or column.basis))
    cut = [(*map(_cut, row[:-1]), " ".join(row[-1].split())) for row in rows]
    widths = [max(len(row[place]) for row in cut) for place in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in cut
    ]
    rest = [f"... and {len(facts) - MAX_COLUMNS} more columns in README.md"] if len(facts) > MAX_COLUMNS else []
    return [*(line.rstrip() for line in lines), *rest]


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_WIDTH else f"{line[: MAX_WIDTH - 3]}..."


def _baselines(written: "NewPipeline") -> list[str]:
    """Returns the line of what simple predictions reach; none where too few rows say."""
    if written.baselines is None:
        return []
    found = written.baselines
    best = next(one.column for one in written.inference.facts if one.column.name == found.best_column)
    names = {"column": best.original_name, "mean": "trees and linear together"}
    reached = ", ".join(f"{names.get(name, name)} {score:.3f}" for name, score in found.scores.items())
    return [
        f"Baselines ({found.metric}): {reached}. Blessed from {found.lower:.3f} on; the family is {written.family}."
    ]


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    shown = [f"  - {' '.join(line.split())}" for line in lines[:MAX_LINES]]
    rest = [f"  ... and {len(lines) - MAX_LINES} more in README.md"] if len(lines) > MAX_LINES else []
    return [title, *shown, *rest] if lines else []
