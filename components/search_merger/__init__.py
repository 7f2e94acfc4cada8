"""Searches that ran side by side in steps of their own, as one.

`component.py` and `executor.py` are the TFX side; `merge.py` is the work.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import SearchMerger

__all__ = ["SearchMerger"]

__getattr__ = lazy_exports(__name__, {"SearchMerger": ".component"})
