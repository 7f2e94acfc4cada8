"""Runs a container step as the launcher of Kubeflow Pipelines does: inputs in, process, outputs out.

The step is a process of its own with nothing of this one's environment: a working folder that is not the caller's,
`HOME` and `TMPDIR` in it, `PATH`, `YACHAY_MOUNT_ROOT` and `YACHAY_OBJECT_STORE` (see `entrypoint`), and what the spec's
container says. In place of the image's python stands this environment's interpreter. Where a fork server is given, the
process of a Python module comes from it: with its imports done, unless what its container says differs from the
server's environment.
"""

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from ....components.child_process import ending_with_parent
from ....fork_server import ADDRESS, ForkedProcess, ForkError, fork_process
from .local_store import LocalStore
from .pod import LOGS, Pod, Step, StepError, code_environment, container_environment, each_artifact
from .step_server import step_modules

Json = dict[str, Any]

_STOP_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class StepResult:
    """What a step made.

    Args:
        artifacts: dict of output to its `RuntimeArtifact`.
        parameters: dict of output parameter to value.
        rows: int or None. Number of records that it said it handled.
    """

    artifacts: dict[str, Json]
    parameters: Json
    rows: int | None


class Launcher:
    """Launches steps.

    Args:
        store: `LocalStore`.
        run_root: string. URI below which all outputs of the run lie.
        log_path: path of the file that takes what the steps print.
        scratch: path of the folder in which pods have theirs.
        code: sequence of paths. Folders from which steps import, beside this environment's packages. Defaults to none.
        fork_server: string. Address of a fork server. Defaults to none.
    """

    def __init__(
        self,
        store: LocalStore,
        run_root: str,
        log_path: Path,
        scratch: Path,
        code: Sequence[Path] = (),
        fork_server: str = "",
    ) -> None:
        self.run_root = run_root
        self._environment = code_environment(code)
        if fork_server:
            self._environment[ADDRESS] = fork_server
        self._store, self._log_path, self._scratch = store, log_path, scratch

    def launch(self, step: Step, attempt: int | None = None) -> StepResult:
        """Runs a step once.

        Args:
            step: `Step`.
            attempt: int. Number of the attempt where the step has a retry policy. Defaults to None.

        Raises:
            StepError: if it fails; nothing but its log is then taken into the store.
        """
        with tempfile.TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True) as folder:
            try:
                return self._launch(Pod(Path(folder).resolve(), step), attempt)
            except OSError as error:
                raise StepError(f"{step.name} failed: its files could not be moved ({error}).") from error

    def _launch(self, pod: Pod, attempt: int | None) -> StepResult:
        step = pod.step
        for artifact in each_artifact(step.inputs["artifacts"]):
            self._store.download(artifact["uri"], pod.path(artifact["uri"]))
        pod.make_folders()
        environment = {**self._environment, "YACHAY_OBJECT_STORE": str(self._store.folder.resolve())}
        if attempt is not None:
            environment["KFP_RETRY_INDEX"] = str(attempt)
        start = self._say(f"==> {step.name}{f', attempt {attempt + 1}' if attempt else ''}\n")
        try:
            status = self._run(pod, environment)
        finally:
            printed = self._read_log(start)
            log = pod.root / LOGS
            log.write_bytes(printed)
            self._store.upload(log, pod.output_uri(LOGS) + ("" if attempt is None else f"-{attempt}"))
        last = _last_line(printed)
        if status != 0:
            raise StepError(f"{step.name} failed: {last.get('error') or _end(status, printed)}")
        artifacts, parameters = self._take_outputs(pod)
        rows = last.get("rows")
        return StepResult(artifacts, parameters, rows if isinstance(rows, int) else None)

    def _run(self, pod: Pod, environment: Mapping[str, str]) -> int:
        environment = {**pod.environment(), **environment, **container_environment(pod.step.container)}
        with self._log_path.open("ab") as log:
            try:
                process = _start(pod.command(), pod.home, environment, log.fileno())
            except OSError as error:
                raise StepError(f"{pod.step.name} failed: its command cannot be started ({error.strerror}).") from None
            try:
                return process.wait(pod.step.deadline_seconds)
            except subprocess.TimeoutExpired:
                raise StepError(
                    f"{pod.step.name} failed: it did not end within its deadline of {pod.step.deadline_seconds} s."
                ) from None
            finally:
                _stop(process)

    def _take_outputs(self, pod: Pod) -> tuple[dict[str, Json], Json]:
        output = pod.read_output()
        parameters = dict(output.get("parameterValues", {}))
        declared = pod.step.component.get("outputDefinitions", {}).get("parameters", {})
        for name, place in pod.step.outputs["parameters"].items():
            if name not in parameters:
                parameters[name] = pod.read_parameter(name, place["outputFile"], declared[name]["parameterType"])
        artifacts = {}
        for key, listed in pod.step.outputs["artifacts"].items():
            if key == LOGS:
                continue
            [artifact] = listed["artifacts"]
            given = (output.get("artifacts", {}).get(key, {}).get("artifacts") or [{}])[0]
            uri = given.get("uri") or artifact["uri"]
            if uri != self.run_root and not uri.startswith(f"{self.run_root}/"):
                raise StepError(
                    f"{pod.step.name} failed: expected its output {key!r} below {self.run_root}, from where the "
                    f"launcher takes it. Received: {uri!r}."
                )
            path = Path(given["customPath"]) if given.get("customPath") else pod.path(uri)
            if not path.exists():
                self._say(f"Warning: {pod.step.name} wrote nothing for its output {key!r}.\n")
            self._store.upload(path, uri)
            metadata = artifact.get("metadata", {}) | given.get("metadata", {})
            artifacts[key] = {**artifact, "uri": uri, "metadata": metadata}
        return artifacts, parameters

    def _say(self, line: str) -> int:
        """Appends to the log and returns its size."""
        with self._log_path.open("ab") as log:
            log.write(line.encode())
            return log.tell()

    def _read_log(self, start: int) -> bytes:
        with self._log_path.open("rb") as log:
            log.seek(start)
            return log.read()


def _start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: int
) -> "subprocess.Popen[bytes] | ForkedProcess":
    address = environment.get(ADDRESS)
    if address and list(command[:2]) == [sys.executable, "-m"]:
        try:
            return fork_process(address, command[2:], environment, folder, log, step_modules(command))
        except ForkError as reason:
            logging.warning("The step is not forked: %s.", reason)
    program = folder / command[0] if os.sep in command[0] else command[0]
    if shutil.which(program, path=environment.get("PATH")) is None:
        raise FileNotFoundError(errno.ENOENT, "no such program", command[0])
    return subprocess.Popen(
        [*ending_with_parent(), *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _stop(process: "subprocess.Popen[bytes] | ForkedProcess") -> None:
    """Ends a step with all processes that it started, as a pod's end does."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(printed: bytes) -> Json:
    """Returns the JSON object that a step of ours ends its output with, or an empty one."""
    lines = printed.decode(errors="replace").strip().splitlines()
    with contextlib.suppress(ValueError):
        document = json.loads(lines[-1]) if lines else {}
        if isinstance(document, dict):
            return document
    return {}


def _end(status: int, printed: bytes) -> str:
    lines = printed.decode(errors="replace").strip().splitlines()
    how = f"exit status {status}" if status > 0 else f"ended by {signal.Signals(-status).name}"
    return f"{how}, {lines[-1].strip()!r} printed last" if lines else f"{how}, nothing printed"
