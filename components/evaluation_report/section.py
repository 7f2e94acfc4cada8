"""Sections of a system's own on the evaluation page: `SECTIONS` in its `report.py`.

    from yachay.components.evaluation_report.section import Section, SectionInputs, table

    def build(inputs: SectionInputs):
        errors = abs(inputs.predictions - inputs.labels).mean(axis=0)
        return {"mae": errors.tolist()}

    def render(data):
        return table(["step", "MAE"], [[step + 1, value] for step, value in enumerate(data["mae"])])

    SECTIONS = [Section("by_step", Text(en="Errors by step", es="Errores por paso"), build, render)]

What `build` returns stands in `report.json`; what `render` returns of it stands on the page, after our sections and in
the order of the list. A section that fails is shown with its error, and the report is made all the same.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from ...errors import DataError
from ..features import Problem
from ..prediction_task import PredictionTask
from ..registry import Registry
from ..text import Text
from ..web_page.numbers import format_number, is_number
from ..web_page.plots import PLOT, Scale, line, scale_of, thin
from ..web_page.texts import element
from .report import Report, SectionData

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 150_000
"""The longest fragment that the page takes."""


@dataclasses.dataclass(frozen=True)
class SectionInputs:
    """What a section is built from.

    Args:
        task: `PredictionTask`.
        labels: array as `Metric.compute` takes it, of the split `eval`.
        predictions: float array likewise: what the candidate predicts.
        example_files: sequence of paths of the gzip-compressed TFRecord files of the split, as
            `components.examples.read_examples` reads them. Records without a label are not in `labels`.
        model_path: string. Folder of the candidate's SavedModel.
        schema: `Schema`.
        statistics: mapping of split to its statistics.
        report: `Report`. Our own numbers.
        seed: int.
        train_files: sequence of paths of the examples of the split `train`. Defaults to none.
        attachments: path of the folder of what the reader attached (`components.example_gen.attachments`), or None.
            Defaults to None.
    """

    task: PredictionTask
    labels: NDArray[Any]
    predictions: NDArray[np.float64]
    example_files: Sequence[str]
    model_path: str
    schema: schema_pb2.Schema
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics]
    report: Report
    seed: int
    train_files: Sequence[str] = ()
    attachments: Path | None = None

    def read_columns(self, columns: Sequence[str]) -> pd.DataFrame:
        """Returns columns of the evaluated records, inputs of the model or not, in the order of `labels`.

        Args:
            columns: sequence of strings. Columns of the schema.

        Returns:
            `pandas.DataFrame` as `components.feature_selection.records.decode_records` gives it.

        Raises:
            DataError: if a column is not in the schema, or the examples are not those of `labels`.
        """
        from ..feature_selection.records import columns_of

        label = self.task.label.name
        records = self._read(self.example_files, list(dict.fromkeys([label, *columns])))
        labels = self.labels
        # With `label.cut_share` each fold has labels of its own.
        is_own = self.task.label.cut_share is not None
        if self.task.problem is Problem.CLASSIFICATION:
            labels = np.array(self.task.label.values, dtype=object)[labels]
        found = records[columns_of(records, label)].to_numpy()
        if len(found) != len(labels) or not (is_own or (found.reshape(labels.shape) == labels).all()):
            raise DataError(
                f"Expected the {len(labels)} evaluated records in the examples. "
                f"Received: {len(records)} with other labels."
            )
        return records[[column for name in columns for column in columns_of(records, name)]]

    def read_training_columns(self, columns: Sequence[str]) -> pd.DataFrame:
        """Returns columns of the records of the split `train` as `read_columns` does, for what is learned from them."""
        return self._read(self.train_files, list(columns))

    def _read(self, files: Sequence[str], columns: list[str]) -> pd.DataFrame:
        # The configuration is checked with a system's sections: TensorFlow is imported only where a page is made.
        from ..examples import read_examples
        from ..feature_selection.records import decode_records

        return decode_records(list(itertools.chain.from_iterable(read_examples(files))), self.schema, columns)


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        name: string. An identifier; `own-<name>` is the section's anchor.
        title: `Text`.
        build: function from `SectionInputs` to what JSON can hold.
        render: function from that to HTML: `markupsafe.Markup`, as the helpers here return it, inline SVG included. A
            plain string is escaped. The page runs no script of a section and loads nothing.
        problems: frozenset of `Problem`. The tasks that have it. Defaults to all.
    """

    name: str
    title: Text
    build: Callable[[SectionInputs], Any]
    render: Callable[[Any], str]
    problems: frozenset[Problem] = frozenset(Problem)


