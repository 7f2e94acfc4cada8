"""Artifact types of the evaluation."""

from tfx.types import artifact


class OutOfFoldPredictions(artifact.Artifact):
    """What models of a cross-validation predict of the records that each has not seen, in `out_of_fold.parquet`."""

    TYPE_NAME = "yachay.OutOfFoldPredictions"
