"""Artifact types of the feature selection."""

from tfx.types import artifact


class FeatureRanking(artifact.Artifact):
    """The features in the order in which they were tried, in `ranking.json`: importance, score, kept or not."""

    TYPE_NAME = "yachay.FeatureRanking"
