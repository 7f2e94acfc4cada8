"""Artifacts of `EvaluationReport`."""

from tfx.types.artifact import Artifact


class EvaluationReport(Artifact):
    """The evaluation of a model: `report.html`, and as data `report.json` (a `Report`) and `slices.csv`."""

    TYPE_NAME = "yachay.EvaluationReport"
