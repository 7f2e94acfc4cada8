"""Statistics of examples, in the form of TensorFlow Data Validation."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import StatisticsGen

__all__ = ["StatisticsGen"]

__getattr__ = lazy_exports(__name__, {"StatisticsGen": ".component"})
