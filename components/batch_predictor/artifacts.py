"""Artifacts of `BatchPredictor`."""

from tfx.types.artifact import Artifact


class Predictions(Artifact):
    """Predictions of files of records: `predictions.parquet`, or `destination.txt` with where they were written.

    The properties `output`, `quarantine`, `rows`, `rejected`, `model_version`, `model_uri` and `evaluator` say what was
    done.
    """

    TYPE_NAME = "yachay.Predictions"
