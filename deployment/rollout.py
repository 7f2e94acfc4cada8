"""Bringing an InferenceService to a new model, step by step, and back."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Literal

from ..errors import UsageError
from ..manifests.keys import DEPLOYMENT_MODE
from ..manifests.render import inference_service, read_serving
from ..manifests.service import Service
from .canary import CanarySettings
from .cluster import INFERENCE_SERVICE, Cluster, Document
from .errors import ClusterError, MonitoringError
from .judge import judge
from .prometheus import Monitor, Traffic
from .readiness import Readiness, readiness
from .record import HOLDER_SECONDS, End, Rollout

MIN_WINDOW_SECONDS = 60.0

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a rollout came to.

    Args:
        state: `"unchanged"`, `"promoted"`, `"rolled_back"`, or `"failed"` for a first model that did not get ready.
        version: int. The model version that the call was about.
        serving_version: int or None. The version that has all requests now.
        url: string or None. The service's address.
        reason: string. Why it was rolled back or failed.
    """

    state: Literal["unchanged", End]
    version: int
    serving_version: int | None
    url: str | None
    reason: str = ""


class _CandidateError(Exception):
    """The candidate is not to be promoted."""


def deploy(
    cluster: Cluster,
    service: Service,
    canary: CanarySettings,
    monitor: Monitor | None,
    progress: Progress,
    *,
    is_forced: bool = False,
) -> Outcome:
    """Gives the requests of a service to its model, step by step; a model that does worse is rolled back.

    What was left half-way is resumed if it is of the same model, and rolled back first if not.

    Args:
        cluster: `Cluster`.
        service: `Service` with the model that is to serve, without canary.
        canary: `CanarySettings`.
        monitor: `Monitor` or None. Asked at every step below 100.
        progress: function of one string, a line about each step.
        is_forced: bool. Whether to take over fields that another manager of the cluster set. Defaults to False.

    Returns:
        The `Outcome`.

    Raises:
        UsageError: if the rollout is invalid; nothing has changed.
        ClusterError: if the API rejects the request or does not respond; the last good model keeps its requests, and
            the next call goes on from the record.
    """
    if canary.steps != [100] and monitor is None:
        raise UsageError(
            f"Expected --prometheus for the steps {','.join(map(str, canary.steps))}, to judge the new model by. "
            "Received: none. Name it, or take --canary 100."
        )
    return _Rollout(cluster, canary, monitor, progress, is_forced).deploy(service)


def rollback(cluster: Cluster, name: str, canary: CanarySettings, progress: Progress, reason: str) -> Outcome:
    """Ends the rollout of a service that is under way and gives all requests to the last good model.

    Raises:
        UsageError: if there is no such service or no rollout to take back.
        ClusterError: if the API rejects the request or does not respond.
    """
    live = cluster.get(INFERENCE_SERVICE, name)
    if live is None:
        raise UsageError(f"Expected an InferenceService {name} in the namespace {cluster.namespace}. Received: none.")
    rollout = Rollout.of(live)
    if rollout is None or rollout.good is None or rollout.state != "progressing":
        raise UsageError(
            f"Expected a rollout of {name} that is under way. Received: "
            f"{'none' if rollout is None else f'version {rollout.version}, {rollout.state}'}. To serve an earlier "
            "model deploy it: yachay deploy --model URI."
        )
    return _Rollout(cluster, canary, None, progress).roll_back(rollout.good, rollout, reason)


