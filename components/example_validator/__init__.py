"""Validation of examples against the schema, as a gate."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import ExampleValidator

__all__ = ["ExampleValidator"]

__getattr__ = lazy_exports(__name__, {"ExampleValidator": ".component"})
