"""A candidate and the champion on the newest labelled rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import DataError
from ..evaluation_report.report import NewestComparison
from ..evaluator.metric import task_metrics
from ..example_gen.ingest import ingest
from ..example_gen.inputs import resolve_input
from ..example_gen.settings import IngestSpec
from ..prediction_task import PredictionTask
from ..retraining.settings import RetrainSettings


def hold_out(newest: Path, spec: IngestSpec, folder: Path) -> Sequence[str]:
    """Reads the newest rows, and returns the files of those that the split holds out of the training.

    Args:
        newest: path of a file or folder.
        spec: `IngestSpec`. That of the training; every row may be in quarantine.
        folder: path. Gets the examples.

    Raises:
        DataError: if the rows cannot be read, or none is held out.
    """
    ingest(
        resolve_input(str(newest)), spec.model_copy(update={"min_rows": 1}), folder / "examples", folder / "rejected"
    )
    return sorted(str(path) for path in (folder / "examples" / "Split-eval").iterdir())


def judge(
    rows: int,
    candidate: Mapping[str, float],
    champion: Mapping[str, float],
    task: PredictionTask,
    settings: RetrainSettings,
) -> NewestComparison:
    """Returns whether a candidate is as good as the champion.

    Args:
        rows: int. Rows that the values are of.
        candidate: mapping of metric to value.
        champion: mapping of metric to value.
        task: `PredictionTask`.
        settings: `RetrainSettings`.

    Raises:
        DataError: if the metric cannot be computed of these rows.
    """
    name, tolerance = settings.champion.metric, settings.champion.tolerance
    if rows < settings.min_champion_rows:
        return NewestComparison(
            passes=True,
            reason=f"There are {rows} newest labelled rows that no model has learnt from, of "
            f"{settings.min_champion_rows} at least: the gate's verdict stands.",
            rows=rows,
        )
    mine, other = candidate[name], champion[name]
    if mine != mine or other != other:
        raise DataError(
            f"Expected {name} of the newest labelled rows. Received: no number, for these rows lack a class. Choose "
            "another metric in retrain.champion, or a longer monitor.window."
        )
    lead = mine - other if task_metrics(task)[name].higher_is_better else other - mine
    passes = lead >= -tolerance
    verb = "is as good as" if passes else "is worse than"
    margin = f" by more than {tolerance:g}" if tolerance and not passes else ""
    reason = (
        f"On {rows} newest labelled rows the candidate {verb} the champion{margin}: {name} {mine:.4f} and {other:.4f}."
    )
    return NewestComparison(passes=passes, reason=reason, metric=name, candidate=mine, champion=other, rows=rows)
