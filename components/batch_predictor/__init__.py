"""Bulk scoring: files of records to one file of predictions.

`component.py` and `executor.py` are the TFX side; `predict.py` is the work and imports no TFX.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import BatchPredictor

__all__ = ["BatchPredictor"]

__getattr__ = lazy_exports(__name__, {"BatchPredictor": ".component"})
