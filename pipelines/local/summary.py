"""What a run came to: one object for people and for `--json`."""

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any


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
        baseline_metrics: dict likewise of the last blessed model, or None.
        slices: list of dicts with `slice` (column to value), `rows` and each metric; small slices are left out.
        model_uri: string or None. The trained model.
        pushed_model_uri: string or None. The model in the store, also where an earlier run pushed it.
        report_uri: string or None. The evaluation as a page.
        rows: dict of `read`, `kept` and `quarantined` to counts.
        quarantine_uri: string or None. The records that did not fit, with line and reason.
        nodes: list of dicts with `id`, `state`, `seconds` and `cached`.
        data_fingerprint: string or None. Hash of the content of the data.
        is_mock: bool. Whether the data is synthetic.
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
    baseline_metrics: dict[str, float] | None = None
    slices: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    model_uri: str | None = None
    pushed_model_uri: str | None = None
    report_uri: str | None = None
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    quarantine_uri: str | None = None
    nodes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    data_fingerprint: str | None = None
    is_mock: bool = False
    log: str | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)
    error: str | None = None

    def to_json(self) -> str:
        """Returns the summary as JSON, numbers that JSON does not know as null."""
        return json.dumps(_finite(dataclasses.asdict(self)), indent=2)

    def write(self, path: Path) -> None:
        """Writes the summary, whole or not at all."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(self.to_json() + "\n", encoding="utf-8")
        os.replace(temporary, path)  # noqa: PTH105


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
