"""The section `tasks` of a configuration: what is asked, and by what a model is judged."""

from ...components.evaluator.settings import Bounds
from ...components.settings import Settings


class Task(Settings):
    """A prediction task: what is known when the prediction is made, and the bounds of a useful model."""

    description: str = ""
    exclude: dict[str, str] = {}
    thresholds: dict[str, Bounds] = {}
