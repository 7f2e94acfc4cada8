"""What a pipeline's nodes take from a run: its parameters, its data, its store."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from .options import Assignment, RawData, StepOptions

Json = dict[str, Any]

# In the description: backends before 2.16 reject a spec with `literals`.
_CHOICES = " One of: "


@dataclasses.dataclass(frozen=True)
class PipelineParameter:
    """A parameter that a run may change without compiling again.

    Args:
        name: string.
        type: string. As KFP names it.
        default: string, int or float; None where a run must name it.
        description: string.
        choices: tuple of strings. All values that it takes; empty for any.
    """

    name: str
    type: Literal["STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN"]
    default: str | int | float | None
    description: str = ""
    choices: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """Returns the parameter's declaration in protojson."""
        declaration: Json = {"parameterType": self.type}
        if self.default is not None:
            declaration["defaultValue"] = self.default
        description = f"{self.description}{_CHOICES}{', '.join(self.choices)}." if self.choices else self.description
        if description:
            declaration["description"] = description
        return declaration


def read_choices(description: str) -> list[str]:
    """Returns the values that a parameter takes, by its description in a compiled spec; none where it takes any."""
    _, found, choices = description.rpartition(_CHOICES)
    return choices.removesuffix(".").split(", ") if found else []


@dataclasses.dataclass(frozen=True)
class NodeRequest:
    """What a node takes from a run; see `step.StepOptions`.

    Args:
        properties: mapping of execution property to the pipeline parameter that it is.
        arguments: tuple of strings. Pipeline parameters that the node's step needs beside its execution properties.
        assignments: tuple of `Assignment`.
        raw_data: `RawData` or None.
        output_folders: mapping of execution property to the output artifact whose place it takes.
        points_to: string or None. The input that the pointer object names.
        views: tuple of strings. The outputs that show the node's report, of `views.VIEWS`.
        rows: string. The property of `examples` that counts the node's records.
    """

    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    raw_data: RawData | None = None
    output_folders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    points_to: str | None = None
    views: tuple[str, ...] = ()
    rows: str = StepOptions.rows

    def options(self, pipeline: str, **known: Any) -> StepOptions:
        """Returns the options of the node's step.

        Args:
            pipeline: string. Name of the pipeline.
            known: what the compiler knows of the node.
        """
        return StepOptions(
            pipeline=pipeline,
            arguments=self.arguments,
            assignments=self.assignments,
            raw_data=self.raw_data,
            output_folders=self.output_folders,
            points_to=self.points_to,
            views=self.views,
            rows=self.rows,
            **known,
        )