class _Rollout:
    """One call's work on one service."""

    def __init__(
        self,
        cluster: Cluster,
        canary: CanarySettings,
        monitor: Monitor | None,
        progress: Progress,
        is_forced: bool = False,
    ) -> None:
        self._cluster = cluster
        self._canary = canary
        self._monitor = monitor
        self._progress = progress
        self._is_forced = is_forced

    def deploy(self, service: Service) -> Outcome:
        live = self._cluster.get(INFERENCE_SERVICE, service.name)
        if live is None:
            return self._first(service)
        _check_mode(live, service)
        rollout = Rollout.of(live)
        if rollout is not None and rollout.is_moved_on(time.time()):
            raise UsageError(
                f"Expected no other rollout of {service.name}. Received: version {rollout.version} at "
                f"{rollout.percent} per cent, which another call moves on. Wait for it; if that call was killed, "
                f"call again in {HOLDER_SECONDS} s."
            )
        if rollout is not None and rollout.good is None:
            return self._first(service)
        good = _good(live, rollout, service)
        rollout = rollout or Rollout("promoted", good.model.version, 100, good)
        if rollout.state == "progressing" and rollout.version != service.model.version:
            self._progress(f"version {rollout.version} was left at {rollout.percent} %")
            self.roll_back(good, rollout, f"given up for version {service.model.version}")
            live = self._cluster.get(INFERENCE_SERVICE, service.name) or live
        elif rollout.state == "progressing":
            self._progress(f"going on with version {rollout.version}, left at {rollout.percent} %")
            return self._steps(live, good, service, [step for step in self._canary.steps if step >= rollout.percent])
        if good.model == service.model:
            return self._settings(live, good, service)
        return self._steps(live, good, service, self._canary.steps)

    def roll_back(self, good: Service, rollout: Rollout, reason: str) -> Outcome:
        """Gives all requests to the model of `good`, at once, then takes the candidate out."""
        self._progress(f"rolling back to version {good.model.version}: {reason}")
        live = self._cluster.get(INFERENCE_SERVICE, good.name) or {}
        is_back = True
        if "canaryTrafficPercent" in live.get("spec", {}).get("predictor", {}):
            # Without a pin the requests would stay with the candidate, Knative's latest ready revision, until new pods
            # of the last good model are up.
            self._pin(good.name, 0)
            self._progress(f"version {good.model.version} has all requests")
            self._apply(dataclasses.replace(good, previous=good.model, canary_percent=0), is_forced=True)
            try:
                self._wait(good)
            except _CandidateError as failure:
                is_back = False
                reason = (
                    f"{reason}; and for a new revision of the last good model, which still has all requests: {failure}"
                )
            else:
                # A field that was patched stays, though it is applied no more.
                self._pin(good.name, None)
        if is_back:
            self._apply(good, is_forced=True)
        self._record(good.name, dataclasses.replace(rollout, state="rolled_back", good=good, reason=reason))
        return Outcome("rolled_back", rollout.version, good.model.version, self._url(good.name), reason)

    def _first(self, service: Service) -> Outcome:
        version = service.model.version
        self._progress(f"version {version} is the first: no canary")
        self._apply(service)
        try:
            self._wait(service)
        except _CandidateError as failure:
            self._record(service.name, Rollout("failed", version, 100, reason=str(failure)))
            return Outcome("failed", version, None, self._url(service.name), str(failure))
        return self._promoted(service)

    def _settings(self, live: Document, good: Service, service: Service) -> Outcome:
        wanted = dataclasses.replace(service, predictor_name=good.predictor_name)
        version = service.model.version
        applied = self._apply(wanted)
        if applied["metadata"]["generation"] == live["metadata"]["generation"]:
            return Outcome("unchanged", version, version, self._url(service.name))
        self._progress(f"version {version} serves already: its settings change")
        try:
            self._wait(wanted)
        except _CandidateError as failure:
            return self.roll_back(good, Rollout("progressing", version, 100), str(failure))
        return self._promoted(wanted)

    def _steps(self, live: Document, good: Service, service: Service, steps: Sequence[int]) -> Outcome:
        version = service.model.version
        base = dataclasses.replace(service, model=good.model, predictor_name=good.predictor_name)
        rollout = Rollout("progressing", version, steps[0], good)
        # Of two calls at once the second is rejected, for the object has changed since it was read.
        self._record(
            service.name, rollout, live["metadata"]["resourceVersion"] if good.model != service.model else None
        )
        has_canary = bool(live["spec"].get("canary"))
        try:
            for percent in steps:
                rollout = dataclasses.replace(rollout, percent=percent)
                self._progress(f"version {version}: {percent} % of the requests")
                self._record(service.name, rollout)
                canary = base.canary(service.model, percent)
                if percent < 100:
                    self._apply(canary)
                    has_canary = True
                    self._wait(canary, rollout)
                    self._bake(canary, rollout)
                else:
                    # Without a canary's pods to take over, a new name would leave the service without any.
                    wanted = canary.promoted() if has_canary else dataclasses.replace(base, model=service.model)
                    self._apply(wanted)
                    self._wait(wanted, rollout)
        except _CandidateError as failure:
            return self.roll_back(good, rollout, str(failure))
        except BaseException:
            self._let_go(service.name, rollout)
            raise
        return self._promoted(wanted)

    def _promoted(self, service: Service) -> Outcome:
        version = service.model.version
        self._record(service.name, Rollout("promoted", version, 100, service))
        self._progress(f"version {version} has all requests")
        return Outcome("promoted", version, version, self._url(service.name))

    def _wait(self, service: Service, rollout: Rollout | None = None) -> None:
        deadline = time.monotonic() + self._canary.ready_minutes * 60
        said = ""
        while True:
            state = readiness(self._cluster, service)
            if state.is_ready:
                return
            if state.has_failed or time.monotonic() > deadline:
                raise _CandidateError(_not_ready(service, state, self._canary.ready_minutes * 60))
            if state.reason != said:
                self._progress(state.reason)
                said = state.reason
            if rollout is not None:
                self._record(service.name, rollout)
            time.sleep(self._canary.poll_seconds)

    def _bake(self, service: Service, rollout: Rollout) -> None:
        start = responded = time.monotonic()
        bake_seconds, patience_seconds = self._canary.bake_minutes * 60, self._canary.patience_minutes * 60
        while True:
            time.sleep(self._canary.poll_seconds)
            self._record(service.name, rollout)
            now = time.monotonic()
            try:
                candidate, stable = self._traffic(service, now - start)
            except MonitoringError as error:
                if now - responded > patience_seconds:
                    raise _CandidateError(str(error)) from None
                continue
            responded = now
            if candidate.requests >= self._canary.min_requests:
                if reasons := judge(candidate, stable, self._canary):
                    raise _CandidateError("; ".join(reasons))
                if now - start >= bake_seconds:
                    return
            elif now - start >= bake_seconds + patience_seconds:
                raise _CandidateError(
                    f"too few requests to judge by: {candidate.requests:.0f} in {now - start:.0f} s, at least "
                    f"{self._canary.min_requests} are needed"
                )

    def _traffic(self, service: Service, seconds: float) -> tuple[Traffic, Traffic]:
        assert self._monitor is not None
        assert service.previous is not None
        # Prometheus scrapes every 15 to 60 s, and an increase needs two scrapes.
        window = max(seconds, MIN_WINDOW_SECONDS)
        candidate, stable = (
            self._monitor.traffic(service.name, str(model.version), window)
            for model in (service.model, service.previous)
        )
        return candidate, stable

    def _apply(self, service: Service, *, is_forced: bool = False) -> Document:
        document = inference_service(service)
        return self._cluster.apply(INFERENCE_SERVICE, document, is_forced=is_forced or self._is_forced)

    def _record(self, name: str, rollout: Rollout, resource_version: str | None = None) -> None:
        metadata: Document = {"annotations": dataclasses.replace(rollout, updated=time.time()).to_annotations()}
        if resource_version is not None:
            metadata["resourceVersion"] = resource_version
        self._cluster.patch(INFERENCE_SERVICE, name, {"metadata": metadata})

    def _pin(self, name: str, percent: int | None) -> None:
        self._cluster.patch(INFERENCE_SERVICE, name, {"spec": {"predictor": {"canaryTrafficPercent": percent}}})

    def _let_go(self, name: str, rollout: Rollout) -> None:
        # So that the next call need not wait for this one; where the API is gone it waits.
        with contextlib.suppress(ClusterError):
            annotations = dataclasses.replace(rollout, updated=0.0).to_annotations()
            self._cluster.patch(INFERENCE_SERVICE, name, {"metadata": {"annotations": annotations}})

    def _url(self, name: str) -> str | None:
        live = self._cluster.get(INFERENCE_SERVICE, name) or {}
        url: str | None = live.get("status", {}).get("url")
        return url


def _good(live: Document, rollout: Rollout | None, service: Service) -> Service:
    if rollout is not None and rollout.good is not None:
        return rollout.good
    model = read_serving(live)
    if model is None:
        raise UsageError(
            f"Expected {service.name} to have been deployed from here, so that a last good model is known. Received: "
            "an InferenceService of other origin. Deploy under another name, or delete it first."
        )
    return dataclasses.replace(service, model=model, predictor_name=live["spec"]["predictor"].get("name"))


def _check_mode(live: Document, service: Service) -> None:
    mode = live["metadata"].get("annotations", {}).get(DEPLOYMENT_MODE, "").lower()
    mode = {"serverless": "knative", "rawdeployment": "standard"}.get(mode, mode)
    if mode and mode != service.mode:
        raise UsageError(
            f"Expected --mode {mode}, in which {service.name} exists: KServe does not change it. Received: "
            f"{service.mode}. Deploy under another name, or delete the service first."
        )


def _not_ready(service: Service, state: Readiness, seconds: float) -> str:
    how_long = "" if state.has_failed else f" within {seconds:.0f} s"
    return f"version {service.model.version} did not get ready{how_long}: {state.reason}"
