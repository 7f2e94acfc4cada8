"""Preprocessing from the configuration, for TFX Transform and for cross-validation."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import Transform

__all__ = ["Transform"]

__getattr__ = lazy_exports(__name__, {"Transform": ".component"})
