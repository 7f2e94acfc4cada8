"""`yachay new`: a pipeline folder for a data file, with the kinds of its columns inferred."""

import dataclasses
import math
import os
import re
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ...components.evaluator.metric import Metric, bind, choice_metric, task_metrics
from ...components.example_gen.settings import ColumnType
from ...components.features import FeatureKind, Problem
from ...components.prediction_task import Label, PredictionTask
from ...errors import UsageError, suggestion
from ...files import atomic_folder
from ...schemas import SCHEMA_FILE
from ..config.pipeline_config import CONFIG_FILE
from ..profile import PROFILE_FILE, PROFILE_PAGE
from ..registry import find_pipeline
from .baselines import LEAD, LINEAR, MEAN, TREES, Baselines, family_words, judge_baselines
from .column_inference import InferredColumn
from .inference import Inference, infer, obey
from .profile_page import render_profile_page
from .question import Question

README_FILE = "README.md"
TASK = "all_columns"
EVAL_SHARE = 0.2
MAX_DOMAIN_WORDS = 100
MIN_DOMAIN_MASS = 0.95

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MAX_NAME = 60
# The trees that are best by default, docs/benchmarks.md.
_TREES = {Problem.CLASSIFICATION: "xgboost", Problem.REGRESSION: "boosted_trees"}
# Those of scikit-learn.
_DEEP = {"learning_rate": 0.1, "max_iter": 100, "max_depth": None}
_FAMILY_REASONS = {
    LINEAR: "nothing that was tried beats it by more than chance",
    TREES: "they beat the linear model by more than chance",
    MEAN: "it beats each of both by more than chance",
}
_KIND_ORDER = (FeatureKind.NUMERIC, FeatureKind.ORDINAL, FeatureKind.CATEGORICAL, FeatureKind.BOOLEAN, FeatureKind.TIME)


@dataclasses.dataclass(frozen=True)
class NewPipeline:
    """A pipeline folder that was written.

    Args:
        folder: path.
        inference: `Inference`. What the data showed.
        baselines: `Baselines` or None where there are too few rows. What the simplest predictions reach.
        family: string. The model family of the configuration.
        files: tuple of strings. Their names.
    """

    folder: Path
    inference: Inference
    baselines: Baselines | None
    family: str
    files: tuple[str, ...]


