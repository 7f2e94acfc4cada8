"""Executor of `Pusher`."""

import datetime
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from absl import logging
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from ...deployment.order import Order
from ...errors import ModelError
from ...files import scratch_folder
from ...model_store.golden import GoldenRequest, golden_of, write_golden
from ...model_store.integrity import IntegrityError, check_push
from ...model_store.layout import push_name
from ...model_store.location import open_store
from ...model_store.metadata import METADATA_FILE
from ...model_store.mlflow_model import describe_model
from ...model_store.signature import check_signing_key
from ...model_store.store import ModelStore, Push, hash_folder, latest_push, push
from ..artifact_files import STATISTICS_FILE, local_copy, split_files
from ..drift_monitor.reference import REFERENCE_FILE, ReferenceConfig
from ..evaluator.evaluation import read_evaluation
from ..evaluator.predictions_file import read_predictions
from ..examples import read_examples
from ..tfx_api import evaluator_constants as constants
from ..tfx_api import io_utils, model_utils, path_utils
from ..trainer.metadata import read_metadata
from .gate import check_candidate
from .settings import REJECTION, PushSettings

NUM_CHECKED_RECORDS = 64
SPLIT, TRAIN = "eval", "train"


class Executor(base_executor.BaseExecutor):
    """Checks the blessing, the signatures and the server's predictions, then pushes."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed and passes the gate.

        Raises:
            StoreError: if the store cannot be read or written.
            ConfigurationError: if the signing key cannot sign.
            DataError: if the examples have no split `eval`.
            UsageError: if the deployment is invalid.
            ClusterError: if the cluster rejects the service or does not respond; the model is pushed all the same, and
                `pushed_model` says so.
            MonitoringError: if Prometheus does not respond at the start of the deployment; likewise.
        """
        model, blessing, evaluation, examples, statistics = (
            artifact_utils.get_single_instance(input_dict[key])
            for key in ("model", "model_blessing", "evaluation", "examples", "statistics")
        )
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        pushed.set_int_custom_property("pushed", 0)
        if not model_utils.is_model_blessed(blessing):
            return
        settings = PushSettings.from_property(exec_properties["settings"])
        store = open_store(exec_properties["store"], settings.mount, settings.endpoint_url)
        signing_key = Path(settings.signing_key) if settings.signing_key else None
        watched = exec_properties.get("reference")  # Not in specs of earlier versions.
        reference = ReferenceConfig.from_property(watched) if watched else None
        if signing_key is not None:
            check_signing_key(signing_key)
        with scratch_folder() as folder:
            model_path = local_copy(path_utils.serving_model_path(model.uri), folder / "model")
            trained_hash = hash_folder(model_path)
            result = latest_push(store)
            wanted = (trained_hash, settings.golden)
            if (
                result is None
                or (result.trained_hash, result.golden) != wanted
                or (reference is not None and f"{result.version}/{REFERENCE_FILE}" not in result.files)
                or not _is_what_was_pushed(store, result)
            ):
                judged = local_copy(evaluation.uri, folder / "evaluation")
                verdict = _verdict(blessing, judged)
                data_fingerprint = examples.get_string_custom_property("data_fingerprint")
                facts = {
                    "original_names": json.loads(examples.get_string_custom_property("original_names") or "{}"),
                    "data_fingerprint": data_fingerprint,
                    **{name: verdict[name] for name in ("blessed", "baseline", "metrics")},
                }
                try:
                    candidate = _stage(model_path, folder, facts)
                    # The checks wait for their server.
                    with ThreadPoolExecutor(1) as beside:
                        described = beside.submit(_reference, candidate, reference, examples, judged)
                        golden = check_candidate(
                            candidate,
                            lambda: _records(examples),
                            settings.ready_seconds,
                            (lambda: _drawn(candidate, statistics)) if settings.golden == "synthetic" else None,
                        )
                    if content := described.result():
                        (candidate / REFERENCE_FILE).write_bytes(content)
                except ModelError as error:
                    logging.error("The model is not pushed: %s", error)
                    pushed.set_string_custom_property(REJECTION, str(error))
                    return
                result = push(
                    candidate,
                    store,
                    trained_hash=trained_hash,
                    golden=write_golden(golden) if settings.golden != "none" else b"",
                    golden_records=settings.golden,
                    signing_key=signing_key,
                    described=_as_mlflow_model(candidate, golden, settings.golden == "synthetic"),
                    run_id=self._run_id(),
                    data_fingerprint=data_fingerprint,
                    blessing=verdict,
                )
        # Before the deployment: one that fails takes nothing from the push.
        _describe(pushed, result)
        if exec_properties["deploy"]:
            golden_requests = golden_of(store, result.version)
            _deploy(pushed, result, golden_requests, Order.from_json(exec_properties["deploy"]))

    def _run_id(self) -> str:
        return (self._context.pipeline_run_id if self._context else None) or ""


