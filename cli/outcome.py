"""The result of a run, for people."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..pipelines.runs.summary import Summary


def new_summary() -> "Summary":
    """Returns the summary of a run that has not begun."""
    from ..pipelines.runs.summary import Summary

    return Summary()


def hints(summary: "Summary", error: BaseException) -> Iterator[str]:
    """Yields the lines below the error of a run."""
    if summary.report_uri:
        yield f"Report: {summary.report_uri}"
    if isinstance(error, KeyboardInterrupt) and summary.run_id:
        yield "The same command goes on from the finished nodes."


def print_summary(summary: "Summary") -> None:
    """Prints the summary of a run that came to its end."""
    outcome, is_good = ("DONE", True) if summary.verdict is None else (summary.outcome, summary.is_good)
    lines = ["", click.style(outcome, fg="green" if is_good else "red", bold=True)]
    lines += [f"  {reason}" for reason in summary.reasons]
    lines += [f"  {name:<10} {value:.4f}{_beside(name, summary)}" for name, value in summary.metrics.items()]
    if tuning := summary.tuning:
        lines += ["", *_describe_tuning(tuning)]
    if rows := summary.rows:
        counts = f"{rows['read']:,} read, {rows['kept']:,} kept, {rows['quarantined']:,} quarantined"
        lines += ["", f"  rows       {counts}"]
    if summary.training and "strategy" in summary.training:
        batch = summary.training.get("global_batch_size")
        devices = f"{summary.training['strategy']}, {summary.training['replicas']} replicas"
        lines.append(f"  devices    {devices}{f', {batch} examples a step' if batch else ''}")
    if summary.model_uri:
        lines += [f"  model      {summary.model_uri}", f"  pushed     {summary.pushed}"]
    if summary.deployed:
        lines.append(f"  deployed   {summary.deployed}")
    if summary.tracked:
        lines.append(f"  tracked    {summary.tracked}")
    if monitoring := summary.monitoring:
        drifted = f": {monitoring['drifted']}" if monitoring["drifted"] else ""
        lines += [f"  monitor    {monitoring['verdict']}{drifted}", f"  page       {monitoring['page_uri']}"]
    if summary.retraining:
        lines.append(f"  retraining {summary.retraining['reason']}")
    if summary.report_uri:
        lines.append(f"  report     {summary.report_uri}")
    if summary.recommendation_uri:
        lines.append(f"  recommends {summary.recommendation_uri}")
    lines.append(f"  log        {summary.log}")
    if summary.rows.get("quarantined"):
        lines.append(f"  quarantine {summary.quarantine_uri}")
    lines += [f"  warning: {warning}" for warning in summary.warnings]
    cached = [node["id"] for node in summary.nodes if node["cached"]]
    if cached:
        lines.append(f"  from cache {', '.join(cached)}")
    if summary.is_synthetic:
        lines.append(click.style("  SYNTHETIC DATA: these figures say nothing about real people.", bold=True))
    click.echo("\n".join(lines), err=True)


def _describe_tuning(tuning: Mapping[str, Any]) -> list[str]:
    """Returns the lines on a search: a best of many is an optimistic estimate, so what is held out stands beside it."""
    scores = {
        "configured": tuning["configured_score"],
        "best of the search": tuning["score"],
        "held out": tuning["held_out"],
    }
    shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items() if value is not None)
    count = "1 trial" if tuning["trials"] == 1 else f"{tuning['trials']} trials"
    stopped = f", {tuning['stopped']} of them stopped early" if tuning["stopped"] else ""
    lines = [
        f"  tuning     {count}{stopped}: number {tuning['taken']}, {tuning['family']}",
        f"             {tuning['objective']}: {shown}",
    ]
    if tuning["p_value"] is not None:
        kept = "so that the configuration is kept" if tuning["is_kept"] else "so that it is taken"
        lines.append(
            f"             number {tuning['best']} leads the configuration at p {tuning['p_value']:.2g}, "
            f"{tuning['keep_level']:g} is asked for, {kept}"
        )
    if left_out := tuning["left_out"]:
        lines.append(f"             not searched in, for they cannot do the task: {', '.join(left_out)}")
    return [*lines, f"  tuned      {tuning['tuned_uri']}"]


def _beside(metric: str, summary: "Summary") -> str:
    bounds = summary.bounds.get(metric, {})
    parts = [f"{sign} {bounds[side]:g}" for sign, side in ((">=", "lower"), ("<=", "upper")) if side in bounds]
    last = (summary.baseline_metrics or {}).get(metric)
    return (f"  ({', '.join(parts)})" if parts else "") + ("" if last is None else f"  last blessed {last:.4f}")
