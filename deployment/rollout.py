"""Bringing an InferenceService to a new model, step by step, and back."""

import dataclasses
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Literal

from ..errors import UsageError
from ..manifests.keys import DEPLOYMENT_MODE
from ..manifests.render import read_canary, read_serving
from ..manifests.service import Service
from ..model_store.golden import GoldenRequest
from .backend import backends
from .bake import Bake
from .canary import CanarySettings
from .cluster import INFERENCE_SERVICE, Cluster, Document
from .errors import CandidateError, ClusterError, UndecidedError
from .golden_gate import GoldenError, UnreachableError, ask_golden
from .lease import Lease
from .leftovers import remove_autoscalers
from .owned import Owned, TakenOverError
from .prometheus import Monitor
from .readiness import Readiness, num_pods, readiness, split
from .record import UNDER_WAY, End, Rollout

ROUTES_SECONDS = 30.0
"""How long routes may take to leave pods that are to be removed."""

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a rollout came to.

    Args:
        state: `"unchanged"`, `"promoted"`, `"rolled_back"`, `"failed"` for a first model that did not get ready,
            `"held"` for a candidate that keeps its share because it is not known whether it is as good, or
            `"taken_over"` where another call moves the service on.
        version: int or None. The model version that the call was about; None for a rollback that was taken over.
        serving_version: int or None. The version that has all requests now, or all but the share of one that is held.
        url: string or None. The service's address.
        reason: string. Why it was rolled back, held or failed.
    """

    state: Literal["unchanged", "taken_over", End]
    version: int | None
    serving_version: int | None
    url: str | None
    reason: str = ""


def deploy(
    cluster: Cluster,
    service: Service,
    canary: CanarySettings,
    monitor: Monitor | None,
    progress: Progress,
    *,
    is_forced: bool = False,
    wait_seconds: float = 0.0,
    golden: Sequence[GoldenRequest] | None = None,
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
        wait_seconds: float. How long to wait for another call that is at work, such as one that was killed. Defaults
            to 0.
        golden: sequence of `GoldenRequest` of the push, asked before the model gets other requests; empty where the
            push has none. Defaults to None: nothing is asked.

    Returns:
        The `Outcome`.

    Raises:
        UsageError: if the rollout is invalid or another call is at work; nothing has changed.
        ClusterError: if the API rejects the request or does not respond; the last good model keeps its requests, and
            the next call goes on from the record.
    """
    check_steps(canary, monitor is not None)
    call = _Rollout(cluster, service.name, canary, monitor, progress, is_forced, golden)
    return call.run(lambda: call.deploy(service), service.model.version, wait_seconds=wait_seconds)


def check_steps(canary: CanarySettings, has_monitor: bool) -> None:
    """Raises `UsageError` if there are steps below 100 and nothing to judge by."""
    if canary.steps != [100] and not has_monitor:
        raise UsageError(
            f"Expected --prometheus for the steps {','.join(map(str, canary.steps))}, to judge the new model by. "
            "Received: none. Name it, or take --canary 100."
        )


def rollback(
    cluster: Cluster, name: str, canary: CanarySettings, progress: Progress, reason: str, version: int | None = None
) -> Outcome:
    """Gives all requests to the last good model: of a rollout that is under way, or that was promoted before.

    A `deploy` that is at work ends with `"taken_over"` at its next write.

    Args:
        cluster: `Cluster`.
        name: string. The InferenceService.
        canary: `CanarySettings`.
        progress: function of one string, a line about each step.
        reason: string. Recorded.
        version: int or None. Which of the models that were promoted before is to serve. Defaults to the last.

    Raises:
        UsageError: if there is no such service, or no model to go back to.
        ClusterError: if the API rejects the request or does not respond.
    """
    live = cluster.get(INFERENCE_SERVICE, name)
    if live is None:
        raise UsageError(f"Expected an InferenceService {name} in the namespace {cluster.namespace}. Received: none.")
    targets(name, Rollout.of(live), version)
    call = _Rollout(cluster, name, canary, None, progress)
    return call.run(lambda: call.take_back(reason, version), is_forced=True)


