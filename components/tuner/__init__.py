"""A search for the family and the hyperparameters that are best by inner folds of the training records.

`record.py` is what a search leaves, `settings.py` what it goes through.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .record import Search, Trial, read_search

__all__ = ["Search", "Trial", "read_search"]

__getattr__ = lazy_exports(__name__, {"Search": ".record", "Trial": ".record", "read_search": ".record"})
