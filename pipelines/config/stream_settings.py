"""The section `stream` of a configuration: where events come from, what they look like, where predictions go."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ...components.settings import Settings


class EnvelopeSettings(Settings):
    """Which fields of an event hold what (`schemas/stream/envelope.schema.json`).

    Args:
        features: string. The field whose object holds the features; empty where the event itself does.
        key: string. The field that names what the event is about; empty takes the record's key.
        id: string. The field of the event's id; empty takes that of a CloudEvent, else the record's place.
        time: string. The field of the event's time; empty takes that of a CloudEvent, else the record's.
        trace: string. The field of the trace context, which is passed on.
        output: `"plain"` or `"cloudevent"`.
        names: dict of a field of the output to the name that it is written under; empty leaves it out.
    """

    features: str = "features"
    key: str = ""
    id: str = ""
    time: str = ""
    trace: str = "trace"
    output: Literal["plain", "cloudevent"] = "plain"
    names: dict[
        Literal["key", "prediction", "scores", "outputs", "model", "event_id", "event_time", "predicted_at", "trace"],
        str,
    ] = {}

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if self.names.get("event_id") == "":
            raise ValueError("expected the output to hold `event_id`, by which duplicates are known")
        return self


class StreamSettings(Settings):
    """Where `yachay stream` reads and writes, and the form of its events.

    Args:
        source: string. `file:PATH`, `kafka://HOST:PORT/TOPIC` or `kinesis://STREAM?region=REGION`; empty where the
            command names it.
        sink: string. Where predictions go, of the same forms.
        dead_letter: string. Where events without a prediction go; empty sends them to `sink`.
        envelope: `EnvelopeSettings`.
        min_replicas: int. On Kubernetes; 0 lets KEDA stop the last pod while nothing comes.
        max_replicas: int. On Kubernetes.
        lag_threshold: int. Unread events of Kafka a pod, by which KEDA scales.
        shards_per_replica: int. Shards of Kinesis a pod, by which KEDA scales.
        kafka_secret: string. On Kubernetes, a Secret whose key `settings` holds librdkafka's settings; empty for none.
        scaler_authentication: string. A TriggerAuthentication of KEDA; empty for none.
    """

    source: str = ""
    sink: str = ""
    dead_letter: str = ""
    envelope: EnvelopeSettings = EnvelopeSettings()
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 4
    lag_threshold: Annotated[int, Field(ge=1)] = 1000
    shards_per_replica: Annotated[int, Field(ge=1)] = 2
    kafka_secret: str = ""
    scaler_authentication: str = ""
