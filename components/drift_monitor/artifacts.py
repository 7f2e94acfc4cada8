"""Artifacts of `DriftMonitor`."""

from tfx.types.artifact import Artifact


class MonitorReport(Artifact):
    """What the monitor found: `monitor.html`, and as data `monitor.json` (a `MonitorResult`)."""

    TYPE_NAME = "yachay.MonitorReport"
