"""Metrics of a stream, at `/metrics` beside the model's own (`serving.metrics`)."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("yachay_stream_events", "Acknowledged events by outcome: predicted, dead", ["model_name", "outcome"])
DEAD_LETTERS = Counter("yachay_stream_dead_letters", "Acknowledged dead letters", ["model_name", "reason"])
LAG = Gauge("yachay_stream_lag", "What has come to the stream and was not read, by unit", ["model_name", "unit"])
AGE = Gauge(
    "yachay_stream_oldest_event_seconds", "Age of the oldest event that is in work; 0 while none is", ["model_name"]
)
SECONDS = Histogram(
    "yachay_stream_seconds",
    "Seconds that a batch took to be predicted, and to be delivered",
    ["model_name", "phase"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
LATENCY = Histogram(
    "yachay_stream_event_seconds",
    "Seconds from an event's arrival in the stream to the acknowledgement of its output, of each batch's oldest",
    ["model_name"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 60, 120, 300, 600, 3600),
)
