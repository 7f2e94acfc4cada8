"""The evaluation of a model as one page that people browse, offline, as JSON and as CSV."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import EvaluationReport

__all__ = ["EvaluationReport"]

__getattr__ = lazy_exports(__name__, {"EvaluationReport": ".component"})
