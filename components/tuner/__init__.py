"""A search for the family and the hyperparameters that are best by inner folds of the training records.

`component.py` and `executor.py` are the TFX side; `search.py` is the work, `oracle.py` asks KerasTuner what to try
next, `record.py` is what a search leaves.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import Tuner
    from .record import Search, Trial, read_search

__all__ = ["Search", "Trial", "Tuner", "read_search"]

__getattr__ = lazy_exports(
    __name__, {"Search": ".record", "Trial": ".record", "Tuner": ".component", "read_search": ".record"}
)
