"""How a new model gets the requests, and by what it is judged: the section `deploy.canary` of a configuration."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class CanarySettings(BaseModel):
    """How a new model gets the requests, and by what it is judged.

    Args:
        steps: list of ints. Ascending shares in per cent, the last 100.
        prometheus: string. Address of Prometheus; needed for steps below 100.
        labels: dict. Labels that its metrics must have, such as `namespace` where it sees several.
        bake_minutes: float. How long each share is watched.
        ready_minutes: float. How long new pods may take.
        patience_minutes: float. How long Prometheus may be away, or the candidate not ready.
        max_minutes: float. How long a share is watched at most where it stays undecided whether the candidate is as
            good.
        undecided: string. What happens then: `"hold"` leaves the candidate its share and ends the call, `"promote"`
            goes on, `"roll_back"` goes back.
        poll_seconds: float. Pause between two looks at the pods and at Prometheus.
        max_failed_increase: float. By how much the share of requests that fail may be above the serving version's.
        max_rejected_increase: float. The same for requests that are rejected.
        max_slower_increase: float. The same for requests that take longer than any of the histogram's bounds.
        max_tail_increase: float. The same for bounds that hardly any of the serving version's requests exceed; between
            the two, as many more as exceeded it before.
        worse_tail_increase: float. From how many more on such a candidate is rolled back, where they are more than
            chance: to know that there are no more of them takes far more requests than to see that there are.
        max_p99_factor: float. Such a multiple of the serving version's 99th percentile the candidate's must be known to
            be below before it gets a larger share.
        max_class_shift: float. Total variation distance of the predicted classes: the share of requests that would
            have to be predicted otherwise for both versions to predict the same classes.
        max_value_shift: float. For a model of numbers, the largest difference of the shares of its predictions above a
            number (the Kolmogorov-Smirnov distance).
        max_restarts: int. How often a container of the candidate may be restarted during a share, where the serving
            version's are restarted less.
        golden: string. Whether the golden requests of the push are asked before the candidate gets requests: `"ask"`
            where its pods can be reached from here, `"require"` ends the rollout where not, `"skip"`.
        max_error_rate: float. Share of requests that fail. Where the serving version is above it too, the candidate is
            neither worse nor as good.
        max_p99_ms: float. 99th percentile of the latency, likewise.
        min_requests: int. Requests to the candidate without which it is not judged, and to the serving version without
            which they are not compared.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: list[int] = [10, 50, 100]
    prometheus: str = ""
    labels: dict[str, str] = {}
    bake_minutes: Annotated[float, Field(gt=0)] = 5.0
    ready_minutes: Annotated[float, Field(gt=0)] = 20.0
    patience_minutes: Annotated[float, Field(ge=0)] = 2.0
    max_minutes: Annotated[float, Field(gt=0)] = 120.0
    undecided: Literal["hold", "promote", "roll_back"] = "hold"
    poll_seconds: Annotated[float, Field(gt=0)] = 5.0
    max_failed_increase: Annotated[float, Field(gt=0, lt=1)] = 0.02
    max_rejected_increase: Annotated[float, Field(gt=0, lt=1)] = 0.02
    max_slower_increase: Annotated[float, Field(gt=0, lt=1)] = 0.1
    max_tail_increase: Annotated[float, Field(gt=0, lt=1)] = 0.03
    worse_tail_increase: Annotated[float, Field(gt=0, lt=1)] = 0.005
    max_p99_factor: Annotated[float, Field(gt=1)] = 2.0
    max_class_shift: Annotated[float, Field(gt=0, lt=1)] = 0.25
    max_value_shift: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_restarts: Annotated[int, Field(ge=0)] = 2
    golden: Literal["ask", "require", "skip"] = "ask"
    max_error_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    max_p99_ms: Annotated[float, Field(gt=0)] = 500.0
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

    @model_validator(mode="after")
    def _tail_is_below_the_rest(self) -> Self:
        if self.max_tail_increase > self.max_slower_increase:
            raise ValueError(
                "Expected max_tail_increase to be at most max_slower_increase. Received: "
                f"{self.max_tail_increase:g} and {self.max_slower_increase:g}."
            )
        return self