def load_sections(extensions: Sequence[str]) -> Mapping[str, Section]:
    """Returns the sections of installed packages (entry point `yachay.sections`) and of `extensions`, by name.

    Raises:
        ConfigurationError: if two have one name, or a module cannot be imported.
    """
    return Registry[Section]("section of the page", "", "yachay.sections", "SECTIONS").load(extensions)


def build_section(section: Section, inputs: SectionInputs) -> SectionData:
    """Returns the data of a section, or why there is none."""
    try:
        data = json.loads(json.dumps(section.build(inputs), allow_nan=False))
    # It is the system's own code, and no reason to lose the report.
    except Exception as error:
        return SectionData(name=section.name, title=section.title, problem=_describe(error))
    return SectionData(name=section.name, title=section.title, data=data)


def render_section(section: Section | None, data: SectionData) -> tuple[Markup, str]:
    """Returns the fragment of a section, or an empty one and why."""
    if data.problem or section is None:
        return Markup(), data.problem or "it has no code here"
    try:
        fragment = escape(section.render(data.data))
    except Exception as error:
        return Markup(), _describe(error)
    if len(fragment.encode()) > MAX_BYTES:
        return Markup(), f"its {len(fragment.encode()):,} bytes are more than {MAX_BYTES:,}"
    return fragment, ""


def localized(text: Text, tag: str = "span") -> Markup:
    """Returns a text that the page's switch of languages changes."""
    return element(tag, text.en or text.es, {"data-en": text.en or text.es, "data-es": text.es or text.en})


def table(header: Sequence[str | Text], rows: Sequence[Sequence[Any]]) -> Markup:
    """Returns a table; numbers are formatted and stand at the right, anything else is escaped."""
    head = Markup().join(
        localized(cell, "th") if isinstance(cell, Text) else element("th", cell, {"scope": "col"}) for cell in header
    )
    body = Markup().join(element("tr", Markup().join(map(_cell, row)), {}) for row in rows)
    return element(
        "div",
        Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body),
        {"class_": "scroll"},
    )


def line_plot(x: Sequence[float], series: Mapping[str, Sequence[float | None]], title: str) -> Markup:
    """Returns a plot of at most three lines over common x values, with a legend.

    Args:
        x: sequence of floats, ascending.
        series: mapping of name to as many values, None for a gap.
        title: string.
    """
    x_scale = Scale(x[0], x[-1] if x[-1] > x[0] else x[0] + 1, PLOT.left, PLOT.right)
    y_scale = scale_of([value for values in series.values() for value in values], PLOT.bottom, PLOT.top)
    parts = [
        Markup('<g class="grid"><path d="M{},{}H{}"/></g><text class="n y" x="{}" y="{}">{}</text>').format(
            PLOT.left, y_scale(value), PLOT.right, PLOT.left - 5, y_scale(value) + 4, label
        )
        for value, label in y_scale.ticks()
    ]
    parts += [
        Markup('<text class="x" x="{}" y="{}">{}</text>').format(x_scale(value), PLOT.bottom + 15, format_number(value))
        for value in thin(x, 8)
    ]
    parts += [
        Markup('<path class="curve s{}" d="{}"/>').format(place, line(x, values, x_scale, y_scale))
        for place, values in enumerate(series.values(), start=1)
    ]
    keys = Markup().join(
        Markup(
            '<span><svg aria-hidden="true" viewBox="0 0 26 10"><path class="s{}" d="M1,5H25"/></svg>{}</span>'
        ).format(place, name)
        for place, name in enumerate(series, start=1)
    )
    drawing = Markup('<svg role="img" viewBox="0 0 360 232"><title>{}</title>{}</svg>').format(
        title, Markup().join(parts)
    )
    return Markup('<figure><figcaption><b>{}</b></figcaption><p class="legend">{}</p>{}</figure>').format(
        title, keys, drawing
    )


def _cell(value: Any) -> Markup:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return element("td", format_number(value, 3) if is_number(value) else "–", {"class_": "n num"})
    return element("td", value, {})


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:400]
