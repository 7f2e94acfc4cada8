"""The pipelines from Python, as the command line runs them; `import yachay` exports these functions.

    import yachay

    summary = yachay.run("student_dropout", data="data.csv", task="semester2")
    print(summary.verdict, summary.metrics)

    yachay.compile("student_dropout", "student_dropout.yaml", image="registry.example/yachay:1")

They change nothing of the process: not its arguments, standard output or error, nor the root logger.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError, suggestion
from ..files import DEFAULT_WORKDIR, write_atomically
from .config.pipeline_config import MOCK, PipelineConfig
from .kinds import TRAINING, kind_of
from .registry import PipelineFolder, find_pipeline

if TYPE_CHECKING:
    from .kubeflow.compile.compiler import CompiledPipeline
    from .runs.summary import Summary


def run(
    pipeline: str | Path,
    data: str | Path | None = None,
    *,
    task: str | None = None,
    profile: str | None = None,
    pipeline_name: str = "training",
    overrides: Sequence[str] = (),
    workdir: str | Path = DEFAULT_WORKDIR,
) -> "Summary":
    """Runs a pipeline on this machine, from data to pushed model, and returns its summary.

    Args:
        pipeline: string or path. A name of `yachay list`, or a folder with a `config.yaml`.
        data: string or path. A file, a folder or a pattern. Defaults to the configuration's own, else to the synthetic
            records of the profile `mock`.
        task: string. Defaults to the configuration's.
        profile: string. The profile to lay over the configuration. Defaults to none, or `mock` where there is no data.
        pipeline_name: string. One of the configuration's `pipelines`. Defaults to `"training"`.
        overrides: sequence of `"a.b=value"`. Defaults to none.
        workdir: string or path of the folder that keeps runs and models. Defaults to `DEFAULT_WORKDIR`.

    Returns:
        `Summary`, also of a model that is not blessed: see its `verdict` and `is_good`.

    Raises:
        ConfigurationError: if the configuration is invalid.
        UsageError: if there is no such pipeline, task, profile or data.
        YachayError: if a node fails; `yachay.errors.partial_result(error)` is the summary as far as the run got.
    """
    from .local.run import resolve_data, run_pipeline

    given = None if data is None else str(data)
    folder = find_pipeline(str(pipeline))
    config = load_for_run(folder, overrides, profile, given, pipeline_name)
    config.check_pipeline(pipeline_name)
    chosen = choose_task(config, task, overrides)
    data_uri = resolve_data(folder, config, given, pipeline_name)
    return run_pipeline(folder, config, chosen, data_uri, Path(workdir), pipeline=pipeline_name)


def compile(
    pipeline: str | Path,
    output: str | Path | None = None,
    *,
    task: str | None = None,
    profile: str | None = None,
    pipeline_name: str = "training",
    image: str | None = None,
    overrides: Sequence[str] = (),
) -> "CompiledPipeline":
    """Compiles a pipeline for open-source Kubeflow Pipelines 2.

    Args:
        pipeline: string or path. A name of `yachay list`, or a folder with a `config.yaml`.
        output: string or path of the file to write. Defaults to None, which writes none: see `to_yaml` of the result.
        task: string. Defaults to the configuration's.
        profile: string. The profile to lay over the configuration. Defaults to none.
        pipeline_name: string. One of the configuration's `pipelines`. Defaults to `"training"`.
        image: string. The image of the steps. Defaults to the configuration's.
        overrides: sequence of `"a.b=value"`. Defaults to none.

    Raises:
        CompileError: if the pipeline cannot be compiled.
        ConfigurationError: if the configuration is invalid.
        UsageError: if there is no such pipeline, task or profile.
        OSError: if the file cannot be written.
    """
    from .kubeflow.compile.configured import compile_configuration

    folder = find_pipeline(str(pipeline))
    config = folder.load(overrides, profile or "")
    config.check_pipeline(pipeline_name)
    chosen, chosen_image = choose_task(config, task, overrides), config.kubeflow.choose_image(image)
    compiled = compile_configuration(folder, config, chosen, chosen_image, pipeline_name)
    if output is not None:
        write_atomically(Path(output), compiled.to_yaml())
    return compiled


def load_for_run(
    folder: PipelineFolder,
    overrides: Sequence[str],
    profile: str | None,
    data: str | None,
    pipeline_name: str = TRAINING,
) -> PipelineConfig:
    """Returns the configuration of a run: with the profile that is named, or with `mock` where it has no data to read.

    Raises:
        ConfigurationError: if it is invalid.
        UsageError: if there is no such profile.
    """
    config = folder.load(overrides, profile or "")
    has_data = data is not None or config.data.path is not None or not kind_of(pipeline_name).reads_records
    if profile is None and not has_data and MOCK in config.profiles:
        return folder.load(overrides, MOCK)
    return config


def choose_task(config: PipelineConfig, task: str | None, overrides: Sequence[str] = ()) -> str:
    """Returns the named task, or the default one.

    Args:
        config: `PipelineConfig`.
        task: string or None.
        overrides: sequence of `"a.b=value"`. What of the configuration is overridden. Defaults to none.

    Raises:
        UsageError: if there is no such task, or it would not have the family that is asked for.
    """
    chosen = config.default_task if task is None else task
    if chosen not in config.tasks:
        known = ", ".join(config.tasks)
        raise UsageError(
            f"Expected the task to be one of {known}. Received: {task!r}.{suggestion(chosen, config.tasks)}"
        )
    asked_for = [
        text for name, _, text in (override.partition("=") for override in overrides) if name == "model.family"
    ]
    if asked_for and config.model.family != (family := config.for_task(chosen).model.family):
        is_tuned = chosen in config.tuned
        field = f"tuned.{chosen}" if is_tuned else f"tasks.{chosen}.family"
        fix = "--set tuned={}" if is_tuned else f"--set {field}={asked_for[-1]}"
        raise UsageError(
            f"Expected `--set model.family={asked_for[-1]}` to choose the family of the task {chosen!r}. "
            f"Received: a configuration whose `{field}` does, {family}. Add {fix}."
        )
    return chosen
