"""A section of the page: the rule behind the labels, and where the model misses it."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...components.evaluation_report.section import Section, SectionInputs, localized, table
from ...components.evaluator.metrics.classification import MacroF1
from ...components.features import Problem
from ...components.text import Text
from .mock import CUTS, grade_class

CLASSES = ("A", "B", "C", "D", "F")

_DISTANCES = (0.0, 0.05, 0.1, 0.2, np.inf)
"""Edges of how far a GPA may be from the nearest cut, of the cuts' scale."""


def build_rule(inputs: SectionInputs) -> list[dict[str, Any]]:
    """Returns how often the classes follow the rule and the predictions meet the class: over all, then by distance.

    A predicted GPA is cut by the rule first: of the task `gpa` this is the two-step model.
    """
    records = inputs.read_columns(["GPA", "GradeClass"])
    gpa = records["GPA"].to_numpy(np.float64)
    labels = np.array([CLASSES.index(name) for name in records["GradeClass"]])
    is_class = inputs.task.problem is Problem.CLASSIFICATION
    predicted = inputs.predictions.argmax(axis=1) if is_class else grade_class(inputs.predictions)
    distance = np.abs(gpa[:, np.newaxis] - np.array(CUTS)).min(axis=1)
    lines = [_line("all", labels, predicted, grade_class(gpa))]
    for low, high in itertools.pairwise(_DISTANCES):
        inside = (distance >= low) & (distance < high)
        if inside.any():
            name = f"{low:g} – {high:g}" if np.isfinite(high) else f"≥ {low:g}"
            lines.append(_line(name, labels[inside], predicted[inside], grade_class(gpa[inside])))
    return lines


def render_rule(lines: list[dict[str, Any]]) -> str:
    """Returns a table, a line for all students and for each distance."""
    header = [
        Text(en="GPA's distance from the nearest cut", es="Distancia del GPA al corte más cercano"),
        Text(en="Students", es="Estudiantes"),
        Text(en="Accuracy of this model", es="Exactitud de este modelo"),
        Text(en="its macro-F1", es="su F1 macro"),
        Text(en="Accuracy of the rule, given the true GPA", es="Exactitud de la regla con el GPA verdadero"),
    ]
    note = Text(
        en="This set behaves like generated data: the class is a cut of GPA (3.5, 3, 2.5, 2), and those off the rule "
        "look drawn at random. No model can foresee these, so that the last column is out of reach. A predicted GPA is "
        "cut by the same rule.",
        es="Este conjunto se comporta como datos generados: la clase es un corte del GPA (3,5; 3; 2,5; 2), y las que "
        "no cumplen la regla parecen sorteadas. Ningún modelo puede preverlas: la última columna es inalcanzable. Un "
        "GPA predicho se corta con la misma regla.",
    )
    names = ["students", "accuracy", "macro_f1", "rule"]
    every = localized(Text(en="all", es="todas"))
    rows = [[every if line["name"] == "all" else line["name"], *(line[name] for name in names)] for line in lines]
    return table(header, rows) + localized(note, "p")


SECTIONS = [
    Section("rule", Text(en="The rule behind the labels", es="La regla detrás de las clases"), build_rule, render_rule)
]


def _line(
    name: str, labels: NDArray[np.int64], predicted: NDArray[np.int64], by_rule: NDArray[np.int64]
) -> dict[str, Any]:
    macro_f1 = MacroF1().compute(labels, np.eye(len(CLASSES))[predicted], np.ones((1, len(labels))))
    return {
        "name": name,
        "students": len(labels),
        "accuracy": float(np.mean(labels == predicted)),
        "macro_f1": float(macro_f1[0]),
        "rule": float(np.mean(labels == by_rule)),
    }
