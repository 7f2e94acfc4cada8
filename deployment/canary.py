"""How a new model gets the requests, and by what it is judged: the section `deploy.canary` of a configuration."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class CanarySettings(BaseModel):
    """How a new model gets the requests, and by what it is judged.

    Args:
        steps: list of ints. Ascending shares in per cent, the last 100.
        prometheus: string. Address of Prometheus; needed for steps below 100.
        labels: dict. Labels that its metrics must have, such as `namespace` where it sees several.
        bake_minutes: float. How long each share is watched.
        ready_minutes: float. How long new pods may take.
        patience_minutes: float. How long Prometheus may be away, and by how much longer a share is watched where the
            candidate got too few requests.
        poll_seconds: float. Pause between two looks at the pods and at Prometheus.
        max_error_rate: float. Share of requests whose response is 5xx.
        max_p99_ms: float. 99th percentile of the latency.
        max_stability_index: float. Population stability index of the predicted classes, stable against candidate.
            Above .25 the populations differ (Siddiqi, Credit Risk Scorecards, 2006).
        min_requests: int. Requests to the candidate without which it is not judged, and rolled back in the end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: list[int] = [10, 50, 100]
    prometheus: str = ""
    labels: dict[str, str] = {}
    bake_minutes: Annotated[float, Field(gt=0)] = 5.0
    ready_minutes: Annotated[float, Field(gt=0)] = 20.0
    patience_minutes: Annotated[float, Field(ge=0)] = 2.0
    poll_seconds: Annotated[float, Field(gt=0)] = 5.0
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    max_p99_ms: Annotated[float, Field(gt=0)] = 500.0
    max_stability_index: Annotated[float, Field(gt=0)] = 0.25
    min_requests: Annotated[int, Field(ge=1)] = 50

    @model_validator(mode="after")
    def _steps_ascend_to_100(self) -> Self:
        steps = self.steps
        if not steps or steps[-1] != 100 or steps != sorted(set(steps)) or steps[0] < 1:
            raise ValueError(
                "Expected ascending steps of 1 to 100 per cent that end with 100, such as 10,50,100. Received: "
                f"{','.join(map(str, steps)) or 'none'}."
            )
        return self
