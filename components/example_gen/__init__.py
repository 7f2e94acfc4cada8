"""Data in: files of columns to `tf.Example` records, split into `train` and `eval`, and a quarantine.

`component.py` and `executor.py` are the TFX side; `ingest.py` is the work and imports no TFX.
"""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import ColumnarExampleGen

__all__ = ["ColumnarExampleGen"]

__getattr__ = lazy_exports(__name__, {"ColumnarExampleGen": ".component"})
