"""Executor of `BatchPredictor`."""

from collections.abc import Callable, Sequence
from typing import Any

from absl import logging
from tfx import types
from tfx.types import artifact_utils

from ...serving.store import ModelVersion
from ..array_executor import ArrayExecutor
from ..artifact_files import local_folder
from ..engine import Engine
from ..example_gen.settings import ReadSettings
from ..progress import report
from ..pusher.settings import PushSettings
from ..tfx_api import io_utils
from .model_place import ModelPlace
from .predict import PredictionSummary, Progress, Runner, predict
from .settings import PredictSettings

OUTPUT_FILE = "predictions.parquet"
DESTINATION_FILE = "destination.txt"
_RUNNER = "--runner="


class Executor(ArrayExecutor):
    """Resolves the newest push, scores, and says on the artifact what was done."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the predictions.

        Raises:
            UsageError: if the store has no push, or no data is named.
            DataError: if the records cannot be read, or too many of them are rejected.
            StoreError: if a store cannot be read or written.
        """
        predictions = artifact_utils.get_single_instance(output_dict["predictions"])
        push = PushSettings.from_property(exec_properties["push"])
        version = ModelPlace(exec_properties["store"], push).newest()
        logging.info("BatchPredictor: version %s of %s", version.version, exec_properties["store"])
        settings = PredictSettings.from_property(exec_properties["settings"])
        read = ReadSettings.from_property(exec_properties["read"])
        arguments = list(getattr(self._context, "beam_pipeline_args", None) or ())
        runner = _runner(
            exec_properties["engine"], arguments, ModelPlace(exec_properties["store"], push, version.version)
        )
        with local_folder(predictions.uri) as folder:
            output = exec_properties["output_uri"] or str(folder / OUTPUT_FILE)
            changed = {"data": exec_properties["data_uri"], "output": output}
            summary = predict(
                version.path,
                settings.model_copy(update=changed),
                read,
                overwrite=True,
                facts={"version": version.version},
                progress=_reporter(),
                runner=runner,
            )
        if exec_properties["output_uri"]:
            io_utils.write_string_file(f"{predictions.uri}/{DESTINATION_FILE}", f"{summary.output}\n")
        _describe(predictions, summary, version)


def _runner(engine: Engine, arguments: Sequence[str], place: ModelPlace) -> Runner | None:
    """Returns the Beam runner where the arguments name one, or Beam is configured; None for processes here."""
    named = [argument.removeprefix(_RUNNER) for argument in arguments if argument.startswith(_RUNNER)]
    chosen = "beam" if engine == "beam" or (engine == "auto" and named) else "arrays"
    why = "it is configured" if engine != "auto" else f"the runner {named[-1]} is named" if named else "no runner is"
    logging.info("BatchPredictor: engine %s, for %s", chosen, why)
    if chosen == "arrays":
        return None
    from .beam import beam_runner

    return beam_runner(arguments, place)


def _reporter() -> Callable[[Progress], None]:
    """Returns a function that reports every tenth of the way."""
    rows, tenths = 0, 0

    def listen(progress: Progress) -> None:
        nonlocal rows, tenths
        rows += progress.rows
        if int(progress.share * 10) > tenths:
            tenths = int(progress.share * 10)
            report(f"{tenths * 10}%, {rows:,} rows")

    return listen


def _describe(predictions: types.Artifact, summary: PredictionSummary, version: ModelVersion) -> None:
    for name in ("output", "quarantine", "evaluator"):
        predictions.set_string_custom_property(name, getattr(summary, name))
    predictions.set_string_custom_property("model_version", version.version)
    predictions.set_int_custom_property("rows", summary.rows)
    predictions.set_int_custom_property("rejected", summary.rejected)
    for warning in summary.warnings:
        logging.warning("%s", warning)
