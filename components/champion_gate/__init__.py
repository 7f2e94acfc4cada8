"""The gate of a retraining: the candidate beside the champion on the newest labelled rows.

`component.py` and `executor.py` are the TFX side; `compare.py` is the work.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import ChampionGate

__all__ = ["ChampionGate"]

__getattr__ = lazy_exports(__name__, {"ChampionGate": ".component"})
