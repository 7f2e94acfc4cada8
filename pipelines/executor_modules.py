"""What executors import when they work: a fork server has it ready before they start."""

from collections.abc import Iterable, Iterator

_LIGHT = {
    "yachay.components.example_gen": (),
    "yachay.components.curated_schema": (),
    "yachay.components.statistics_gen": ("yachay.components.statistics_gen.compute",),
    "yachay.components.example_validator": (),
}
_WITH_TENSORFLOW = {
    "yachay.components.transform": (
        *("tensorflow", "yachay.components.transform.arrays", "yachay.components.transform.preprocessing"),
    ),
    "yachay.components.trainer": ("yachay.components.trainer.run_fn", "sklearn.ensemble"),
    "yachay.components.evaluator": ("scipy.stats",),
    "yachay.components.pusher": (
        *("yachay.components.trainer.session_check", "yachay.components.pusher.golden_rows"),
        *("yachay.components.pusher.synthetic", "yachay.components.drift_monitor.make_reference"),
        *("kserve", "yachay.serving.server"),
    ),
    "yachay.components.evaluation_report": ("yachay.components.evaluation_report.page.compiled",),
}
_WITH_MLFLOW = {
    "yachay.components.run_tracker": (
        *("mlflow.tracking", "mlflow.data.http_dataset_source", "yachay.components.run_tracker.mlflow_registry"),
    ),
}
"""What executors import beside their own module, by their packages, in the order of a pipeline's steps."""


def executor_modules(executors: Iterable[str]) -> list[str]:
    """Returns the modules that executors import, in the order of a pipeline's steps.

    Args:
        executors: iterable of strings. Dotted paths of their classes; others than the library's are ignored.
    """
    paths = list(executors)
    return [
        module
        for package, imported in (_LIGHT | _WITH_TENSORFLOW | _WITH_MLFLOW).items()
        for module in _of(package, imported, paths)
    ]


def modules_with_tensorflow() -> list[str]:
    """Returns the modules of all executors of the library that work with TensorFlow, in the order of a pipeline."""
    return executor_modules(f"{package}.executor.Executor" for package in _WITH_TENSORFLOW)


def modules_with_mlflow() -> list[str]:
    """Returns the modules of the executors that work with MLflow."""
    return executor_modules(f"{package}.executor.Executor" for package in _WITH_MLFLOW)


def needs_process(executor: str) -> bool:
    """Returns whether an executor is one of the library's whose imports take seconds: TensorFlow's, or MLflow's."""
    return any(executor.startswith(f"{package}.") for package in _WITH_TENSORFLOW | _WITH_MLFLOW)


def _of(package: str, imported: tuple[str, ...], paths: list[str]) -> Iterator[str]:
    modules = [path.rpartition(".")[0] for path in paths if path.startswith(f"{package}.")]
    if modules:
        yield from (*modules, *imported)
