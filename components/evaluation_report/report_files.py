"""The report as files: the page, and its twin as JSON and CSV."""

import csv
import io
import os
from pathlib import Path

from .page.page import render_page
from .page.texts import Language
from .report import Report

PAGE, TWIN, SLICES = "report.html", "report.json", "slices.csv"


def write_report(report: Report, folder: Path, language: Language | None = None) -> None:
    """Writes the page, the report as JSON and all slices as CSV, each file whole or not at all."""
    contents = {
        SLICES: slices_csv(report),
        TWIN: report.model_dump_json() + "\n",
        PAGE: render_page(report, language),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        temporary = folder / f".{name}.tmp"
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, folder / name)  # noqa: PTH105


def slices_csv(report: Report) -> str:
    """Returns all slices as CSV: a line a slice, its value and interval for each metric, empty where there is none."""
    metrics = list(report.metrics)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    bounds = ("", "_low", "_high")
    writer.writerow(["slice", "rows", "suppressed", *(f"{name}{bound}" for name in metrics for bound in bounds)])
    for row in report.slices:
        estimates = [row.metrics.get(name) for name in metrics]
        cells = [
            number for one in estimates for number in ((one.value, one.low, one.high) if one else (None, None, None))
        ]
        name = ", ".join(f"{column}={value}" for column, value in row.slice.items())
        writer.writerow([name, row.rows, int(row.is_suppressed), *cells])
    return buffer.getvalue()
