"""Packages that take seconds are imported when something of them is first used, and are then what they always are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

HEADER = "import sys; from yachay.deferred import defer_imports, is_deferred; defer_imports()"


def run(*lines: str) -> str:
    """Returns what a program prints in a process whose imports are deferred."""
    program = "\n".join([HEADER, *lines])
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.strip()


def test_what_the_runner_imports_of_tfx_imports_neither_tensorflow_nor_beam() -> None:
    printed = run(
        "import yachay.pipelines.local.runner, yachay.pipelines.kubeflow.step.execution",
        "print([name for name in ('tensorflow', 'apache_beam', 'tfx.components') if not is_deferred(name)])",
        "print([name for name in ('tensorflow.python', 'pandas') if name in sys.modules])",
    )
    assert printed == "[]\n[]"


@pytest.mark.parametrize("use", ["tf.constant(1)", "from tensorflow.python.framework import ops"])
def test_a_deferred_package_is_the_package_once_it_is_used(use: str) -> None:
    printed = run(
        "import tensorflow as tf",
        "from tensorflow.core.example import example_pb2",
        use,
        "import tensorflow",
        "print(is_deferred('tensorflow'), tensorflow.constant is tf.constant)",
        "print(tensorflow.core.example.example_pb2.Example is tf.train.Example)",
    )
    assert printed == "False True\nTrue"


@pytest.mark.parametrize(
    ("use", "printed"),
    [
        ("print(tf.__internal__.tracking.Trackable.__name__, tf.__git_version__[:1])", "Trackable v"),
        ("tf.constant(1); print('constant' in dir(tf), tf.__compiler_version__ != '')", "True True"),
        ("print('constant' in dir(tf))", "True"),
    ],
)
def test_names_in_double_underscores_and_dir_are_those_of_the_package(use: str, printed: str) -> None:
    assert run("import tensorflow as tf", use) == printed


def test_a_name_that_a_deferred_package_lacks_is_an_attribute_error() -> None:
    assert run("import apache_beam", "print(hasattr(apache_beam, 'no_such_name'))") == "False"


def test_tfx_makes_the_fingerprint_of_a_file_as_with_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("a,b\n1,2\n")
    os.utime(tmp_path / "records.csv", (1, 1))
    printed = run(
        "import yachay.components.tfx_api as tfx_api",
        "tfx_api.launcher",
        f"print(tfx_api.io_utils.generate_fingerprint('train', {str(tmp_path / 'records.csv')!r}))",
    )
    assert printed == "split:train,num_files:1,total_bytes:8,xor_checksum:1,sum_checksum:1"


def test_tfx_reads_files_and_folders_as_with_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".hidden.csv").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "data")
    # A locale whose encoding is not UTF-8.
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    lines = [
        "from tfx.utils import io_utils",
        "from tfx.dsl.io import fileio",
        f"root = {str(tmp_path)!r}",
        "io_utils.write_string_file(root + '/text', 'caf\\u00e9\\r\\n')",
        "print(ascii(io_utils.read_string_file(root + '/text')), open(root + '/text', 'rb').read())",
        # TensorFlow names the files in the order in which its threads find them.
        "print(sorted(path.removeprefix(root) for path in fileio.glob(root + '/*/*.csv')))",
        "print(sorted((folder.removeprefix(root), sorted(files)) for folder, _, files in fileio.walk(root)))",
        "for act in (fileio.listdir, fileio.remove, fileio.stat):",
        "    try: act(root + '/none')",
        "    except fileio.NotFoundError: print('not found')",
    ]

    with_tensorflow = run("import tensorflow; tensorflow.constant", *lines)

    assert run("import yachay.components.tfx_api as tfx_api", "tfx_api.launcher", *lines) == with_tensorflow
    assert "b'caf\\xc3\\xa9\\r\\n'" in with_tensorflow


def test_threads_that_use_a_package_first_at_once_all_have_the_whole_of_it(tmp_path: Path) -> None:
    names = [f"package_{number}" for number in range(200)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("import time\ntime.sleep(0.001)\nvalue = 1\n")
    printed = run(
        "import importlib.util, threading, yachay.deferred as deferred",
        f"sys.path.insert(0, {str(tmp_path)!r}); names = {names}",
        "sys.setswitchinterval(1e-6)",
        "calls, errors, barrier = [], [], threading.Barrier(8)",
        "deferred.PACKAGES.update(dict.fromkeys(names, ()))",
        "packages = [deferred._Deferred(importlib.util.find_spec(name)) for name in names]",
        "sys.modules.update(zip(names, packages))",
        "[deferred.when_imported(name, calls.append) for name in names]",
        "def use():",
        "    for package in packages:",
        "        barrier.wait()",
        "        try: package.value",
        "        except BaseException as error: errors.append(repr(error))",
        "threads = [threading.Thread(target=use) for _ in range(8)]",
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]",
        "print(errors[:3], len(calls), len({module.__name__ for module in calls if module.value}))",
    )
    assert printed == "[] 200 200"


def test_stock_components_and_functions_that_use_beam_work_beside_deferred_imports() -> None:
    printed = run(
        "import yachay.components.tfx_api as tfx_api",
        "tfx_api.launcher",
        "from tfx import v1 as tfx",
        "import apache_beam as beam",
        "import tensorflow_model_analysis as tfma",
        "from tfx.dsl.component.experimental.annotations import BeamComponentParameter",
        "BeamComponentParameter[beam.Pipeline]",
        "print(tfx.components.CsvExampleGen('/data').id, tfma.EvalConfig.__name__)",
        "from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor",
        "context = BaseBeamExecutor.Context(beam_pipeline_args=['--direct_running_mode=in_memory'])",
        "class Executor(BaseBeamExecutor):",
        "    def Do(self, *arguments): ...",
        "print(type(Executor(context)._make_beam_pipeline()) is beam.Pipeline)",
    )
    assert printed == "CsvExampleGen EvalConfig\nTrue"


def test_tensorflow_is_imported_without_keras_which_is_there_once_it_is_used() -> None:
    printed = run(
        "import tensorflow as tf",
        "tf.constant(1)",
        "print({'keras', 'tf_keras'} & sys.modules.keys())",
        "print(tf.keras.optimizers.Adam.__name__, None in sys.modules.values())",
    )
    assert printed == "set()\nAdam False"


def test_what_computes_statistics_imports_no_tensorflow() -> None:
    printed = run(
        "import numpy as np, pyarrow as pa",
        "from tensorflow_metadata.proto.v0 import schema_pb2",
        "from yachay.components.statistics_gen.compute import compute_statistics",
        "batch = pa.RecordBatch.from_pydict({'a': [[1.0], [2.0]], 'b': [[b'x'], [b'x']]})",
        "feature = [schema_pb2.Feature(name='a', type='FLOAT'), schema_pb2.Feature(name='b', type='BYTES')]",
        "print(compute_statistics([batch], schema_pb2.Schema(feature=feature)).datasets[0].num_examples)",
        "print(is_deferred('tensorflow'))",
    )
    assert printed == "2\nTrue"


def test_a_module_within_a_deferred_package_keeps_its_attributes_once_it_is_imported() -> None:
    program = (
        "from yachay.deferred import defer_imports; defer_imports(); "
        "from tfx.components.util import tfxio_utils; "
        "print(tfxio_utils.get_split_tfxio.__name__, tfxio_utils.get_tf_dataset_factory_from_artifact.__name__)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["get_split_tfxio", "get_tf_dataset_factory_from_artifact"]
