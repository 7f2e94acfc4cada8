"""Watches a served model: its prediction log against what it was trained on, and against the labels that came later.

from yachay.components.drift_monitor.monitor import monitor

result = monitor("logs/", references=PushedReferences(store), settings=MonitorSettings(window="7d"))
result.verdict  # "quiet", "drift" or "too_few"
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import DriftMonitor
    from .references import OneReference, PushedReferences
    from .result import MonitorResult
    from .settings import MonitorSettings

__all__ = ["DriftMonitor", "MonitorResult", "MonitorSettings", "OneReference", "PushedReferences"]

__getattr__ = lazy_exports(
    __name__,
    {
        "DriftMonitor": ".component",
        "MonitorResult": ".result",
        "MonitorSettings": ".settings",
        "OneReference": ".references",
        "PushedReferences": ".references",
    },
)
