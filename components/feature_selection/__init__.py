"""Recursive feature addition: the curated schema without the features that a model can do without.

`component.py` and `executor.py` are the TFX side; `records.py` and `select.py` are the work and import no TFX.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import FeatureSelector

__all__ = ["FeatureSelector"]

__getattr__ = lazy_exports(__name__, {"FeatureSelector": ".component"})
