"""Artifacts of `InterventionRecommender`."""

from tfx.types.artifact import Artifact


class InterventionRecommendation(Artifact):
    """A recommendation: `recommendation.json`, a table, a map, the page, and what a plan anew needs."""

    TYPE_NAME = "yachay.InterventionRecommendation"
