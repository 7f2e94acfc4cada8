"""What the compiler passes to a step's container: the argument `--options`."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Self

from ...node import Assignment, RawData

ENTRYPOINT = "yachay.pipelines.kubeflow.step.entrypoint"

RESOLVED_URI = "uri"
"""The output parameter of a resolve step."""

RESOLUTION = "resolution"
"""The output artifact of a resolve step: what it found, as JSON. By its URI the step knows the run's root."""

NEVER_WRITTEN = "none"
"""Below the pipeline root, the name of the URI that stands for "there is none"."""


@dataclasses.dataclass(frozen=True)
class StepOptions:
    """What else the compiler knows of a step.

    Args:
        pipeline: string. Name of the pipeline.
        version: string. The library's version, for the key of the cache: a step of another one is run again.
        beam_args: tuple of strings.
        package: string. Dotted package of the pipeline's own code; empty where it has none, or it is of the library.
        types: mapping of artifact type to the dotted path of its class, where it is none of TFX's.
        arguments: tuple of strings. Input parameters that are no execution properties.
        assignments: tuple of `Assignment`.
        raw_data: `RawData` or None.
        output_folders: mapping of execution property to the output artifact whose local path it takes.
        points_to: string or None. The input artifact that the pointer object names once the step has pushed.
        output_parameters: mapping of output parameter to the value artifact that holds it.
        resolves_files: bool. Whether the step does the work of a file-based ExampleGen's driver first.
        views: tuple of strings. The outputs that show the step's report, of `views.VIEWS`.
        rows: string. The property of `examples` that says how many records the step handles.
        accelerators: int. How many devices the step asks for.
        baseline: mapping or None. The section `baseline` of the configuration, for the step that resolves it.
    """

    pipeline: str
    version: str = ""
    beam_args: tuple[str, ...] = ()
    package: str = ""
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    raw_data: RawData | None = None
    output_folders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    points_to: str | None = None
    output_parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    resolves_files: bool = False
    views: tuple[str, ...] = ()
    rows: str = "rows_kept"
    accelerators: int = 0
    baseline: Mapping[str, str] | None = None

    def to_json(self) -> str:
        """Returns the options as JSON, without those that have their defaults."""
        fields = dataclasses.asdict(self)
        default = dataclasses.asdict(StepOptions(self.pipeline))
        given = {name: value for name, value in fields.items() if name == "pipeline" or value != default[name]}
        return json.dumps(given, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Returns the options; fields of a later version are ignored."""
        known = {field.name for field in dataclasses.fields(cls)}
        fields: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
        for name in ("beam_args", "arguments", "views"):
            fields[name] = tuple(fields.get(name, ()))
        fields["assignments"] = tuple(
            Assignment(**{**item, "path": tuple(item["path"])}) for item in fields.get("assignments", ())
        )
        if raw_data := fields.get("raw_data"):
            fields["raw_data"] = RawData(**raw_data)
        return cls(**fields)