def scaffold(
    name: str,
    data: Path,
    label: str,
    output: Path,
    problem: Problem | None = None,
    ask: Callable[[Question], bool] = lambda _: False,
) -> NewPipeline:
    """Writes a pipeline folder, atomically: `config.yaml`, `schema.pbtxt`, `README.md`, `profile.json` and
    `profile.html`.

    Args:
        name: string. The pipeline's name: lower-case letters, digits and `_`.
        data: path of a CSV or Parquet file, a folder or a pattern.
        label: string. The column to predict, by its name in the file or its identifier.
        output: path of the folder in which the folder `name` is made.
        problem: `Problem` or None. Classification or regression; None goes by the label's values. Defaults to None.
        ask: function of a `Question` with an action that returns whether it is to be done. Defaults to none.

    Raises:
        UsageError: if the name or the label does not fit, the data is absent, or the folder exists or cannot be made.
        DataError: if the data cannot be read or used.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        fitting = re.sub(r"[^a-z0-9]+", "_", name.lower()).lstrip("_0123456789")[:_MAX_NAME].strip("_")
        hint = f" Would {fitting!r} do?" if fitting else ""
        raise UsageError(
            "Expected NAME to begin with a lower-case letter, then lower-case letters, digits and single `_`, "
            f"{_MAX_NAME} characters at most. Received: {name!r}.{hint}"
        )
    folder = output / name
    _check_absent(folder)
    if not data.exists() and not any(character in str(data) for character in "*?[{"):
        raise UsageError(f"Expected data at {data}. Received: no such file or folder.{_neighbour(data)}")
    inference = infer(str(data), label, problem)
    for question in inference.questions:
        if question.action and ask(question):
            if question.problem:
                return scaffold(name, data, label, output, question.problem, ask)
            inference = obey(inference, question)
    if not any(column.kind for column in inference.columns):
        raise UsageError("Expected a feature to be left. Received: none, by the answers. Answer no to some.")
    metrics = _metrics(inference)
    baselines = _judge(inference, metrics)
    files = {
        CONFIG_FILE: _config(name, data, folder, inference, metrics, baselines),
        SCHEMA_FILE: _schema(inference),
        README_FILE: _readme(name, data, inference, baselines),
        PROFILE_FILE: inference.profile,
        PROFILE_PAGE: render_profile_page(name, data.name, inference, baselines),
    }
    _check(files)
    _write(folder, files)
    family: str = _family(inference.problem, baselines)["family"]
    return NewPipeline(folder, inference, baselines, family, tuple(files))


def _neighbour(path: Path) -> str:
    names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return suggestion(path.name, names, lambda name: str(path.parent / name))


def _check(files: dict[str, str]) -> None:
    """Checks what is to be written as a run would."""
    with tempfile.TemporaryDirectory() as folder:
        for file, text in files.items():
            Path(folder, file).write_text(text, encoding="utf-8")
        find_pipeline(folder).load()


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder) as draft:
            for file, text in files.items():
                (draft / file).write_text(text, encoding="utf-8")
            _check_absent(folder)
    except OSError as error:
        raise UsageError(
            f"Expected to write {folder}. Received: {error.strerror or error}. Name a folder with --output that you "
            "may write to and that has room."
        ) from None


def _check_absent(folder: Path) -> None:
    if os.path.lexists(folder):
        raise UsageError(f"Expected a new folder. Received: {folder}, which exists. Take another name, or remove it.")


def _metrics(inference: Inference) -> Mapping[str, Metric]:
    return task_metrics(
        PredictionTask(
            problem=inference.problem,
            label=Label(name=inference.label.name, values=tuple(inference.class_counts)),
            features={column.name: column.kind for column in inference.columns if column.kind},
        )
    )


def _judge(inference: Inference, metrics: Mapping[str, Metric]) -> Baselines | None:
    """Returns what the simplest predictions reach from the features that are left."""
    if inference.powers is None:
        return None
    inputs = [column.name for column in inference.columns if column.kind]
    powers = inference.powers.split_by(inference.split)
    powers = dataclasses.replace(
        powers, kinds={column.name: column.kind for column in inference.columns if column.kind}
    )
    num_eval = int(EVAL_SHARE * (sum(inference.class_counts.values()) or inference.num_read))
    return judge_baselines(powers, inputs, inference.scores, metrics[LEAD[inference.problem]], num_eval)


def _config(
    name: str,
    data: Path,
    folder: Path,
    inference: Inference,
    metrics: Mapping[str, Metric],
    baselines: Baselines | None,
) -> str:
    is_classification = inference.problem is Problem.CLASSIFICATION
    source: dict[str, Any] = {"schema": SCHEMA_FILE, "source": data.name, "path": _path_from(folder, data)}
    if len(inference.missing_values) > 1:
        source["missing_values"] = list(inference.missing_values)
    if inference.decimal != ".":
        source["decimal"] = inference.decimal
    if inference.repairs:
        source["repairs"] = {
            column: repair.model_dump(mode="json", exclude_defaults=True)
            for column, repair in inference.repairs.items()
        }
    source |= inference.data
    if inference.quarantined_share > 0:
        # As many as the sample has must not stop the run.
        source["max_quarantined_share"] = min(1.0, math.ceil(inference.quarantined_share * 100 + 1) / 100)
    label: dict[str, Any] = {"name": inference.label.name}
    if is_classification:
        label["values"] = list(inference.class_counts)
    inputs = {kind: [column.name for column in inference.columns if column.kind is kind] for kind in _KIND_ORDER}
    head = {
        "name": name,
        "title": f"{inference.label.original_name} of {data.name}",
        "problem": inference.problem.value,
        "data": source,
        "label": label,
    }
    features = {"features": {kind.value: names for kind, names in inputs.items() if names}}
    exclude = {"exclude": {column.name: str(column.reason) for column in inference.columns if column.reason}}
    rest = {
        "split": {**(inference.split or {"method": "hash"}), "eval_share": EVAL_SHARE},
        "model": {**_family(inference.problem, baselines), "seed": 42},
        "evaluation": {"change": {"metric": choice_metric(metrics).name, "tolerance": 0.0}},
        "default_task": TASK,
        "tasks": {TASK: {"description": "All columns.", "thresholds": _thresholds(inference, metrics, baselines)}},
    }
    parts = [
        f"# Written by `yachay new` from {inference.size} of {data.name}.\n",
        *(f"{_comment(note)}\n" for note in inference.notes),
        *(f"{_comment(f'Question: {question}')}\n" for question in inference.questions),
        _yaml(head),
        "\n# The features. Check their kinds: codes are `categorical`, numbered levels with an order are `ordinal`.\n"
        "# Remove what is known only after the label or is the label in another form (a leak), and what must not\n"
        "# decide about a person; give the reason under `exclude`.\n",
        _yaml(features),
        _yaml(exclude) if exclude["exclude"] else "",
        "\n# `evaluation.slices` names columns by whose values the model is judged apart: [[Gender], [Region]].\n"
        "# `report.card` shows readers of the evaluation page what the model is for, its limits and whom to ask;\n"
        "# `report.alert_label` and `report.costs` set where its threshold slider starts.\n",
        _yaml(rest),
    ]
    return "".join(parts)


def _family(problem: Problem, baselines: Baselines | None) -> dict[str, Any]:
    """Returns the family that is worth its while, and its hyperparameters."""
    trees = _TREES[problem]
    if baselines is not None and baselines.family == LINEAR:
        return {"family": "linear"}
    given: dict[str, Any] = {trees: _DEEP} if baselines is not None and baselines.are_deep else {}
    if baselines is not None and baselines.family == MEAN:
        mean = {"families": [trees, "linear"]} | ({"hyperparameters": given} if given else {})
        return {"family": "ensemble", "hyperparameters": {"ensemble": mean}}
    return {"family": trees} | ({"hyperparameters": given} if given else {})


def _comment(text: str) -> str:
    """Returns a comment of YAML; texts of the data cannot end it."""
    line = " ".join(text.split())
    return textwrap.fill(line, 118, initial_indent="# ", subsequent_indent="#   ", break_long_words=False)


def _path_from(folder: Path, data: Path) -> str:
    """Returns the data's path: relative to the pipeline's folder where both lie in one folder, so that it can move."""
    parent, path = folder.parent.resolve(), data.absolute()
    return os.path.relpath(path, parent / folder.name) if path.is_relative_to(parent) else str(path)


def _thresholds(inference: Inference, metrics: Mapping[str, Metric], baselines: Baselines | None) -> dict[str, Any]:
    """Returns bounds of the metrics that are no numbers in a unit.

    The one that decides must be above the baselines by more than chance. The others reach what the best constant
    prediction does, of a classification less two standard errors of its accuracy on `eval`, for a model that ranks well
    may predict the most frequent class throughout.
    """
    if inference.problem is Problem.CLASSIFICATION:
        counts = np.array(list(inference.class_counts.values()), float)
        shares, most = counts / counts.sum(), int(counts.argmax())
        error = math.sqrt(shares[most] * (1 - shares[most]) / (EVAL_SHARE * counts.sum()))
        lowest = max(shares[most] - 2 * error, shares[most] / 2)
        others = shares * (1 - lowest) / (1 - shares[most])
        labels = np.arange(len(counts))
        weights = np.stack([shares, np.where(labels == most, lowest, others)])
        predictions = np.tile(labels == most, (len(counts), 1)).astype(float)
        constant = repr(list(inference.class_counts)[most])
    else:
        labels, predictions = np.array([0.0, 1.0]), np.full(2, 0.5)
        weights, constant = np.ones((2, 2)), "the mean"
    thresholds = {}
    for name, metric in metrics.items():
        if metric.highest is None or not metric.higher_is_better:
            continue
        expected, lowest = bind(metric, labels, predictions)(weights)
        reason = f"always predicting {constant} reaches {expected:.3f}"
        if lowest < expected:
            reason += ", here less two standard errors"
        if baselines is not None and name == baselines.metric and baselines.lower > lowest:
            lowest, reason = baselines.lower, baselines.reason
        thresholds[name] = {"lower": math.floor(lowest * 1000 + 1e-6) / 1000, "lower_reason": reason}
    return thresholds


def _schema(inference: Inference) -> str:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    types = {
        ColumnType.INT64: schema_pb2.INT,
        ColumnType.FLOAT32: schema_pb2.FLOAT,
        ColumnType.STRING: schema_pb2.BYTES,
    }
    schema = schema_pb2.Schema()
    for column in (*inference.columns, inference.label):
        if column.type is None:
            continue
        feature = schema.feature.add(name=column.name, type=types[column.type])
        if column.required or column is inference.label:
            feature.presence.min_fraction = 1
            feature.shape.SetInParent()
        feature.presence.min_count = 1
        if column.kind is FeatureKind.BOOLEAN:
            feature.int_domain.min, feature.int_domain.max = 0, 1
            feature.int_domain.is_categorical = True
        elif column.kind is FeatureKind.CATEGORICAL and column.type is ColumnType.INT64:
            feature.int_domain.is_categorical = True
        elif 0 < len(column.values) <= MAX_DOMAIN_WORDS:
            feature.string_domain.name = column.name
            feature.string_domain.value.extend(column.values)
            if column is not inference.label:
                feature.distribution_constraints.min_domain_mass = MIN_DOMAIN_MASS
    comment = (
        "# Written by `yachay new`. Add the bounds that you know: int_domain { min: 0 }, float_domain { max: 100 }.\n"
        f"# Words that are in no `string_domain` may make up {1 - MIN_DOMAIN_MASS:.0%} of a column.\n\n"
    )
    return comment + str(text_format.MessageToString(schema))


def _readme(name: str, data: Path, inference: Inference, baselines: Baselines | None) -> str:
    label = inference.label
    columns = "\n".join(_table_row(column) for column in inference.columns)
    classes = "".join(f"\n- {_cell(text)}: {count} rows" for text, count in inference.class_counts.items())
    question = "which class" if inference.problem is Problem.CLASSIFICATION else "which number"
    return f"""# {name}

