"""Artifacts of `ColumnarExampleGen`."""

from tfx.types.artifact import Artifact


class Quarantine(Artifact):
    """Records that do not fit: `quarantine.csv` with the columns file, line, column, reason and record."""

    TYPE_NAME = "yachay.Quarantine"
