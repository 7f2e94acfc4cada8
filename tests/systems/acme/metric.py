"""How often the class is among the two with the highest scores."""

from typing import Any

import numpy as np

from yachay.components.evaluator.metric import Metric
from yachay.components.features import Problem
from yachay.components.text import Text


class TopTwo(Metric):
    name = "top_two"
    problems = (Problem.CLASSIFICATION,)
    lowest, highest = 0.0, 1.0
    title = Text(en="Among the first two", es="Entre las dos primeras")

    def compute(self, labels: Any, predictions: Any, weights: Any) -> Any:
        hit = (np.argsort(-predictions, axis=1, kind="stable")[:, :2] == labels[:, np.newaxis]).any(axis=1)
        return weights @ hit / weights.sum(axis=1)


METRICS = [TopTwo()]
