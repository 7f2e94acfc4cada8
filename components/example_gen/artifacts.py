"""Artifacts of `ColumnarExampleGen`."""

from tfx.types.artifact import Artifact


class Quarantine(Artifact):
    """Records that do not fit: `quarantine.csv` with the columns file, line, column, reason and record.

    Where a reader noted what it changed or left out, `notes.csv` beside it has file, line, record, column, change and
    reason.
    """

    TYPE_NAME = "yachay.Quarantine"