def _is_what_was_pushed(store: ModelStore, result: Push) -> bool:
    try:
        check_push(store, result)
    except IntegrityError as error:
        logging.error("%s It is pushed anew.", error)
        return False
    return True


def _verdict(blessing: types.Artifact, evaluation: Path) -> dict[str, Any]:
    return {
        "blessed": True,
        "model": blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY),
        "baseline": blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY) or None,
        "metrics": read_evaluation(evaluation).slices.get((), {}),
    }


def _stage(model: Path, folder: Path, facts: dict[str, Any]) -> Path:
    """Copies a model as it would be pushed, with what only the pusher knows in its metadata.

    Raises:
        ModelError: if the model has no metadata.
    """
    described = read_metadata(str(model)) | facts
    # Of the inputs alone: columns that the model never sees are nobody's business who asks it.
    inputs = {feature["name"] for feature in described["features"]}
    described["original_names"] = {name: given for name, given in facts["original_names"].items() if name in inputs}
    candidate = folder / push_name(1) / "1"
    shutil.copytree(model, candidate)
    metadata = candidate / METADATA_FILE
    metadata.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return candidate


def _reference(candidate: Path, config: ReferenceConfig | None, examples: types.Artifact, evaluation: Path) -> bytes:
    """Returns what the model was trained on and judged by, for the monitor; nothing where none is asked for."""
    if config is None:
        return b""
    from ..drift_monitor.make_reference import make_reference

    reference = make_reference(
        config,
        read_metadata(str(candidate))["features"],
        split_files(examples, TRAIN),
        split_files(examples, SPLIT),
        read_predictions(evaluation),
    )
    return reference.to_json()


def _as_mlflow_model(candidate: Path, golden: Sequence[GoldenRequest], are_synthetic: bool) -> dict[str, bytes]:
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return describe_model(read_metadata(str(candidate)), golden, golden if are_synthetic else (), created)


def _records(examples: types.Artifact) -> list[bytes]:
    return next(read_examples(split_files(examples, SPLIT), NUM_CHECKED_RECORDS), [])


def _drawn(model_dir: Path, statistics: types.Artifact) -> list[bytes]:
    from .synthetic import draw_examples  # Imports TensorFlow, while the server starts.

    uri = artifact_utils.get_split_uri([statistics], TRAIN)
    content = io_utils.read_bytes_file(f"{uri}/{STATISTICS_FILE}")
    of_split = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets[0]
    return draw_examples(read_metadata(str(model_dir))["features"], of_split, NUM_CHECKED_RECORDS)


def _describe(pushed: types.Artifact, result: Push) -> None:
    pushed.set_int_custom_property("pushed", 1)
    pushed.set_string_custom_property("pushed_destination", result.model_uri)
    pushed.set_string_custom_property("pushed_version", str(result.version))
    io_utils.write_string_file(f"{pushed.uri}/destination.txt", f"{result.model_uri}\n")


def _deploy(pushed: types.Artifact, result: Push, golden: Sequence[GoldenRequest], order: Order) -> None:
    outcome = order.carry_out(
        result.uri, result.content_hash, result.trained_uri, golden, lambda line: logging.info("%s", line)
    )
    pushed.set_string_custom_property("deploy_state", outcome.state)
    pushed.set_string_custom_property("service_url", outcome.url or "")
    pushed.set_string_custom_property("serving_version", str(outcome.serving_version or ""))
    pushed.set_string_custom_property("deploy_reason", outcome.reason)
