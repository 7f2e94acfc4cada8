"""How a rollout goes, and what a candidate may not exceed."""

import dataclasses

from ..errors import UsageError


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a candidate may not exceed.

    Args:
        error_rate: float. Share of requests whose response is 5xx.
        p99_seconds: float. 99th percentile of the latency.
        stability_index: float. Population stability index of the predicted classes, stable against candidate. Above
            .25 the populations differ (Siddiqi, Credit Risk Scorecards, 2006).
        min_requests: int. Requests to the candidate below which nothing is judged.
    """

    error_rate: float = 0.01
    p99_seconds: float = 0.5
    stability_index: float = 0.25
    min_requests: int = 50


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a rollout goes.

    Args:
        steps: tuple of ascending shares in per cent, the last of which is 100.
        bake_seconds: float. How long a share is watched before the next.
        ready_seconds: float. How long new pods may take.
        patience_seconds: float. How long Prometheus may be away, and by how much longer a share is watched where the
            candidate got too few requests.
        poll_seconds: float.
        limits: `Limits`.
        is_forced: bool. Whether to take over fields that another manager of the cluster set.
    """

    steps: tuple[int, ...] = (10, 50, 100)
    bake_seconds: float = 300.0
    ready_seconds: float = 1200.0
    patience_seconds: float = 120.0
    poll_seconds: float = 5.0
    limits: Limits = dataclasses.field(default_factory=Limits)
    is_forced: bool = False

    def __post_init__(self) -> None:
        if not self.steps or self.steps[-1] != 100 or list(self.steps) != sorted(set(self.steps)) or self.steps[0] < 1:
            raise UsageError(
                "Expected ascending steps of 1 to 100 per cent that end with 100, such as 10,50,100. Received: "
                f"{','.join(map(str, self.steps)) or 'none'}."
            )
