"""Statistics by arrays import no Beam, and Beam has all of TFDV where it is used after them."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BEGIN = (
    "from yachay.deferred import defer_imports; defer_imports(); import sys; import yachay.components.tfx_api as api\n"
)
COMPUTE = """
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from yachay.components.statistics_gen.compute import compute_statistics
schema = schema_pb2.Schema()
schema.feature.add(name="x", type="FLOAT")
schema.feature.add(name="s", type="BYTES")
columns = {"x": pa.array([[1.0], [2.0], None], pa.list_(pa.float32())), "s": pa.array([[b"a"], [b"b"], [b"a"]])}
batch = pa.record_batch(columns)
ours = compute_statistics([batch], schema)
"""
PIPELINE = """
import apache_beam as beam, pickle
import tensorflow_data_validation as tfdv
coder = beam.coders.registry.get_coder(pa.RecordBatch)
assert isinstance(coder, beam.coders.Coder), coder
assert pickle.loads(pickle.dumps(coder)).decode(coder.encode(batch)) == batch
with beam.Pipeline(argv=["--direct_running_mode=in_memory"]) as pipeline:
    pipeline | beam.Create([batch]) | tfdv.GenerateStatistics(tfdv.StatsOptions(schema=schema)) | beam.Map(
        lambda one: print(one.datasets[0].num_examples, len(one.datasets[0].features))
    )
"""


def run(*parts: str) -> str:
    done = subprocess.run([sys.executable, "-c", BEGIN + "".join(parts)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_statistics_by_arrays_import_neither_beam_nor_tensorflow() -> None:
    heavy = "print([name for name in ('apache_beam.io', 'tensorflow.python') if name in sys.modules])"

    assert run(COMPUTE, heavy) == "[]"


def test_tfdvs_pipeline_runs_in_a_process_that_computed_by_arrays() -> None:
    assert run(COMPUTE, PIPELINE) == "3 2"
