"""Tracks runs and registers their models: MLflow, Kubeflow's Model Registry, or the model store alone."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import FailureTracker, RunTracker

__all__ = ["FailureTracker", "RunTracker"]

__getattr__ = lazy_exports(__name__, {"FailureTracker": ".component", "RunTracker": ".component"})
