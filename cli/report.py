"""`yachay report` and `yachay report index`."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError, UsageError
from . import frame, options

if TYPE_CHECKING:
    from ..pipelines.runs.past_runs import PastRun

INDEX = "index"
LATEST = "latest"
FIELDS = (
    "run",
    "pipeline",
    "task",
    "state",
    "verdict",
    "metrics",
    "thresholds",
    "is_synthetic",
    "page",
    "report_json",
    "newer_runs",
)
"""What `--json` prints, whatever happens."""

open_option = click.option("--open", "is_opening", is_flag=True, help="Open the page in the browser.")


class _Report(frame.Frame):
    """The command, and in front of it `index`, which no run is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == [INDEX]:
            return index.make_context(f"{info_name} {INDEX}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@frame.command("report", fields=FIELDS, cls=_Report, epilog="`yachay report index` makes a page of all runs.")
@click.argument("run", metavar="[RUN|latest]", default=LATEST)
@click.option("--pipeline", metavar="NAME", help="Take only runs of this pipeline.")
@click.option("--task", metavar="T", help="Take only runs of this task.")
@options.workdir_option
@open_option
def command(
    output: frame.Fields, run: str, pipeline: str | None, task: str | None, workdir: Path, is_opening: bool
) -> None:
    """Show where the evaluation page of a run is, with its verdict and metrics.

    RUN is the id of a run or the path of its folder; the latest is the newest that has ended.
    """
    from ..pipelines.runs.past_runs import find_latest, find_run

    newer: list[PastRun] = []
    if run == LATEST:
        found, newer = find_latest(workdir, pipeline, task)
    else:
        found = find_run(workdir, run, pipeline, task)
    output.update(_describe(found))
    output["newer_runs"] = [one.run_id for one in newer]
    for one in newer:
        click.echo(f"A newer run, {one.run_id}, is under way or was killed: it has no summary.", err=True)
    if found.page_path is None:
        raise UsageError(_why_no_page(found))
    if not frame.is_json():
        click.echo(_to_text(found, output))
    if is_opening:
        _open(found.page_path)


@frame.command("index", fields=["page", "runs"])
@options.workdir_option
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write (default: index.html in the workdir).",
)
@open_option
def index(output: frame.Fields, workdir: Path, file: Path | None, is_opening: bool) -> None:
    """Write one page of all runs: filters, the history of each metric, two runs side by side.

    The page links to those of the runs by relative paths, so it can move together with the workdir.
    """
    from ..pipelines.runs.report_index import write_index

    path = file or workdir / "index.html"
    output["page"] = str(path.absolute())
    output["runs"] = write_index(workdir, path)
    if not frame.is_json():
        click.echo(f"{path}: {output['runs']:,} runs, {path.stat().st_size:,} bytes")
    if is_opening:
        _open(path)


def _describe(run: "PastRun") -> dict[str, Any]:
    from ..components.evaluation_report.report_files import REPORT

    summary = run.summary
    described: dict[str, Any] = {
        "run": run.run_id,
        "pipeline": run.pipeline,
        "task": run.task,
        "state": run.state,
        "verdict": summary.verdict if summary else None,
        "metrics": {name: {"value": value} for name, value in (summary.metrics if summary else {}).items()},
        "thresholds": [],
        "is_synthetic": run.is_synthetic,
    }
    if run.page_path is None:
        return described
    described |= {"page": str(run.page_path), "report_json": str(run.page_path.with_name(REPORT))}
    try:
        report = run.report()
    except DataError as error:
        click.echo(f"Warning: {error} The page itself is there.", err=True)
        return described | {"report_json": None}
    return described | {
        "metrics": {name: estimate.model_dump() for name, estimate in report.metrics.items()},
        "thresholds": [
            threshold.model_dump(mode="json", exclude={"failing_slices"}) for threshold in report.verdict.thresholds
        ],
    }


def _to_text(run: "PastRun", described: dict[str, Any]) -> str:
    from ..pipelines.runs.summary import Summary

    summary = run.summary or Summary()
    lines = [f"{run.pipeline}, task {run.task or 'not known'}, run {run.run_id}"]
    if described["is_synthetic"]:
        lines.append(click.style("SYNTHETIC DATA: these figures say nothing about real people.", bold=True))
    if summary.verdict:
        lines.append(click.style(summary.outcome, fg="green" if summary.is_good else "red", bold=True))
    lines += [f"  {reason}" for reason in summary.reasons]
    if summary.rejection:
        lines.append(f"  pushed     {summary.pushed}")
    for name, estimate in described["metrics"].items():
        lines.append(f"  {name:<10} {_number(estimate['value'])}{_interval(estimate)}{_bounds(name, described)}")
    if summary.error:
        lines.append(f"  failed after it: {summary.error}")
    lines += ["", f"  page       {described['page']}"]
    if described["report_json"]:
        lines.append(f"  data       {described['report_json']}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4f}"


def _interval(estimate: dict[str, Any]) -> str:
    if estimate.get("is_too_few"):
        return "  [too few records for an interval]"
    if estimate.get("low") is None or estimate.get("high") is None:
        return ""
    return f"  [{estimate['low']:.4f}, {estimate['high']:.4f}]"


def _bounds(metric: str, described: dict[str, Any]) -> str:
    parts = [
        f"{sign} {threshold[side]:g}"
        for threshold in described["thresholds"]
        if threshold["metric"] == metric and not threshold["is_change"] and not threshold["slice"]
        for sign, side in ((">=", "lower"), ("<=", "upper"))
        if threshold[side] is not None
    ]
    return f"  ({', '.join(parts)})" if parts else ""


def _why_no_page(run: "PastRun") -> str:
    expected = f"Expected the run {run.run_id} to have an evaluation page. Received: none."
    if run.summary is None:
        return f"{expected} {run.problem}"
    if run.summary.report_uri:
        return f"{expected} {run.summary.report_uri} is gone. Run the pipeline again."
    if run.state == "failed":
        where = f" at {run.failed_node}" if run.failed_node else ""
        return f"{expected} It failed{where}: {run.summary.error or 'see its log'}"
    return f"{expected} Its pipeline has no EvaluationReport, or is of an earlier version. Run it again."


def _open(path: Path) -> None:
    if not webbrowser.open(path.absolute().as_uri()):
        raise UsageError(f"Expected a browser for --open. Received: none. Open {path} yourself.")
