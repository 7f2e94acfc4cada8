import ast

import pytest

from yachay.errors import UsageError
from yachay.pipelines.airflow.render import render_dag, write_dag
from yachay.pipelines.registry import find_pipeline

pytestmark = pytest.mark.integration

RECORDS = "kubeflow.data_uri=s3://records/dropout"


def load(*overrides):
    return find_pipeline("student_dropout").load([RECORDS, *overrides])


def test_a_dag_trains_on_new_records_at_its_schedule():
    content = render_dag(load("schedules.training=0 3 * * 1"), "semester2")

    ast.parse(content)
    assert "dag_id='student-dropout__semester2'" in content.replace('"', "'")
    assert "schedule='0 3 * * 1'" in content.replace('"', "'")
    assert "RECORDS = 's3://records/dropout'" in content
    assert "found >> training >> note_read(found)" in content


@pytest.mark.parametrize(
    ("schedule", "written"),
    [("@every 1h30m", "datetime.timedelta(seconds=5400)"), ("@midnight", "'@daily'"), ("0 30 4 * * ?", "'30 4 * * *'")],
)
def test_a_schedule_is_written_as_airflow_takes_it(schedule, written):
    assert f"schedule={written}," in render_dag(load(f"schedules.training='{schedule}'"), "semester2")


def test_what_airflow_cannot_do_is_rejected(tmp_path):
    with pytest.raises(UsageError, match="Expected a schedule whose seconds are 0"):
        render_dag(load("schedules.training='30 0 4 * * *'"), "semester2")
    with pytest.raises(UsageError, match=r"Expected kubeflow\.data_uri to be a file or folder of records"):
        write_dag(find_pipeline("student_dropout").load(), "semester2", tmp_path)


def test_the_dag_lies_beside_the_module_that_it_imports(tmp_path):
    path = write_dag(load(), "semester2", tmp_path / "dags")

    assert path.name == "student_dropout__semester2.py"
    assert (path.parent / "yachay_kubeflow.py").is_file()
