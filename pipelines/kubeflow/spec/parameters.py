"""How a compiled spec declares the parameters of a run."""

from typing import Any

from ...node import PipelineParameter

Json = dict[str, Any]

# In the description: backends before 2.16 reject a spec with `literals`.
_CHOICES = " One of: "


def declare(parameter: PipelineParameter) -> Json:
    """Returns the declaration of a parameter in protojson."""
    declaration: Json = {"parameterType": parameter.type}
    if parameter.default is not None:
        declaration["defaultValue"] = parameter.default
    description = parameter.description
    if parameter.choices:
        description += f"{_CHOICES}{', '.join(parameter.choices)}."
    if description:
        declaration["description"] = description
    return declaration


def read_choices(description: str) -> list[str]:
    """Returns the values that a parameter takes, by its description in a compiled spec; none where it takes any."""
    _, found, choices = description.rpartition(_CHOICES)
    return choices.removesuffix(".").split(", ") if found else []
