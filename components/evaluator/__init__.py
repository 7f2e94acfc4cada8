"""Judging a model: metrics, thresholds, and the component that blesses."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import Evaluator

__all__ = ["Evaluator"]

__getattr__ = lazy_exports(__name__, {"Evaluator": ".component"})
