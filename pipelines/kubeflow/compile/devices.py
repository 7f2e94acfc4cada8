"""Warnings of devices that a compiled pipeline asks for and hardly uses."""

from collections.abc import Mapping, Sequence

from ....components.trainer.family import AUTO, Family, load_families
from ....components.trainer.settings import TrainerSettings

# These predict with a TensorFlow model, which takes a GPU where there is one.
_PREDICTING = ("evaluator", "report", "pusher")


def device_warnings(accelerators: Mapping[str, int], roles: Mapping[str, str], family: Family | None) -> list[str]:
    """Returns a warning for each device that nothing will use.

    Args:
        accelerators: mapping of node id to the number of devices that its step asks for.
        roles: mapping of node id to its role; see `pipelines.node`.
        family: `Family` that it trains; None where several are tried, or a `run_fn` of the pipeline's own trains.
    """
    warnings = []
    trainer = next((node for node, role in roles.items() if role == "trainer"), None)
    count = accelerators.get(trainer, 0) if trainer else 0
    if count and family is not None and not family.uses_gpu:
        warnings.append(
            f"kubeflow.resources.{trainer} asks for {count} accelerator{'s' if count > 1 else ''}, and the family "
            f"{family.name!r} trains on the CPU. Remove the accelerator or preset, or choose a family that uses one."
        )
    elif count > 1 and family is not None and not family.supports_multiple_gpus:
        warnings.append(
            f"kubeflow.resources.{trainer} asks for {count} accelerators, and the family {family.name!r} uses one. "
            "Write `accelerator: {count: 1}`."
        )
    idle = [node for node in sorted(accelerators) if roles.get(node) not in ("trainer", *_PREDICTING)]
    if idle:
        warnings.append(
            f"{', '.join(idle)} ask for an accelerator and use none. Name the preset or accelerator of the step that "
            "uses it, not in kubeflow.resources.default."
        )
    return warnings


def find_family(settings: TrainerSettings, extensions: Sequence[str]) -> Family | None:
    """Returns the family that is trained; None where that is a choice among several, or a `run_fn` of one's own."""
    if settings.run_fn is not None or settings.family == AUTO:
        return None
    return load_families(extensions)[settings.family]
