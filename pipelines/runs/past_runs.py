"""The runs that a folder keeps, also those that failed, were killed, or left files that cannot be read."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pydantic

from ...components.evaluation_report import report_files
from ...components.evaluation_report.page.index import State
from ...components.evaluation_report.report import Report
from ...errors import DataError, UsageError, suggestion
from .run_folder import PipelineHome, RunFolder
from .summary import Summary

_VERDICTS: Mapping[str, State] = {"blessed": "blessed", "not_blessed": "not_blessed"}
_MARKS = ("summary.json", "config.yaml", "pipeline.*")
"""What a run writes into its folder, and a cross-validation does not."""


@dataclasses.dataclass(frozen=True)
class PastRun:
    """A run of which there is a folder.

    Args:
        home: `PipelineHome`.
        path: path of the run's folder.
        summary: `Summary`; None where the run wrote none, or one that cannot be read.
        problem: string. Why there is no summary; empty where there is one.
        pipeline: string. Name of the pipeline; of the home where no run in it says it.
        task: string. Name of the task, or nothing where no run in the home says it.
        is_synthetic: bool. Whether the records are synthetic.
    """

    home: PipelineHome
    path: Path
    summary: Summary | None
    problem: str
    pipeline: str
    task: str
    is_synthetic: bool

    @property
    def run_id(self) -> str:
        """Name of the run's folder."""
        return self.path.name

    @property
    def state(self) -> State:
        """How far the run got."""
        if self.summary is None:
            return "unreadable" if RunFolder(self.run_id, self.path).summary_path.exists() else "unfinished"
        if self.summary.error is not None or self.failed_node is not None:
            return "failed"
        return _VERDICTS.get(self.summary.verdict or "", "done")

    @property
    def failed_node(self) -> str | None:
        """The node at which the run ended before its time."""
        nodes = self.summary.nodes if self.summary else []
        return next((str(node.get("id")) for node in nodes if node.get("state") in ("failed", "interrupted")), None)

    @functools.cached_property
    def page_path(self) -> Path | None:
        """Path of the evaluation page; None where the run made none, or it is gone."""
        uri = self.summary.report_uri if self.summary else None
        return next((path for path in self._places(uri) if path.is_file()), None) if uri else None

    @functools.cached_property
    def recommendation_path(self) -> Path | None:
        """Path of the recommendation's folder; None where the run made none, or it is gone."""
        uri = self.summary.recommendation_uri if self.summary else None
        return next((path for path in self._places(uri) if path.is_dir()), None) if uri else None

    def report(self) -> Report:
        """Returns the evaluation as data: report.json.

        Raises:
            DataError: if there is none, or it cannot be read.
        """
        if self.page_path is None:
            raise DataError(f"Expected the run {self.run_id} to have a report. Received: none.")
        path = self.page_path.with_name(report_files.REPORT)
        try:
            return Report.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(f"Expected the report.json of the page at {path}. Received: {error.strerror}.") from None
        except pydantic.ValidationError as error:
            [first, *_] = error.errors(include_url=False)
            where = ".".join(str(part) for part in first["loc"])
            raise DataError(
                f"Expected {path} to hold a report. Received: {first['msg']}{f' ({where})' if where else ''}."
            ) from None

    def _places(self, uri: str) -> Iterator[Path]:
        """Yields where a file of the home may lie, also after the home was moved."""
        parts = Path(uri).parts
        for place, part in enumerate(parts):
            if part == self.home.path.name:
                yield self.home.path.joinpath(*parts[place + 1 :])
        yield Path(uri)


def find_runs(workdir: Path) -> list[PastRun]:
    """Returns the runs of all pipelines, the newest first; cross-validations are none."""
    folders = workdir.absolute().glob("*/runs/*/")
    runs = [read_run(path) for path in folders if any(next(path.glob(mark), None) for mark in _MARKS)]
    known = {run.home: (run.pipeline, run.task, run.is_synthetic) for run in runs if run.summary}
    for place, run in enumerate(runs):
        if run.summary is None and run.home in known:
            pipeline, task, is_synthetic = known[run.home]
            runs[place] = dataclasses.replace(run, pipeline=pipeline, task=task, is_synthetic=is_synthetic)
    return sorted(runs, key=lambda run: run.run_id, reverse=True)


def read_run(path: Path) -> PastRun:
    """Returns the run of a folder, whatever it left there."""
    home, summary_path = PipelineHome(path.parent.parent), RunFolder(path.name, path).summary_path
    if not summary_path.exists():
        return PastRun(home, path, None, "It goes on, or it was killed before its end.", home.path.name, "", False)
    try:
        summary = Summary.read(summary_path)
    except DataError as error:
        return PastRun(home, path, None, str(error), home.path.name, "", False)
    return PastRun(
        home, path, summary, "", summary.pipeline or home.path.name, summary.task or "", summary.is_synthetic
    )


def find_run(workdir: Path, name: str, pipeline: str | None = None, task: str | None = None) -> PastRun:
    """Returns one run.

    Args:
        workdir: path of the folder that keeps the runs.
        name: string. A run's id, or the path of its folder.
        pipeline: string. Takes only runs of this pipeline. Defaults to None.
        task: string. Takes only runs of this task. Defaults to None.

    Raises:
        UsageError: if there is no such run.
    """
    path = Path(name).absolute()
    if path.parent.name == "runs" and path.is_dir():
        return read_run(path)
    runs = _chosen(workdir, pipeline, task)
    for run in runs:
        if run.run_id == name:
            return run
    known = [run.run_id for run in runs]
    raise UsageError(
        f"Expected a run of {workdir}, as its id or its folder. Received: {name!r}."
        f"{suggestion(name, known) or f' The latest is {known[0]}.'}"
    )


def find_latest(workdir: Path, pipeline: str | None = None, task: str | None = None) -> tuple[PastRun, list[PastRun]]:
    """Returns the newest run that has ended, and those after it that are under way or were killed.

    Args:
        workdir: path of the folder that keeps the runs.
        pipeline: string. Takes only runs of this pipeline. Defaults to None.
        task: string. Takes only runs of this task. Defaults to None.

    Returns:
        Tuple of `PastRun` and list of `PastRun`; where no run has ended, the newest and none.

    Raises:
        UsageError: if there is no such run.
    """
    runs = _chosen(workdir, pipeline, task)
    ended = next((place for place, run in enumerate(runs) if run.state != "unfinished"), 0)
    return runs[ended], runs[:ended]


def _chosen(workdir: Path, pipeline: str | None, task: str | None) -> list[PastRun]:
    runs = find_runs(workdir)
    if not runs:
        raise UsageError(
            f"Expected runs in {workdir}. Received: none. Start one with `yachay run`, or name another --workdir."
        )
    runs = _only(runs, "--pipeline", pipeline, lambda run: (run.pipeline, run.home.path.name))
    return _only(runs, "--task", task, lambda run: (run.task,))


def _only(
    runs: list[PastRun], option: str, name: str | None, names: Callable[[PastRun], tuple[str, ...]]
) -> list[PastRun]:
    found = [run for run in runs if name is None or name in names(run)]
    if not found:
        known = sorted({one for run in runs for one in names(run) if one})
        raise UsageError(
            f"Expected {option} to name one of which there are runs ({', '.join(known)}). Received: {name!r}."
            f"{suggestion(str(name), known)}"
        )
    return found
