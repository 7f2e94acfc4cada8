"""A section of its own on the page: the error of the median by hour ahead."""

from typing import Any

import numpy as np

from yachay.components.evaluation_report.section import Section, SectionInputs, table
from yachay.components.text import Text


def build(inputs: SectionInputs) -> list[float]:
    """Returns the mean absolute error of each hour ahead."""
    errors: list[float] = np.abs(inputs.labels - inputs.predictions[:, :, 1]).mean(axis=0).tolist()
    return errors


def render(errors: Any) -> str:
    """Returns a table of the first and the last hours."""
    return table(["Hour", "MAE"], [[hour, errors[hour - 1]] for hour in (1, 6, 12, 24)])


SECTIONS = [Section("hours", Text(en="Toy: errors by hour", es="Juguete: errores por hora"), build, render)]
