"""Artifacts of `RunTracker`."""

from tfx.types.artifact import Artifact


class Tracking(Artifact):
    """What tracking a run came to; on Kubeflow also the spool, where the run could not be sent."""

    TYPE_NAME = "yachay.Tracking"
