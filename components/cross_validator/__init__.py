"""Folds of a cross-validation, for `yachay evaluate` and for pipelines that evaluate out-of-fold predictions.

`component.py` and `executor.py` are the TFX side; `folds.py` and `workers.py` are the work and import no TFX.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import CrossValidator

__all__ = ["CrossValidator"]

__getattr__ = lazy_exports(__name__, {"CrossValidator": ".component"})
