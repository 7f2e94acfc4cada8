"""`yachay report index`: one page over all runs of a workdir."""

import datetime
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from ...components.evaluation_report.page.index import IndexedRun, IndexedSlice
from ...components.evaluation_report.page.index_page import render_index
from ...components.evaluation_report.report import Report, SliceRow
from ...errors import DataError, UsageError
from ...files import write_atomically
from .past_runs import PastRun, find_runs
from .summary import Summary

MAX_FACT_CHARACTERS = 160

_STARTED = re.compile(r"\d{8}-\d{6}")
_UNTOLD = ("run_id", "created", "model_uri", "pushed_model_uri", "node_seconds")
"""What of the lineage differs between any two runs."""


def write_index(workdir: Path, output: Path) -> int:
    """Writes the index and returns the number of runs in it.

    Args:
        workdir: path of the folder that keeps the runs.
        output: path of the page; it links to those of the runs by paths relative to it.

    Raises:
        UsageError: if there are no runs, or the page cannot be written.
    """
    runs = find_runs(workdir)
    if not runs:
        raise UsageError(
            f"Expected runs in {workdir}. Received: none. Start one with `yachay run`, or name another --workdir."
        )
    page = render_index([index_run(run, output.absolute().parent) for run in runs])
    try:
        write_atomically(output, page)
    except OSError as error:
        raise UsageError(
            f"Expected to write to {output}. Received: {error.strerror}. Choose another --output."
        ) from None
    return len(runs)


def index_run(run: PastRun, folder: Path) -> IndexedRun:
    """Returns what the index shows of a run.

    Args:
        run: `PastRun`.
        folder: path of the folder that the page will lie in.
    """
    summary, report, problem = run.summary or Summary(), None, run.problem
    if run.summary:
        problem = summary.error or summary.rejection or "; ".join(summary.reasons)
    if run.page_path:
        try:
            report = run.report()
        except DataError as error:
            problem = "; ".join(part for part in (problem, str(error)) if part)
    return IndexedRun(
        run_id=run.run_id,
        started=_started(run.run_id),
        group=run.home.path.name,
        pipeline=run.pipeline,
        task=run.task,
        is_synthetic=run.is_synthetic,
        state=run.state,
        problem=problem,
        page=quote(os.path.relpath(run.page_path, folder)) if run.page_path else None,
        rows=summary.rows.get("kept"),
        seconds=_seconds(summary),
        metrics=summary.metrics,
        bounds=_bounds(report) if report else {},
        directions=report.metric_directions if report else {},
        slices=_slices(report, summary),
        facts=dict(_facts(run, summary, report)),
    )


def _started(run_id: str) -> str:
    match = _STARTED.match(run_id)
    if match is None:
        return ""
    try:
        return f"{datetime.datetime.strptime(match[0], '%Y%m%d-%H%M%S'):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""


def _seconds(summary: Summary) -> float | None:
    seconds = [node["seconds"] for node in summary.nodes if isinstance(node.get("seconds"), int | float)]
    return sum(seconds) if seconds else None


def _bounds(report: Report) -> dict[str, tuple[float | None, float | None]]:
    return {
        threshold.metric: (threshold.lower, threshold.upper)
        for threshold in report.verdict.thresholds
        if not threshold.is_change and not threshold.slice
    }


def _slices(report: Report | None, summary: Summary) -> tuple[IndexedSlice, ...]:
    """Returns the slices that may be shown: of the report, or of the summary where there is none."""
    if report is not None:
        slices = [_report_slice(row) for row in report.slices if row.slice and row.metrics]
    else:
        slices = [one for one in map(_summary_slice, summary.slices) if one is not None]
    return tuple(sorted(slices, key=lambda one: (-one.rows, one.name)))


def _report_slice(row: SliceRow) -> IndexedSlice:
    metrics = {name: estimate.value for name, estimate in row.metrics.items() if estimate.value is not None}
    return IndexedSlice(_slice_name(row.slice), row.rows or 0, metrics)


def _summary_slice(row: Mapping[str, Any]) -> IndexedSlice | None:
    name, rows = row.get("slice"), row.get("rows")
    if not isinstance(name, dict) or not isinstance(rows, int):
        return None
    metrics = {key: value for key, value in row.items() if key not in ("slice", "rows") and isinstance(value, float)}
    return IndexedSlice(_slice_name(name), rows, metrics)


def _slice_name(name: Mapping[str, Any]) -> str:
    return " × ".join(f"{column} = {value}" for column, value in sorted(name.items()))


def _facts(run: PastRun, summary: Summary, report: Report | None) -> Iterator[tuple[str, str]]:
    """Yields the settings of a run, and what its model was made from."""
    if summary.data_fingerprint:
        yield "data fingerprint", summary.data_fingerprint
    try:
        content = (run.path / "config.yaml").read_bytes()
    except OSError:
        content = b""
    yield from _settings(content)
    if report is not None:
        lineage = report.lineage.model_dump(mode="json", exclude={*_UNTOLD, "pipeline", "task", "data_fingerprint"})
        yield from _flat(lineage, "lineage.")


@functools.lru_cache(maxsize=1000)
def _settings(content: bytes) -> tuple[tuple[str, str], ...]:
    """Returns the settings of a configuration file by their dotted names; none where it cannot be read."""
    try:
        document = yaml.load(content, Loader=_Loader)
    except yaml.YAMLError:
        return ()
    return tuple(_flat(document, "")) if isinstance(document, dict) else ()


def _flat(section: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value not in (None, "", []):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield f"{prefix}{key}", text[:MAX_FACT_CHARACTERS] + "…" * (len(text) > MAX_FACT_CHARACTERS)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
