"""The curated schema of a pipeline, as an artifact."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import CuratedSchema

__all__ = ["CuratedSchema"]

__getattr__ = lazy_exports(__name__, {"CuratedSchema": ".component"})
