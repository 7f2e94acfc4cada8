"""Records and predictions in a bucket."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from s3_server import S3Server, s3_server

from yachay.components.batch_predictor import sources
from yachay.components.batch_predictor.plan import Plan
from yachay.components.batch_predictor.predict import PredictionSummary, predict
from yachay.components.batch_predictor.score import Scorer
from yachay.components.batch_predictor.settings import PredictSettings
from yachay.components.batch_predictor.sources import PartsReader, Wanted, list_inputs
from yachay.components.example_gen.settings import ReadSettings
from yachay.errors import DataError, StoreError
from yachay.serving.model_metadata import read_features, read_metadata

from .conftest import run_here

pytestmark = pytest.mark.integration

HEADER = "id,income,visits,town\n"
RECORDS = [f"{number},{number * 10},{number},Lima\n" for number in range(300)]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    monkeypatch.delenv("YACHAY_OBJECT_STORE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1" if "REGION" in name else "test")
    server.reset()
    return server


def fill(bucket: S3Server) -> None:
    bucket.write("new/a b.csv", (HEADER + "".join(RECORDS[:200])).encode())
    bucket.write("new/more/c.csv.gz", gzip.compress((HEADER + "".join(RECORDS[200:]) + "x,y,z,w\n").encode()))
    bucket.write("new/_skipped.csv", b"none")
    bucket.write("new/notes.md", b"none")


def test_a_folder_of_a_bucket_comes_to_the_same_as_files_here(
    model: Path,
    bucket: S3Server,
    tmp_path: Path,
    score: Callable[..., PredictionSummary],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "PART_BYTES", 1000)
    monkeypatch.setattr("yachay.components.example_gen.csv_segments.read_segments.__defaults__", (500,))
    fill(bucket)
    (tmp_path / "all.csv").write_text(HEADER + "".join(RECORDS))
    settings = PredictSettings(data="s3://models/new/", output="s3://models/out/predictions.csv", key=("id",))

    summary = predict(model, settings, runner=run_here)

    assert (summary.rows, summary.rejected) == (300, 1)
    assert bucket.read("out/predictions.csv") == Path(score(tmp_path / "all.csv", key=("id",)).output).read_bytes()
    assert b"s3://models/new/more/c.csv.gz,102,income,'y' is no finite number" in bucket.read(
        "out/predictions.quarantine.csv"
    )
    assert sorted(name for name in bucket.names() if name.startswith("out/")) == [
        "out/predictions.csv",
        "out/predictions.quarantine.csv",
    ]


def test_processes_here_get_the_content_of_files_that_lie_in_a_bucket(
    model: Path, bucket: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_BYTES", 1000)
    monkeypatch.setattr("yachay.components.example_gen.csv_segments.read_segments.__defaults__", (500,))
    fill(bucket)
    read, features = ReadSettings(), read_features(model, read_metadata(model))
    reader = PartsReader(list_inputs("s3://models/new/a*.csv", read), read, Wanted(features, ["id"]))
    (tmp_path / "parts").mkdir()
    plan = Plan(str(model), "", "saved_model", str(tmp_path / "parts"), ".csv", {"id": "id"}, False, False, True, read)

    receipts = [Scorer(plan).score(part) for part in reader.parts() if part.text is not None]

    assert sum(receipt.rows for receipt in receipts) == 200
    assert len(receipts) > 1


def test_a_bucket_without_records_and_one_that_is_absent_are_named(model: Path, bucket: S3Server) -> None:
    settings = PredictSettings(data="s3://models/none/", output="s3://models/out.csv")

    with pytest.raises(DataError, match="Expected data files at s3://models/none"):
        predict(model, settings, runner=run_here)
    with pytest.raises(DataError, match="Expected data files at s3://absent"):
        predict(model, settings.model_copy(update={"data": "s3://absent/*.csv"}), runner=run_here)
    bucket.write("in.csv", (HEADER + RECORDS[0]).encode())
    with pytest.raises(StoreError, match="s3://absent"):
        predict(
            model,
            PredictSettings(data="s3://models/in.csv", output="s3://absent/out.csv"),
            runner=run_here,
        )
