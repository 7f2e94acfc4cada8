"""Going back to a model that served before, of a rollout that is under way or that was promoted."""

import dataclasses

from ..errors import UsageError
from ..manifests.render import read_canary
from ..manifests.service import Service
from .call import Call, Outcome, Progress
from .canary import CanarySettings
from .cluster import INFERENCE_SERVICE, Cluster
from .errors import CandidateError
from .record import UNDER_WAY, Rollout


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
    call = Return(cluster, name, canary, progress)
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


class Return(Call):
    """A call that may go back."""

    def take_back(self, reason: str, version: int | None) -> Outcome:
        """Ends a rollout that is under way, or goes back to a model that was promoted before."""
        rollout = self.object.take_over(reason)
        target = targets(self.name, rollout, version)[0]
        good = rollout.good
        assert good is not None
        if rollout.state in UNDER_WAY:
            rolled_back = self.roll_back(good, rollout, reason)
            if target == good:
                return self.rolled_back(rolled_back)
        return self._return_to(target, rollout, reason)

    def _return_to(self, target: Service, rollout: Rollout, reason: str) -> Outcome:
        """Gives all requests to a model that was promoted before: those of now keep them until its pods are ready."""
        version = target.model.version
        assert rollout.good is not None
        serving_version = rollout.good.model.version
        left = rollout.version if rollout.state in UNDER_WAY else serving_version
        self.progress(f"going back to version {version}: {reason}")
        wanted = dataclasses.replace(target, predictor_name=rollout.good.predictor_name)
        try:
            self.object.apply(wanted, is_forced=True)
            self.wait(wanted)
        except CandidateError as failure:
            self.object.record(dataclasses.replace(rollout, state="failed", version=left, reason=str(failure)))
            return Outcome("failed", left, serving_version, self.object.url(), str(failure))
        places = [place for place, one in enumerate(rollout.earlier) if one.model == target.model]
        self.object.record(
            dataclasses.replace(
                rollout,
                state="rolled_back",
                version=left,
                good=wanted,
                reason=reason,
                earlier=rollout.earlier[places[-1] + 1 :],
            )
        )
        return Outcome("rolled_back", left, version, self.object.url(), reason)

    def roll_back(self, good: Service, rollout: Rollout, reason: str) -> Rollout:
        """Gives all requests to the model of `good`, at once, then takes the candidate out."""
        self.progress(f"rolling back to version {good.model.version}: {reason}")
        live = self.cluster.get(INFERENCE_SERVICE, self.name) or {}
        is_back = True
        if good.mode == "standard" and (candidate := read_canary(live)) is not None:
            self.move(good.canary(candidate, 0))
        if "canaryTrafficPercent" in live.get("spec", {}).get("predictor", {}):
            # Without a pin the requests would stay with the candidate, Knative's latest ready revision, until new pods
            # of the last good model are up.
            self.object.pin(0)
            self.progress(f"version {good.model.version} has all requests")
            self.object.apply(dataclasses.replace(good, previous=good.model, canary_percent=0), is_forced=True)
            try:
                self.wait(good)
            except CandidateError as failure:
                is_back = False
                reason = (
                    f"{reason}; and for a new revision of the last good model, which still has all requests: {failure}"
                )
            else:
                # A field that was patched stays, though it is applied no more.
                self.object.pin(None)
        if is_back:
            self.object.apply(good, is_forced=True)
        rolled_back = dataclasses.replace(rollout, state="rolled_back", good=good, reason=reason)
        self.object.record(rolled_back)
        self.clean(good)
        return rolled_back

    def rolled_back(self, rollout: Rollout) -> Outcome:
        """Returns the outcome of what was recorded."""
        assert rollout.good is not None
        return Outcome("rolled_back", rollout.version, rollout.good.model.version, self.object.url(), rollout.reason)
