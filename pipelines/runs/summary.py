"""What a run came to: one object for people and for `--json`."""

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pydantic

from ...errors import DataError
from ...files import write_atomically


@dataclasses.dataclass
class Summary:
    """What a run came to; every field has its value as far as the run got.

    Args:
        pipeline: string. Name of the configuration.
        task: string. Name of the task.
        run_id: string or None.
        verdict: `"blessed"`, `"not_blessed"` or None where the run did not get that far.
        reasons: list of strings. The thresholds that the model does not meet.
        metrics: dict of metric to value on the `eval` split.
        bounds: dict of metric to `lower` and `upper`, as far as the gate has them.
        baseline_metrics: dict likewise of the last blessed model, or None.
        slices: list of dicts with `slice` (column to value), `rows` and each metric; small slices are left out.
        tuning: dict or None. The outline of a search: `objective`, `score` (the best mean of inner folds),
            `configured_score` (that of the configuration as it is), `held_out` (the model's, of the evaluation),
            `trials`, `stopped`, `best`, `taken` (the trial that was trained), `is_kept` (whether that is the
            configuration though another was better), `p_value` and `keep_level` (of the best one's lead over the
            configuration), `family`, `left_out` (families that cannot do the task), `num_folds`, `seconds` and
            `tuned_uri`, the file to keep.
        training: dict or None. The model's `family`, and of a training on several devices `strategy`, `replicas` and
            `global_batch_size`.
        model_uri: string or None. The trained model.
        pushed_model_uri: string or None. The model in the store, also where an earlier run pushed it.
        rejection: string or None. Why a blessed model was not pushed.
        deployment: dict or None. What deploying came to: `state`, `service_url`, `serving_version` and `reason`.
        tracking: dict or None. What tracking the run came to: `state` (`"tracked"`, `"kept"` in the spool, or
            `"lost"`), `url`, `model` (the registered version) and `reason`.
        monitoring: dict or None. What the monitor found: `verdict`, `model`, `drifted` (names), `page_uri`.
        retraining: dict or None. What was decided on it: `starts`, `reason`, `run_id`.
        report_uri: string or None. The evaluation as a page; its path.
        recommendation_uri: string or None. The folder of the recommendation.
        rows: dict of `read`, `kept` and `quarantined` to counts.
        quarantine_uri: string or None. The records that did not fit, with line and reason.
        nodes: list of dicts with `id`, `state`, `seconds` and `cached`.
        data_fingerprint: string or None. Hash of the content of the data.
        profile: string. The profile of the configuration; empty for none.
        is_synthetic: bool. Whether the data is synthetic.
        log: string or None. Path of the log.
        warnings: list of strings. What a person should know though nothing failed.
        error: string or None. Why the run failed.
    """

    pipeline: str | None = None
    task: str | None = None
    run_id: str | None = None
    verdict: str | None = None
    reasons: list[str] = dataclasses.field(default_factory=list)
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    bounds: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    baseline_metrics: dict[str, float] | None = None
    slices: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    tuning: dict[str, Any] | None = None
    training: dict[str, Any] | None = None
    model_uri: str | None = None
    pushed_model_uri: str | None = None
    rejection: str | None = None
    deployment: dict[str, str] | None = None
    tracking: dict[str, str] | None = None
    monitoring: dict[str, str] | None = None
    retraining: dict[str, Any] | None = None
    report_uri: str | None = None
    recommendation_uri: str | None = None
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    quarantine_uri: str | None = None
    nodes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    data_fingerprint: str | None = None
    profile: str = ""
    is_synthetic: bool = False
    log: str | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)
    error: str | None = None

    def add(self, fields: Mapping[str, Any]) -> None:
        """Sets fields; warnings are added to those that are there."""
        for name, value in fields.items():
            setattr(self, name, [*self.warnings, *value] if name == "warnings" else value)

    @property
    def is_good(self) -> bool:
        """Whether the model is blessed and was not rejected at the push."""
        return self.verdict == "blessed" and self.rejection is None

    @property
    def is_rolled_back(self) -> bool:
        """Whether the model was pushed, but its deployment failed or was taken back."""
        return self.deployment is not None and self.deployment["state"] not in ("promoted", "unchanged")

    @property
    def deployed(self) -> str | None:
        """What the deployment came to, for people; None where there was none."""
        if self.deployment is None:
            return None
        words = [self.deployment["state"].replace("_", " "), self.deployment["service_url"], self.deployment["reason"]]
        return ", ".join(word for word in words if word)

    @property
    def tracked(self) -> str | None:
        """What tracking came to, for people; None where nothing is tracked."""
        if self.tracking is None:
            return None
        if self.tracking["state"] == "tracked":
            return " ".join(word for word in (self.tracking["url"], self.tracking["model"]) if word)
        what = {"kept": f"not yet (yachay track {self.run_id} sends it)", "lost": "not at all"}
        return f"{what[self.tracking['state']]}: {self.tracking['reason']}"

    @property
    def outcome(self) -> str:
        """The verdict for people."""
        return "NOT BLESSED" if self.verdict != "blessed" else "NOT PUSHED" if self.rejection else "BLESSED"

    @property
    def pushed(self) -> str:
        """Where the model was pushed, or why it was not, for people."""
        reason = self.rejection or ("the model is not blessed" if self.verdict == "not_blessed" else "no step pushes")
        return self.pushed_model_uri or "nothing: " + reason.replace("\n", "\n             ")

    def to_json(self) -> str:
        """Returns the summary as JSON, numbers that JSON does not know as null."""
        return json.dumps(_finite(dataclasses.asdict(self)), indent=2)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a summary; fields of a later version, and numbers that JSON did not know, are left out.

        Raises:
            DataError: if it cannot be read, or is none.
        """
        try:
            summary: Self = pydantic.TypeAdapter(cls).validate_python(_without_nulls(json.loads(path.read_bytes())))
        except OSError as error:
            raise DataError(f"Expected a summary at {path}. Received: {error.strerror}.") from None
        except pydantic.ValidationError as error:
            fields = ", ".join(".".join(str(part) for part in one["loc"]) for one in error.errors()[:3])
            raise DataError(f"Expected {path} to hold the summary of a run. Received: another {fields}.") from None
        except (ValueError, RecursionError):
            raise DataError(f"Expected {path} to hold the summary of a run. Received: no JSON.") from None
        return summary

    @contextlib.contextmanager
    def kept_at(self, path: Path) -> Iterator[None]:
        """Writes the summary at the end, with the error where one ends the run."""
        try:
            yield
        except BaseException as error:
            is_interrupted = isinstance(error, KeyboardInterrupt)
            self.error = str(error) or ("Interrupted." if is_interrupted else type(error).__name__)
            # The first error counts: where the disk is full the summary cannot be written either.
            with contextlib.suppress(OSError):
                self.write(path)
            raise
        self.write(path)

    def write(self, path: Path) -> None:
        """Writes the summary atomically."""
        write_atomically(path, self.to_json() + "\n")


def note_tracking(path: Path, tracking: Mapping[str, str]) -> None:
    """Replaces what tracking came to in the summary of a run that was sent later.

    Args:
        path: path of the summary. One that is absent or cannot be read stays as it is: the run is on the server.
        tracking: mapping. See `Summary`.
    """
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        summary = json.loads(path.read_bytes())
        summary.update(tracking=dict(tracking))
        write_atomically(path, json.dumps(summary, indent=2) + "\n")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
