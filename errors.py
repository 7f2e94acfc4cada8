"""Errors of the library. A message says what was expected, what was received, and how to fix it.

YachayError (a ValueError): what a user can act on
+-- DataError: the data cannot be used as it is; carries the failures as data
|   +-- RequestError: a request for predictions is invalid (serving)
|   +-- HashedError: a column holds hashes that cannot be compared (components.drift_monitor)
+-- ModelError: a model cannot be trained, exported or pushed
|   +-- IntegrityError: the files of a model are not those that were pushed (model_store)
|   |   +-- BrokenPushError: a push in a store is not what was pushed; a StoreError too (model_store)
|   +-- TreeTableError: no table of trees can stand for a model; its SavedModel predicts (components.trainer)
+-- ConfigurationError: a configuration is invalid; nothing was done
|   +-- CompileError: a pipeline cannot be compiled; nothing was written
|   +-- ManifestError: a service cannot be deployed as it is described (manifests)
|   +-- SchemaError: a schema is unknown, cannot be read, or is not one (schemas)
+-- UsageError: a command is invalid; nothing was done
|   +-- UnmetFloorsError: no choice of actions meets the floors of a plan (components.intervention_recommender)
|   +-- NotInTimeError: the solver found no choice of actions in its time (components.intervention_recommender)
+-- StoreError: a model store or an object store cannot be read or written
+-- RunError: a run ended before its time
|   +-- NodeError: a node failed for a reason that is not the data's or the configuration's (pipelines.local)
|   +-- ExecutorError: the process of an executor was killed, or its error cannot be carried here (pipelines.local)
|   +-- EndedError: an executor was ended, for the run fails or is interrupted (pipelines.local)
|   +-- StepError: a step of a compiled pipeline failed (pipelines.kubeflow.emulator)
|   +-- DriverError: the inputs of a step cannot be resolved (pipelines.kubeflow.emulator)
|   +-- ConditionError: a condition of a compiled pipeline cannot be evaluated (pipelines.kubeflow.emulator)
+-- StreamError: a source or a sink of events cannot be read or written; nothing is lost (serving.streaming)
|   +-- SinkError: some messages were not acknowledged (serving.streaming)
+-- ForkError: a process cannot be forked from one that has its imports, and starts anew (fork_server)
+-- ClusterError: the Kubernetes API rejects a request or does not respond (deployment)
+-- MonitoringError: Prometheus rejects a query or does not respond (deployment)
+-- CandidateError: a candidate is not to be promoted; inside a rollout only (deployment)
|   +-- GoldenError: a model predicts otherwise than it did when it was trained (deployment)
+-- UndecidedError: it is not known whether a candidate is as good; inside a rollout only (deployment)
+-- TakenOverError: another call moves the service on; inside a rollout only (deployment)
+-- UnreachableError: the servers of a model cannot be asked from here (deployment)
+-- TrackingError: a tracking server or a registry rejects a request or does not respond (components.run_tracker)
|   +-- RegistryError: a registry holds another model than the store (components.run_tracker)
+-- KubeflowError: the API of Kubeflow Pipelines rejects a request or does not respond (pipelines.kubeflow.client)
"""

import contextlib
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

MAX_FAILURES_SHOWN = 10

_USER = re.compile(r"(?<=://)[^/?#\s@'\"]+@")
_QUERY = re.compile(r"(://[^\s?'\"]+\?)[^\s'\"]+")


class YachayError(ValueError):
    """The root of the library's errors."""


class DataError(YachayError):
    """The data cannot be used as it is.

    Args:
        message: string. What was expected, what was received, and the fix.
        failures: sequence of strings. One line for each thing that is wrong; the message shows the first
            `MAX_FAILURES_SHOWN` of them. Defaults to none.
    """

    def __init__(self, message: str, failures: Sequence[str] = ()) -> None:
        self.failures = tuple(failures)
        lines = [message, *(f"  - {failure}" for failure in self.failures[:MAX_FAILURES_SHOWN])]
        if len(self.failures) > MAX_FAILURES_SHOWN:
            lines.append(f"  ... and {len(self.failures) - MAX_FAILURES_SHOWN} more")
        super().__init__("\n".join(lines))


class ModelError(YachayError):
    """A model cannot be trained, exported or pushed."""


class ConfigurationError(YachayError):
    """A configuration is invalid; nothing was done."""


class CompileError(ConfigurationError):
    """A pipeline cannot be compiled; nothing was written."""


class UsageError(YachayError):
    """A command is invalid; nothing was done."""


class StoreError(YachayError):
    """A model store or an object store cannot be read or written."""


class RunError(YachayError):
    """A run ended before its time."""


@contextlib.contextmanager
def carrying(result: object) -> Iterator[None]:
    """Lets an exception that leaves the block carry a result, as far as it got; the innermost block's counts."""
    try:
        yield
    except BaseException as error:
        if partial_result(error) is None:
            error.partial_result = result  # type: ignore[attr-defined]
        raise


def partial_result(error: BaseException) -> Any:
    """Returns the result, as far as it got, that an exception carries, such as the summary of a run; None for none."""
    return getattr(error, "partial_result", None)


def without_passwords(text: str) -> str:
    """Returns a text for messages and logs: in its addresses `***` stands for user, password and query."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", text))


def suggestion(name: str, names: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """Returns `" Did you mean ...?"` with the nearest of the names, else one that begins so, else nothing.

    Args:
        name: string. What was received; upper and lower case are the same.
        names: iterable of strings. What is known.
        shown: function of a name to what is shown of it, such as a whole path. Defaults to the name.
    """
    folded = {known.casefold(): known for known in names}
    wanted = name.casefold()
    close = difflib.get_close_matches(wanted, folded, n=1)
    if not close and wanted:
        close = [known for known in folded if known.startswith(wanted)]
    if not close:
        return ""
    return f" Did you mean {shown(folded[close[0]])!r}?"
