"""The page's own section: the rule behind the labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from markupsafe import Markup

from yachay.components.evaluation_report.section import SectionInputs, build_section, render_section
from yachay.components.example_gen.write import ExampleWriter
from yachay.components.prediction_task import PredictionTask
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.student_performance.mock import mock_table
from yachay.pipelines.student_performance.report import CLASSES, SECTIONS


@pytest.fixture
def inputs_of(tmp_path: Path) -> Any:
    """Makes what a section is built from, of synthetic students and a model that knows the GPA."""
    table = mock_table(400)
    pipeline = find_pipeline("student_performance")
    config = pipeline.load()
    records = pd.DataFrame(
        {"GPA": table["GPA"].astype(np.float32), "GradeClass": np.array(CLASSES)[table["GradeClass"].astype(int)]}
    )
    writer = ExampleWriter(tmp_path, 1)
    batch = pa.RecordBatch.from_pandas(records, preserve_index=False)
    writer.write(batch, np.ones(len(batch), bool))
    writer.close()

    def make(task_name: str) -> SectionInputs:
        task: PredictionTask = config.prediction_task(task_name)
        is_class = task_name == "grade_class"
        labels = table["GradeClass"].astype(int) if is_class else records["GPA"].to_numpy()
        predictions = np.eye(5)[labels] if is_class else records["GPA"].to_numpy(np.float64)
        files = sorted(str(path) for path in (tmp_path / "Split-eval").iterdir())
        return SectionInputs(task, labels, predictions, files, "", pipeline.schema(config), {}, None, 42)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("task", ["grade_class", "gpa"])
def test_the_rule_stands_beside_the_model_over_all_and_by_distance_from_a_cut(inputs_of: Any, task: str) -> None:
    [section] = SECTIONS
    data = build_section(section, inputs_of(task))
    fragment, problem = render_section(section, data)

    assert (data.problem, problem, fragment.startswith(Markup("<div"))) == ("", "", True)
    first, *others = data.data
    assert (first["name"], first["students"]) == ("all", 400)
    assert [line["name"] for line in others] == ["0 – 0.05", "0.05 – 0.1", "0.1 – 0.2", "≥ 0.2"]
    assert sum(line["students"] for line in others) == 400
    assert 0.9 < first["rule"] < 1
    # A model that knows the class is always right; one that knows the GPA is as good as the rule.
    assert first["accuracy"] == (1 if task == "grade_class" else first["rule"])


def test_examples_of_other_records_are_an_error_of_the_section(inputs_of: Any) -> None:
    [section] = SECTIONS
    inputs = inputs_of("grade_class")
    other = SectionInputs(**(vars(inputs) | {"labels": inputs.labels[::-1].copy()}))

    assert "Expected the 400 evaluated records in the examples" in build_section(section, other).problem