Predicts `{label.name}` ({inference.problem.value}: {question}) from the columns of `{data.name}`.
Why a {inference.problem.value}: {inference.problem_reason}.

    yachay run {name}

## Before you rely on it

`yachay new` wrote this folder from {inference.size}. It looked at values, not at their meaning. Check:

- Is each feature known when the prediction is made? One that is not makes the evaluation better than the model.
- Are the kinds of features right? They are in `{CONFIG_FILE}`; the types and bounds of columns are in `{SCHEMA_FILE}`.
- May each feature decide about a person? Move the others to `exclude`; `evaluation.slices` can still name them.
- A model is blessed if it is better than simpler predictions by more than chance. Set the thresholds from which it is
  useful.
{_notes(inference)}{_describe(baselines)}
## Intended use, source and licence of the data, limits

Write here what readers need to know; `report.card` in the configuration shows it on the evaluation page.

## Label
{classes or f"{chr(10)}`{label.name}` is a number."}

## Columns

| column | name in the file | type | kind | values |
|---|---|---|---|---|
{columns}
"""


def _notes(inference: Inference) -> str:
    parts = {"What was decided": inference.notes, "Questions that the data cannot answer": inference.questions}
    return "".join(
        f"\n## {title}\n\n" + "".join(f"- {_cell(str(line))}\n" for line in lines)
        for title, lines in parts.items()
        if lines
    )


def _describe(baselines: Baselines | None) -> str:
    """Returns the chapter about what the simplest predictions reach."""
    if baselines is None:
        return "\n## Baselines\n\nToo few rows to measure any: the thresholds are what the best constant reaches.\n"
    named = {
        "constant": "the best constant",
        "column": f"`{baselines.best_column}` alone",
        LINEAR: "a linear model",
        TREES: "gradient-boosted trees",
        MEAN: "the mean of both",
    }
    rows = "".join(f"| {named[name]} | {score:.3f} |\n" for name, score in baselines.scores.items())
    return f"""
## Baselines

| on rows that it has not seen | {baselines.metric} |
|---|---|
{rows}
The family is {family_words(baselines.family)}: {_FAMILY_REASONS[baselines.family]}.
A model is blessed from {baselines.lower:.3f} on: {baselines.reason}.
"""


def _table_row(column: InferredColumn) -> str:
    kind = column.kind.value if column.kind else f"not a feature: {column.reason}"
    kind += f" ({column.basis})" if column.kind and column.basis else ""
    kind_of_type = column.type.value if column.type else ""
    presence = "required" if column.required else "optional"
    return f"| `{column.name}` | {_cell(column.original_name)} | {kind_of_type} | {_cell(kind)} | {presence} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _yaml(document: dict[str, Any]) -> str:
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


class _Dumper(yaml.SafeDumper):
    """Indents the items of lists, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)
