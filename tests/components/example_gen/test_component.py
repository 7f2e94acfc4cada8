import json
import re
import shutil

import pytest

from yachay.errors import ConfigurationError, DataError

COLUMNS = {
    "age": {"type": "int64"},
    "grade": {"type": "float32", "required": False},
    "city": {"type": "string", "required": False},
    "target": {"type": "string"},
}


@pytest.fixture
def make_component():
    def make(path, **changes):
        from yachay.components.example_gen.component import ColumnarExampleGen

        label = {"name": "target", "values": ["no", "yes"]}
        spec = {"columns": COLUMNS, "label": label, "max_quarantined_share": 0.5, **changes}
        return ColumnarExampleGen(input_pattern=str(path), spec=spec)

    return make


@pytest.fixture
def execute(tmp_path):
    def run(component, **resolved):
        from tfx.types import standard_artifacts

        from yachay.components.example_gen.artifacts import Quarantine
        from yachay.components.example_gen.executor import Executor

        examples, quarantine = standard_artifacts.Examples(), Quarantine()
        examples.uri, quarantine.uri = str(tmp_path / "examples"), str(tmp_path / "quarantine")
        properties = {name: value for name, value in component.exec_properties.items() if value is not None}
        Executor().Do({}, {"examples": [examples], "quarantine": [quarantine]}, {**properties, **resolved})
        return examples, quarantine

    return run


def drive(component):
    from tfx.orchestration.portable.data_types import ExecutionInfo

    output = component.DRIVER_CLASS(None).run(ExecutionInfo(exec_properties=dict(component.exec_properties)))
    return {name: getattr(value, value.WhichOneof("value")) for name, value in output.exec_properties.items()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": {"name": "Target"}}, "columns: expected the label among them, received no 'Target'"),
        ({"columns": {"target": {"type": "double"}}}, "columns.target.type: Input should be 'int64', 'float32' or 's"),
        ({"columns": {"target": {"type": "int64", "values": ["a"]}}}, "values: expected int64, received 'a'"),
        (
            {"separator": "::"},
            "separator: expected one ASCII character that is no quote and no line end. Received: '::'",
        ),
        (
            {"bins": {"level": {"column": "city", "edges": [1]}}},
            "bins.level: expected a numeric column, received 'city'",
        ),
        (
            {"bins": {"level": {"column": "age", "edges": [2, 1]}}},
            "bins.level.edges: expected edges in ascending order",
        ),
        (
            {"bins": {"city": {"column": "age", "edges": [1]}}},
            "bins.city: expected a name of its own, received that of",
        ),
        ({"split": {"method": "random"}}, "split.method: Input should be 'hash', 'group' or 'time'"),
        ({"split": {"method": "group"}}, "expected `key` to name a column for the method 'group'"),
        (
            {"split": {"method": "time", "key": "day"}},
            "columns: expected the split's key among them, received no 'day'",
        ),
        ({"split": {"eval_share": 1.0}}, "split.eval_share: Input should be less than 1. Received: 1.0"),
        ({"max_quarantined_share": 2.0}, "max_quarantined_share: Input should be less than or equal to 1"),
        ({"num_shards": 0}, "num_shards: Input should be greater than or equal to 1. Received: 0"),
        ({"bands": {}}, "bands: no such field. Did you mean 'bins'?"),
        ({"reader": "nowhere.read"}, "to be the dotted path of a name that a module defines. Received: 'nowhere.read'"),
    ],
)
def test_parameters_that_do_not_fit_are_rejected_where_the_pipeline_is_written(make_component, changes, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        make_component("data.csv", **changes)


def test_the_version_of_the_library_is_part_of_the_cache_key(make_component):
    import yachay

    assert make_component("data.csv").exec_properties["version"] == yachay.__version__


def test_the_artifacts_say_what_was_done(write_csv, make_component, execute):
    path = write_csv("x,0.5,Lima,no", header='age,grade,"city\t",target,note')
    path.write_text(path.read_text().replace("o\n", "o,\n").replace("s\n", "s,\n"))
    examples, quarantine = execute(make_component(path))
    assert examples.splits == ["train", "eval"]
    assert examples.span == 0
    assert examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    counts = ("rows_read", "rows_kept", "rows_quarantined", "rows_duplicate")
    assert [examples.get_int_custom_property(name) for name in counts] == [41, 40, 1, 0]
    assert len(examples.get_string_custom_property("data_fingerprint")) == 64
    assert json.loads(examples.get_string_custom_property("original_names"))["city"] == "city\t"
    assert json.loads(examples.get_string_custom_property("warnings")) == [
        "the column 'note' is not in the schema and is not read"
    ]
    assert quarantine.get_int_custom_property("rows_quarantined") == 1


def test_the_driver_resolves_the_latest_span_and_version(tmp_path, write_csv, make_component, execute):
    for name in ("span-1/v-1", "span-2/v-1", "span-2/v-10", "span-2/v-9"):
        write_csv(name=f"{name}/data.csv", good=50 if name.endswith("v-10") else 40)
    component = make_component(tmp_path / "span-{SPAN}" / "v-{VERSION}" / "*.csv")
    resolved = drive(component)
    assert (resolved["span"], resolved["version"]) == (2, 10)
    examples, _ = execute(component, **resolved)
    assert examples.get_int_custom_property("rows_kept") == 50
    assert (examples.span, examples.version) == (2, 10)


def test_a_span_without_data_is_rejected(tmp_path, make_component):
    with pytest.raises(DataError, match=r"Expected data for a span at .*Received: Cannot find matching"):
        drive(make_component(tmp_path / "span-{SPAN}" / "data.csv"))


def test_data_that_changes_during_a_run_is_rejected(write_csv, make_component, execute):
    component = make_component(write_csv())
    resolved = drive(component)
    write_csv(good=41)
    with pytest.raises(DataError, match=r"to stay as it is during a run. Received: other contents"):
        execute(component, **resolved)


def test_a_changed_reader_counts_as_changed_data(tmp_path, write_csv, make_component, monkeypatch):
    import importlib

    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "reader_that_changes.py"
    module.write_text("def read(path): yield 1\n")
    component = make_component(write_csv(), reader="reader_that_changes.read")
    before = drive(component)["reader_fingerprint"]
    module.write_text("def read(path): yield 22\n")
    importlib.reload(importlib.import_module("reader_that_changes"))
    assert drive(component)["reader_fingerprint"] != before


@pytest.mark.end_to_end
def test_unchanged_data_comes_from_the_cache_and_changed_data_never_does(tmp_path, write_csv, make_component):
    import os

    import ml_metadata
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline

    connection = sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    path = write_csv(name="data/data.csv")

    def run():
        pipeline = Pipeline(
            pipeline_name="ingest",
            pipeline_root=str(tmp_path / "root"),
            components=[make_component(tmp_path / "data")],
            metadata_connection_config=connection,
            enable_cache=True,
        )
        LocalDagRunner().run(pipeline)
        store = ml_metadata.MetadataStore(connection)
        states = ml_metadata.proto.Execution.State
        latest = max(store.get_executions(), key=lambda execution: execution.id)
        return states.Name(latest.last_known_state)

    assert run() == "COMPLETE"
    assert run() == "CACHED"
    os.utime(path, (1, 1))
    assert run() == "CACHED"
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "copy").rename(tmp_path / "data")
    assert run() == "CACHED"
    stamp = path.stat()
    path.write_text(path.read_text().replace("20,", "90,"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert run() == "COMPLETE"
