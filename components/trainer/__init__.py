"""The trainer: model families, the choice between them, and the export that any loader can serve.

`component.py` is what an author wires, `run_fn.py` what TFX calls; the rest is the work and imports no TFX.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import Trainer

__all__ = ["Trainer"]

__getattr__ = lazy_exports(__name__, {"Trainer": ".component"})
