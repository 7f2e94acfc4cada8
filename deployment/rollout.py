"""Bringing an InferenceService to a new model, step by step, and back."""

import dataclasses
from collections.abc import Sequence

from ..errors import UsageError
from ..manifests.keys import DEPLOYMENT_MODE
from ..manifests.render import read_serving
from ..manifests.service import Service
from ..model_store.golden import GoldenRequest
from .backend import backends
from .bake import Bake
from .call import Outcome, Progress
from .canary import CanarySettings
from .cluster import INFERENCE_SERVICE, Cluster, Document
from .errors import CandidateError, ClusterError, UndecidedError
from .going_back import Return
from .golden_gate import GoldenError, UnreachableError, ask_golden
from .prometheus import Monitor
from .readiness import num_pods
from .record import UNDER_WAY, Rollout


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


class _Rollout(Return):
    """A call that brings a service to a new model."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        canary: CanarySettings,
        monitor: Monitor | None,
        progress: Progress,
        is_forced: bool,
        golden: Sequence[GoldenRequest] | None,
    ) -> None:
        super().__init__(cluster, name, canary, progress, is_forced)
        self._monitor = monitor
        self._golden = golden

    def deploy(self, service: Service) -> Outcome:
        live = self.cluster.get(INFERENCE_SERVICE, self.name)
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
        steps: Sequence[int] = self.canary.steps
        self.object.claim(rollout, recorded)
        if rollout.state in ("progressing", "held") and rollout.version == service.model.version:
            self.progress(f"going on with version {rollout.version}, left at {rollout.percent} %")
            steps = [percent for percent in steps if percent >= rollout.percent]
        elif rollout.state in UNDER_WAY:
            self.progress(f"version {rollout.version} was left at {rollout.percent} %")
            given_up = f"given up for version {service.model.version}"
            rollout = self.roll_back(good, rollout, rollout.reason or given_up)
        if good.model == service.model:
            return self._settings(good, service, rollout)
        return self._steps(good, service, rollout, steps)

    def _first(self, service: Service, rollout: Rollout | None) -> Outcome:
        version = service.model.version
        self.progress(f"version {version} is the first: no canary")
        rollout = dataclasses.replace(rollout or Rollout("progressing", version, 100), version=version)
        self.object.create(service, rollout)
        try:
            self.wait(service)
            self._check_golden(service)
        except CandidateError as failure:
            is_stopped = isinstance(failure, GoldenError)
            reason = f"{failure}. The service is stopped" if is_stopped else str(failure)
            self.object.record(dataclasses.replace(rollout, state="failed", reason=reason), is_stopped=is_stopped)
            return Outcome("failed", version, None, self.object.url(), reason)
        return self._promoted(rollout, service)

    def _settings(self, good: Service, service: Service, rollout: Rollout) -> Outcome:
        wanted = dataclasses.replace(service, predictor_name=good.predictor_name)
        version = service.model.version
        generation = self.object.live()["metadata"]["generation"]
        applied = self.object.apply(wanted)
        if applied["metadata"]["generation"] == generation:
            return Outcome("unchanged", version, version, self.object.url())
        self.progress(f"version {version} serves already: its settings change")
        try:
            self.wait(wanted)
        except CandidateError as failure:
            return self.rolled_back(
                self.roll_back(good, dataclasses.replace(rollout, state="progressing", version=version), str(failure))
            )
        return self._promoted(rollout, wanted)

    def _steps(self, good: Service, service: Service, before: Rollout, steps: Sequence[int]) -> Outcome:
        version = service.model.version
        base = dataclasses.replace(service, model=good.model, predictor_name=good.predictor_name)
        rollout = dataclasses.replace(before, state="progressing", version=version, good=good, reason="")
        wide = dataclasses.replace(base, min_replicas=num_pods(self.cluster, base, self.object.live()))
        try:
            if before.state not in UNDER_WAY or before.percent == 0:
                before = self._try_without_requests(base.canary(service.model, 0), rollout, before)
            for percent in steps:
                rollout = dataclasses.replace(rollout, percent=percent)
                self.progress(f"version {version}: {percent} % of the requests")
                self.object.record(rollout)
                canary = wide.canary(service.model, percent)
                if percent < 100:
                    self._try(canary, before)
                    self.wait(canary)
                    self._bake(canary)
                else:
                    wanted = self._all(base, canary, before)
                before = rollout
            if not self._can_split(wanted):
                self._check_golden(wanted)
        except CandidateError as failure:
            return self.rolled_back(self.roll_back(good, rollout, str(failure)))
        except UndecidedError as reason:
            self.object.record(dataclasses.replace(rollout, state="held", reason=str(reason)))
            return Outcome("held", version, good.model.version, self.object.url(), str(reason))
        return self._promoted(rollout, wanted)

    def _all(self, base: Service, canary: Service, before: Rollout) -> Service:
        """Gives a candidate all requests and returns the service as it is then."""
        live = self.object.live()
        has_canary = bool(live["spec"].get("canary"))
        is_renamed = canary.mode == "standard" and live["spec"]["predictor"].get("name") == canary.canary_name
        if has_canary:
            self._try(canary, before)
            self.wait(canary)
            self.pause()  # The gateway's proxies take a route a moment after it was accepted.
        # Without a canary's pods to take over, a new name would leave the service without any.
        name = canary.promoted().predictor_name if has_canary or is_renamed else base.predictor_name
        wanted = dataclasses.replace(base, model=canary.model, predictor_name=name)
        self._try(wanted, before)
        self.wait(wanted)
        return wanted

    def _try(self, service: Service, before: Rollout) -> None:
        """Applies the service; where the API rejects it, the record is again what it was before."""
        try:
            self.object.apply(service)
        except ClusterError as error:
            if error.is_rejection:
                self.object.record(before)
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
        if self._golden and self.canary.golden != "skip":
            self.progress(f"version {rollout.version}: golden requests, before it gets any other")
            rollout = dataclasses.replace(rollout, percent=0)
            self.object.record(rollout)
            self._try(canary, before)
            self.wait(canary)
            before = rollout
        self._check_golden(canary)
        return before

    def _can_split(self, service: Service) -> bool:
        """Returns whether a candidate can be at 0 %; in Standard mode that takes Gateway API, as steps do."""
        return service.mode == "knative" or self.canary.steps != [100]

    def _check_golden(self, service: Service) -> None:
        """Compares what the pods of a version predict with the golden requests of its push."""
        if self._golden is None or self.canary.golden == "skip":
            return
        try:
            if not self._golden:
                raise UnreachableError("there are none (push.golden, and the store)")
            candidate, _ = backends(self.cluster, service)
            ask_golden(
                candidate,
                self.name,
                self._golden,
                has_gpu=service.gpu is not None,
                poll_seconds=self.canary.poll_seconds,
            )
        except GoldenError as difference:
            raise GoldenError(f"golden requests before it gets any other: {difference}") from None
        except UnreachableError as obstacle:
            if self.canary.golden == "require":
                raise CandidateError(f"golden requests could not be asked: {obstacle}") from None
            self.progress(f"golden requests are not asked: {obstacle}")

    def _promoted(self, rollout: Rollout, service: Service) -> Outcome:
        version = service.model.version
        self.object.record(rollout.promoted(service))
        self.progress(f"version {version} has all requests")
        self.clean(service)
        return Outcome("promoted", version, version, self.object.url())

    def _bake(self, service: Service) -> None:
        assert self._monitor is not None
        Bake(self.cluster, self._monitor, service, self.canary, self.pause, self.progress).run()


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
