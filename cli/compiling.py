"""A pipeline compiled by its name, for the commands that need the spec."""

import contextlib
import dataclasses
import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..pipelines.config.pipeline_config import PipelineConfig

image_option = click.option(
    "--image", metavar="IMAGE", help="Image of the steps (default: the configuration's kubeflow.image)."
)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which pipeline of which configuration to compile, as the options of a command say it; see `options`."""

    pipeline: str
    config_path: Path | None
    overrides: Sequence[str]
    profile: str | None
    task: str | None
    pipeline_name: str
    image: str | None


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled pipeline.

    Args:
        name: string. The pipeline's own name.
        content: string. The spec in YAML.
        config: `PipelineConfig`.
        warnings: sequence of strings.
    """

    name: str
    content: str
    config: "PipelineConfig"
    warnings: Sequence[str]


def compile_chosen(choice: Choice) -> Compiled:
    """Compiles a pipeline.

    Raises:
        CompileError: if the pipeline cannot be compiled.
        ConfigurationError: if the configuration is invalid.
        UsageError: if there is no such pipeline, task or profile.
    """
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline
    from ..pipelines.runs.output import redirected_to

    folder = find_pipeline(choice.pipeline, choice.config_path)
    config = folder.load(choice.overrides, choice.profile or "")
    task = choose_task(config, choice.task, choice.overrides)
    config.check_pipeline(choice.pipeline_name)
    image = config.kubeflow.choose_image(choice.image)
    with _without_collecting(), redirected_to(Path(os.devnull)):
        # TFX takes seconds to import: an invalid command must not wait for it.
        from ..pipelines.kubeflow.compile.configured import compile_configuration

        compiled = compile_configuration(folder, config, task, image, choice.pipeline_name)
        content = compiled.to_yaml()
    return Compiled(config.pipeline_name(task, choice.pipeline_name), content, config, compiled.warnings)


def warn(compiled: Compiled) -> None:
    """Prints what will run, but hardly as meant."""
    for warning in compiled.warnings:
        click.echo(f"Warning: {warning}", err=True)


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Keeps the garbage collector from going through TensorFlow's modules, here and when the process ends.

    There is no garbage among them, and it takes a third of the command's time to find that out.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
