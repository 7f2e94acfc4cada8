"""The report as files: the page, `report.json` and the slices as CSV."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from ...files import write_atomically
from ..text import Language
from .page.page import render_page
from .report import Report
from .section import Section, render_section

PAGE, REPORT, SLICES = "report.html", "report.json", "slices.csv"


def write_report(
    report: Report, folder: Path, language: Language | None = None, sections: Mapping[str, Section] | None = None
) -> None:
    """Writes the page, the report as JSON and all slices as CSV, each file atomically.

    Args:
        report: `Report`.
        folder: path.
        language: `"en"`, `"es"` or None. What the page starts with; None takes the reader's own.
        sections: mapping of name to `Section`, which render the report's own. Defaults to none.
    """
    known = sections or {}
    fragments = {data.name: render_section(known.get(data.name), data) for data in report.sections}
    contents = {
        SLICES: slices_csv(report),
        REPORT: report.model_dump_json() + "\n",
        PAGE: render_page(report, language, fragments),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(folder / name, content)


def slices_csv(report: Report) -> str:
    """Returns all slices as CSV: a line a slice; each metric's value, interval and whether records are too few for one.

    What is not known is empty.
    """
    metrics = list(report.metrics)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    fields = ("", "_low", "_high", "_too_few")
    writer.writerow(["slice", "rows", "suppressed", *(f"{name}{field}" for name in metrics for field in fields)])
    for row in report.slices:
        estimates = [row.metrics.get(name) for name in metrics]
        cells = [
            cell
            for one in estimates
            for cell in ((one.value, one.low, one.high, int(one.is_too_few)) if one else [None] * len(fields))
        ]
        name = ", ".join(f"{column}={value}" for column, value in row.slice.items())
        writer.writerow([name, row.rows, int(row.is_suppressed), *cells])
    return buffer.getvalue()
