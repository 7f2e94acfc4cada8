"""Executor of `Pusher`."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from ...deployment.order import Order
from ...errors import ModelError
from ...model_store.layout import METADATA_FILE, push_name
from ...model_store.location import open_store
from ...model_store.store import Push, hash_folder, latest_push, push
from ..evaluator.evaluation import read_evaluation
from ..examples import read_examples
from .gate import check_candidate
from .golden import write_golden

NUM_CHECKED_RECORDS = 64


class Executor(base_executor.BaseExecutor):
    """Checks the blessing, the signatures and the server's answers, then pushes."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed and passes the gate.

        Raises:
            StoreError: if the store cannot be read or written.
            UsageError: if the deployment is refused.
            ClusterError: if the cluster refuses or does not answer; the model is pushed all the same.
            MonitoringError: if Prometheus does not answer at the start of the deployment.
        """
        model, blessing, evaluation, examples = (
            artifact_utils.get_single_instance(input_dict[key])
            for key in ("model", "model_blessing", "evaluation", "examples")
        )
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        pushed.set_int_custom_property("pushed", 0)
        if not model_utils.is_model_blessed(blessing):
            return
        model_path = Path(path_utils.serving_model_path(model.uri))
        store = open_store(exec_properties["store"], exec_properties["mount"], exec_properties["endpoint_url"])
        content_hash = hash_folder(model_path)
        result = latest_push(store)
        if result is None or result.content_hash != content_hash:
            data_fingerprint = examples.get_string_custom_property("data_fingerprint")
            verdict = _verdict(blessing, evaluation)
            facts = {
                "original_names": json.loads(examples.get_string_custom_property("original_names")),
                "data_fingerprint": data_fingerprint,
                **{name: verdict[name] for name in ("blessed", "baseline", "metrics")},
            }
            with tempfile.TemporaryDirectory() as folder:
                candidate = _stage(model_path, Path(folder), facts)
                try:
                    golden = check_candidate(candidate, lambda: _records(examples), exec_properties["ready_seconds"])
                except ModelError as error:
                    logging.error("The model is not pushed: %s", error)
                    pushed.set_string_custom_property("refusal", str(error))
                    return
                result = push(
                    candidate,
                    store,
                    content_hash=content_hash,
                    golden=write_golden(golden),
                    run_id=self._run_id(),
                    data_fingerprint=data_fingerprint,
                    blessing=verdict,
                )
        _describe(pushed, result)
        if exec_properties["deploy"]:
            _deploy(pushed, result, Order.from_json(exec_properties["deploy"]))

    def _run_id(self) -> str:
        return (self._context.pipeline_run_id if self._context else None) or ""


def _verdict(blessing: types.Artifact, evaluation: types.Artifact) -> dict[str, Any]:
    return {
        "blessed": True,
        "model": blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY),
        "baseline": blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY) or None,
        "metrics": read_evaluation(Path(evaluation.uri)).metrics,
    }


def _stage(model: Path, folder: Path, facts: dict[str, Any]) -> Path:
    """Copies a model as it would be pushed, with what only the pusher knows in its metadata."""
    candidate = folder / push_name(1) / "1"
    shutil.copytree(model, candidate)
    metadata = candidate / METADATA_FILE
    described = json.loads(metadata.read_text(encoding="utf-8")) | facts
    metadata.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return candidate


def _records(examples: types.Artifact) -> list[bytes]:
    files = tf.io.gfile.glob(f"{artifact_utils.get_split_uri([examples], 'eval')}/*")
    return next(read_examples(sorted(files), NUM_CHECKED_RECORDS), [])


def _describe(pushed: types.Artifact, result: Push) -> None:
    pushed.set_int_custom_property("pushed", 1)
    pushed.set_string_custom_property("pushed_destination", result.model_uri)
    pushed.set_string_custom_property("pushed_version", str(result.version))
    Path(pushed.uri, "destination.txt").write_text(f"{result.model_uri}\n", encoding="utf-8")


def _deploy(pushed: types.Artifact, result: Push, order: Order) -> None:
    outcome = order.carry_out(
        result.uri, result.content_hash, result.trained_uri, lambda line: logging.info("%s", line)
    )
    pushed.set_string_custom_property("deploy_state", outcome.state)
    pushed.set_string_custom_property("service_url", outcome.url or "")
    pushed.set_string_custom_property("serving_version", str(outcome.serving_version or ""))
    pushed.set_string_custom_property("deploy_reason", outcome.reason)
