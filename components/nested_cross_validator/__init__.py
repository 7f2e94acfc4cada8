"""Out-of-fold predictions of models whose hyperparameters were searched for in each fold, on its training part.

`component.py` and `executor.py` are the TFX side; `folds.py` is the work.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import NestedCrossValidator

__all__ = ["NestedCrossValidator"]

__getattr__ = lazy_exports(__name__, {"NestedCrossValidator": ".component"})
