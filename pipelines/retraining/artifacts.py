"""Artifacts of `RetrainTrigger`."""

from tfx.types.artifact import Artifact


class RetrainDecision(Artifact):
    """A decision on retraining: `decision.json`."""

    TYPE_NAME = "yachay.RetrainDecision"
