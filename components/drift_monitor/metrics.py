"""The monitor's numbers as metrics of Prometheus: served by `--follow`, or sent to a Pushgateway by a step."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, push_to_gateway

from ...deployment.errors import MonitoringError
from .result import MonitorResult

JOB = "yachay_monitor"
_TIMEOUT_SECONDS = 10


class Metrics:
    """Metrics of one model, each with the label `model_name`.

    Args:
        registry: `CollectorRegistry`.
        name: string. The model's name.
    """

    def __init__(self, registry: CollectorRegistry, name: str) -> None:
        self._name = name
        self._gauges: list[Gauge] = []

        def gauge(metric: str, text: str, *labels: str) -> Gauge:
            made = Gauge(f"yachay_monitor_{metric}", text, ["model_name", *labels], registry=registry)
            self._gauges.append(made)
            return made

        self._drift = gauge("drift", "1 where the newest windows drifted, else 0")
        self._enough = gauge("judged", "1 where a window has enough rows to be judged, else 0")
        self._distance = gauge("feature_distance", "Distance of the newest window from the training", "feature")
        self._feature_drift = gauge("feature_drift", "1 where the feature drifted in the newest window", "feature")
        self._missing = gauge("missing_share", "Share of missing values in the newest window", "feature")
        self._unseen = gauge("unseen_share", "Share of categories that training never saw", "feature")
        self._output = gauge("prediction_distance", "Distance of predictions from those before the push", "output")
        self._estimated = gauge("estimated", "Metric estimated from scores, of the newest window", "metric")
        self._measured = gauge("measured", "Metric by labels that came later, of the newest window", "metric")
        self._before = gauge("reference", "The metric before the push", "metric")
        self._rows = gauge("window_rows", "Rows of the newest window that is judged")
        self._labels = gauge("window_labels", "Rows of it whose label is known")
        self._end = gauge("window_end_timestamp_seconds", "When the newest window that is judged ends")
        self._problems = gauge("log_problems", "What of the log could not be read or judged")
        self._finished = gauge("finished_timestamp_seconds", "When the log was looked at last")
        self._failures = Counter(
            "yachay_monitor_failures", "Times that the log could not be judged", ["model_name"], registry=registry
        )
        self._failures.labels(name)

    def looked(self) -> None:
        """Notes that the log was looked at and has nothing new."""
        self._finished.labels(self._name).set(time.time())

    def fail(self) -> None:
        """Counts that the log could not be judged."""
        self._failures.labels(self._name).inc()

    def show(self, result: MonitorResult) -> None:
        """Takes the numbers of a result; features and metrics that it lacks are no longer shown."""
        from datetime import datetime

        for each in self._gauges:
            each.clear()
        name = self._name
        windows = [window for window in result.windows if window.is_current and window.verdict != "too_few"]
        self._drift.labels(name).set(result.verdict == "drift")
        self._enough.labels(name).set(bool(windows))
        self._problems.labels(name).set(len(result.problems))
        self._finished.labels(name).set(datetime.fromisoformat(result.created).timestamp())
        for kind, metrics in ((self._estimated, result.estimated), (self._measured, result.measured)):
            for metric, one in metrics.items():
                kind.labels(name, metric).set(one.value)
                if one.reference is not None:
                    self._before.labels(name, metric).set(one.reference)
        if not windows:
            return
        newest = windows[-1]
        self._rows.labels(name).set(newest.rows)
        self._labels.labels(name).set(newest.labels)
        self._end.labels(name).set(datetime.fromisoformat(newest.end).timestamp())
        for feature in newest.features:
            if feature.distance is not None:
                self._distance.labels(name, feature.name).set(feature.distance)
                self._feature_drift.labels(name, feature.name).set(feature.decision == "drift")
                self._missing.labels(name, feature.name).set(feature.missing or 0)
            if feature.unseen is not None:
                self._unseen.labels(name, feature.name).set(feature.unseen)
        for output in newest.predictions:
            if output.distance is not None:
                self._output.labels(name, output.name).set(output.distance)


def push_metrics(result: MonitorResult, gateway: str, name: str) -> None:
    """Sends the numbers of a result to a Pushgateway, in place of those that the model had there.

    Raises:
        MonitoringError: if the gateway does not respond.
    """
    registry = CollectorRegistry()
    Metrics(registry, name).show(result)
    try:
        push_to_gateway(
            gateway, job=JOB, registry=registry, grouping_key={"model_name": name}, timeout=_TIMEOUT_SECONDS
        )
    except OSError as error:
        raise MonitoringError(
            f"Expected the Pushgateway {gateway} to take the monitor's metrics. Received: {error}. Check "
            "monitor.push_gateway."
        ) from None
