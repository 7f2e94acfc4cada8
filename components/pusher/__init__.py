"""Pushing blessed models to where they are served from."""

from typing import TYPE_CHECKING

from ...dotted import lazy_exports

if TYPE_CHECKING:
    from .component import Pusher

__all__ = ["Pusher"]

__getattr__ = lazy_exports(__name__, {"Pusher": ".component"})
