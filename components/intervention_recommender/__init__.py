"""Which communities face the greatest barriers, what would help most by a model, and the best plan under a budget.

`component.py` and `executor.py` are the TFX side; `recommend.py` and the modules below it are the work.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import InterventionRecommender

__all__ = ["InterventionRecommender"]

__getattr__ = lazy_exports(__name__, {"InterventionRecommender": ".component"})