def targets(name: str, rollout: Rollout | None, version: int | None) -> list[Service]:
    """Returns what a service can go back to, the nearest first.

    Raises:
        UsageError: if there is nothing, or nothing of that version.
    """
    known: list[Service] = []
    if rollout is not None and rollout.good is not None:
        known = [*([rollout.good] if rollout.state in UNDER_WAY else []), *rollout.earlier]
    found = [service for service in known if version in (None, service.model.version)]
    if not found:
        versions = ", ".join(str(service.model.version) for service in known) or "none"
        raise UsageError(
            f"Expected a version of {name} that was promoted before. Received: {version or 'none named'}; known: "
            f"{versions}. To serve another model deploy it: yachay deploy --model URI."
        )
    return found


class _Rollout:
    """One call's work on one service."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        canary: CanarySettings,
        monitor: Monitor | None,
        progress: Progress,
        is_forced: bool = False,
        golden: Sequence[GoldenRequest] | None = None,
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._canary = canary
        self._monitor = monitor
        self._progress = progress
        self._golden = golden
        owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._object = Owned(cluster, name, owner, is_forced=is_forced)
        self._lease = Lease(cluster, name, owner)

    def run(
        self,
        work: Callable[[], Outcome],
        version: int | None = None,
        *,
        is_forced: bool = False,
        wait_seconds: float = 0.0,
    ) -> Outcome:
        """Does the work of the call while it holds the service's Lease."""
        self._lease.acquire(is_forced=is_forced, wait_seconds=wait_seconds)
        try:
            return work()
        except TakenOverError as error:
            live = self._cluster.get(INFERENCE_SERVICE, self._name)
            serving = read_serving(live) if live else None
            return Outcome("taken_over", version, serving.version if serving else None, self._object.url(), str(error))
        finally:
            self._lease.release()

    def deploy(self, service: Service) -> Outcome:
        live = self._cluster.get(INFERENCE_SERVICE, self._name)
        if live is None:
            return self._first(service, None)
        _check_mode(live, service)
        recorded = Rollout.of(live)
        if recorded is not None and recorded.good is None:
            return self._first(service, recorded)
        good = _good(live, recorded, service)
        if recorded is None and good.model == service.model:
            # A first call that was killed before it wrote the record: nobody knows whether the model is ready.
            return self._first(dataclasses.replace(service, predictor_name=good.predictor_name), None)
        rollout = recorded or Rollout("promoted", good.model.version, 100, good)
        steps: Sequence[int] = self._canary.steps
        self._object.claim(rollout, recorded)
        if rollout.state in ("progressing", "held") and rollout.version == service.model.version:
            self._progress(f"going on with version {rollout.version}, left at {rollout.percent} %")
            steps = [percent for percent in steps if percent >= rollout.percent]
        elif rollout.state in UNDER_WAY:
            self._progress(f"version {rollout.version} was left at {rollout.percent} %")
            given_up = f"given up for version {service.model.version}"
            rollout = self._roll_back(good, rollout, rollout.reason or given_up)
        if good.model == service.model:
            return self._settings(good, service, rollout)
        return self._steps(good, service, rollout, steps)

    def take_back(self, reason: str, version: int | None) -> Outcome:
        """Ends a rollout that is under way, or goes back to a model that was promoted before."""
        rollout = self._object.take_over(reason)
        target = targets(self._name, rollout, version)[0]
        good = rollout.good
        assert good is not None
        if rollout.state in UNDER_WAY:
            rolled_back = self._roll_back(good, rollout, reason)
            if target == good:
                return self._rolled_back(rolled_back)
        return self._return_to(target, rollout, reason)

    def _return_to(self, target: Service, rollout: Rollout, reason: str) -> Outcome:
        """Gives all requests to a model that was promoted before: those of now keep them until its pods are ready."""
        version = target.model.version
        assert rollout.good is not None
        serving_version = rollout.good.model.version
        left = rollout.version if rollout.state in UNDER_WAY else serving_version
        self._progress(f"going back to version {version}: {reason}")
        wanted = dataclasses.replace(target, predictor_name=rollout.good.predictor_name)
        try:
            self._object.apply(wanted, is_forced=True)
            self._wait(wanted)
        except CandidateError as failure:
            self._object.record(dataclasses.replace(rollout, state="failed", version=left, reason=str(failure)))
            return Outcome("failed", left, serving_version, self._object.url(), str(failure))
        places = [place for place, one in enumerate(rollout.earlier) if one.model == target.model]
        self._object.record(
            dataclasses.replace(
                rollout,
                state="rolled_back",
                version=left,
                good=wanted,
                reason=reason,
                earlier=rollout.earlier[places[-1] + 1 :],
            )
        )
        return Outcome("rolled_back", left, version, self._object.url(), reason)

    def _roll_back(self, good: Service, rollout: Rollout, reason: str) -> Rollout:
        """Gives all requests to the model of `good`, at once, then takes the candidate out."""
        self._progress(f"rolling back to version {good.model.version}: {reason}")
        live = self._cluster.get(INFERENCE_SERVICE, self._name) or {}
        is_back = True
        if good.mode == "standard" and (candidate := read_canary(live)) is not None:
            self._move(good.canary(candidate, 0))
        if "canaryTrafficPercent" in live.get("spec", {}).get("predictor", {}):
            # Without a pin the requests would stay with the candidate, Knative's latest ready revision, until new pods
            # of the last good model are up.
            self._object.pin(0)
            self._progress(f"version {good.model.version} has all requests")
            self._object.apply(dataclasses.replace(good, previous=good.model, canary_percent=0), is_forced=True)
            try:
                self._wait(good)
            except CandidateError as failure:
                is_back = False
                reason = (
                    f"{reason}; and for a new revision of the last good model, which still has all requests: {failure}"
                )
            else:
                # A field that was patched stays, though it is applied no more.
                self._object.pin(None)
        if is_back:
            self._object.apply(good, is_forced=True)
        rolled_back = dataclasses.replace(rollout, state="rolled_back", good=good, reason=reason)
        self._object.record(rolled_back)
        self._clean(good)
        return rolled_back

    def _move(self, service: Service) -> None:
        """Gives a canary another share: KServe removes pods .3 s before the routes leave them, so they leave first."""
        self._object.apply(service, is_forced=True)
        deadline = time.monotonic() + ROUTES_SECONDS
        while not split(self._cluster, service).is_ready and time.monotonic() < deadline:
            self._pause()
        # The gateway's proxies take a route a moment after it was accepted.
        self._pause()

    def _clean(self, service: Service) -> None:
        if left := remove_autoscalers(self._cluster, service):
            self._progress(left)

    def _rolled_back(self, rollout: Rollout) -> Outcome:
        assert rollout.good is not None
        return Outcome("rolled_back", rollout.version, rollout.good.model.version, self._object.url(), rollout.reason)

    def _first(self, service: Service, rollout: Rollout | None) -> Outcome:
        version = service.model.version
        self._progress(f"version {version} is the first: no canary")
        rollout = dataclasses.replace(rollout or Rollout("progressing", version, 100), version=version)
        self._object.create(service, rollout)
        try:
            self._wait(service)
            self._check_golden(service)
        except CandidateError as failure:
            is_stopped = isinstance(failure, GoldenError)
            reason = f"{failure}. The service is stopped" if is_stopped else str(failure)
            self._object.record(dataclasses.replace(rollout, state="failed", reason=reason), is_stopped=is_stopped)
            return Outcome("failed", version, None, self._object.url(), reason)
        return self._promoted(rollout, service)

    def _settings(self, good: Service, service: Service, rollout: Rollout) -> Outcome:
        wanted = dataclasses.replace(service, predictor_name=good.predictor_name)
        version = service.model.version
        generation = self._object.live()["metadata"]["generation"]
        applied = self._object.apply(wanted)
        if applied["metadata"]["generation"] == generation:
            return Outcome("unchanged", version, version, self._object.url())
        self._progress(f"version {version} serves already: its settings change")
        try:
            self._wait(wanted)
        except CandidateError as failure:
            return self._rolled_back(
                self._roll_back(good, dataclasses.replace(rollout, state="progressing", version=version), str(failure))
            )
        return self._promoted(rollout, wanted)

    def _steps(self, good: Service, service: Service, before: Rollout, steps: Sequence[int]) -> Outcome:
        version = service.model.version
        base = dataclasses.replace(service, model=good.model, predictor_name=good.predictor_name)
        rollout = dataclasses.replace(before, state="progressing", version=version, good=good, reason="")
        wide = dataclasses.replace(base, min_replicas=num_pods(self._cluster, base, self._object.live()))
        try:
            if before.state not in UNDER_WAY or before.percent == 0:
                before = self._try_without_requests(base.canary(service.model, 0), rollout, before)
            for percent in steps:
                rollout = dataclasses.replace(rollout, percent=percent)
                self._progress(f"version {version}: {percent} % of the requests")
                self._object.record(rollout)
                canary = wide.canary(service.model, percent)
                if percent < 100:
                    self._try(canary, before)
                    self._wait(canary)
                    self._bake(canary)
                else:
                    wanted = self._all(base, canary, before)
                before = rollout
            if not self._can_split(wanted):
                self._check_golden(wanted)
        except CandidateError as failure:
            return self._rolled_back(self._roll_back(good, rollout, str(failure)))
        except UndecidedError as reason:
            self._object.record(dataclasses.replace(rollout, state="held", reason=str(reason)))
            return Outcome("held", version, good.model.version, self._object.url(), str(reason))
        return self._promoted(rollout, wanted)

    def _all(self, base: Service, canary: Service, before: Rollout) -> Service:
        """Gives a candidate all requests and returns the service as it is then."""
        live = self._object.live()
        has_canary = bool(live["spec"].get("canary"))
        is_renamed = canary.mode == "standard" and live["spec"]["predictor"].get("name") == canary.canary_name
        if has_canary:
            self._try(canary, before)
            self._wait(canary)
            self._pause()  # The gateway's proxies take a route a moment after it was accepted.
        # Without a canary's pods to take over, a new name would leave the service without any.
        name = canary.promoted().predictor_name if has_canary or is_renamed else base.predictor_name
        wanted = dataclasses.replace(base, model=canary.model, predictor_name=name)
        self._try(wanted, before)
        self._wait(wanted)
        return wanted

    def _try(self, service: Service, before: Rollout) -> None:
        """Applies the service; where the API rejects it, the record is again what it was before."""
        try:
            self._object.apply(service)
        except ClusterError as error:
            if error.is_rejection:
                self._object.record(before)
            raise

    def _try_without_requests(self, canary: Service, rollout: Rollout, before: Rollout) -> Rollout:
        """Starts a candidate at 0 %, where requests can be split, asks it the golden requests and returns the record.

        Args:
            canary: `Service` with the candidate at 0 %.
            rollout: `Rollout`, as it is to be recorded.
            before: `Rollout`, as it is recorded.
        """
        if not self._can_split(canary):
            return before
        if self._golden and self._canary.golden != "skip":
            self._progress(f"version {rollout.version}: golden requests, before it gets any other")
            rollout = dataclasses.replace(rollout, percent=0)
            self._object.record(rollout)
            self._try(canary, before)
            self._wait(canary)
            before = rollout
        self._check_golden(canary)
        return before

    def _can_split(self, service: Service) -> bool:
        """Returns whether a candidate can be at 0 %; in Standard mode that takes Gateway API, as steps do."""
        return service.mode == "knative" or self._canary.steps != [100]

    def _check_golden(self, service: Service) -> None:
        """Compares what the pods of a version predict with the golden requests of its push."""
        if self._golden is None or self._canary.golden == "skip":
            return
        try:
            if not self._golden:
                raise UnreachableError("there are none (push.golden, and the store)")
            candidate, _ = backends(self._cluster, service)
            ask_golden(
                candidate,
                self._name,
                self._golden,
                has_gpu=service.gpu is not None,
                poll_seconds=self._canary.poll_seconds,
            )
        except GoldenError as difference:
            raise GoldenError(f"golden requests before it gets any other: {difference}") from None
        except UnreachableError as obstacle:
            if self._canary.golden == "require":
                raise CandidateError(f"golden requests could not be asked: {obstacle}") from None
            self._progress(f"golden requests are not asked: {obstacle}")

    def _promoted(self, rollout: Rollout, service: Service) -> Outcome:
        version = service.model.version
        self._object.record(rollout.promoted(service))
        self._progress(f"version {version} has all requests")
        self._clean(service)
        return Outcome("promoted", version, version, self._object.url())

    def _wait(self, service: Service) -> None:
        deadline = time.monotonic() + self._canary.ready_minutes * 60
        said = ""
        while True:
            state = readiness(self._cluster, service)
            if state.is_ready:
                return
            if state.has_failed or time.monotonic() > deadline:
                raise CandidateError(_not_ready(service, state, self._canary.ready_minutes * 60))
            if state.reason != said:
                self._progress(state.reason)
                said = state.reason
            self._pause()

    def _bake(self, service: Service) -> None:
        assert self._monitor is not None
        Bake(self._cluster, self._monitor, service, self._canary, self._pause, self._progress).run()

    def _pause(self) -> None:
        time.sleep(self._canary.poll_seconds)
        self._lease.renew()
        self._object.check_owner(self._object.live())


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
