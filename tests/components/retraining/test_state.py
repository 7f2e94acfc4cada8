import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
from s3_server import s3_server

from yachay.components.retraining.decision import Decision, TrainingRun
from yachay.components.retraining.state import RetrainState
from yachay.errors import StoreError

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def s3():
    with s3_server() as server:
        yield server


@pytest.fixture(params=["folder", "bucket", pytest.param("s3", marks=pytest.mark.slow)])
def place(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return str(tmp_path / "retrain")
    if request.param == "s3":
        server = request.getfixturevalue("s3")
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": server.url,
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("YACHAY_OBJECT_STORE", raising=False)
        server.reset()
        return f"s3://models/{tmp_path.name}"
    import fsspec

    monkeypatch.setattr(fsspec, "filesystem", lambda protocol, **options: fsspec.get_filesystem_class("memory")())
    return f"s3://models/{tmp_path.name}"


def test_a_run_is_claimed_noted_and_read_by_others(place):
    state = RetrainState(place)
    run = TrainingRun(1, "w", NOW, ("drift",), rows=7)

    assert state.runs() == []
    assert state.claim(run)
    state.note(TrainingRun(1, "w", NOW, ("drift",), "running", "r1", 7))

    assert RetrainState(place).runs() == [TrainingRun(1, "w", NOW, ("drift",), "running", "r1", 7)]
    assert state.claim(run) is None


def test_of_many_callers_at_once_at_most_one_has_a_number(place, request):
    state = RetrainState(place)
    numbers = range(1, 2 if "s3" in request.node.name else 6)  # Its server takes half a minute for each.
    for number in numbers:
        run = TrainingRun(number, "w", NOW)
        with ThreadPoolExecutor(8) as pool:
            claims = [claim for claim in pool.map(lambda _, run=run: RetrainState(place).claim(run), range(8)) if claim]
        if not claims:  # All saw each other and let go, which is allowed; the next call has it.
            assert state.claim(run)
        assert len(claims) <= 1
    assert [run.number for run in state.runs()] == list(numbers)


def test_decisions_are_kept_in_their_order(place):
    state = RetrainState(place)
    for hour in (0, 1):
        state.keep(Decision(NOW + datetime.timedelta(hours=hour), "w", False, f"Not at {hour}."))

    first, second = state.decisions()
    assert '"reason": "Not at 0."' in first
    assert '"reason": "Not at 1."' in second


def test_what_is_no_run_is_named(tmp_path):
    (tmp_path / "_runs/000001").mkdir(parents=True)
    (tmp_path / "_runs/000001/a.json").write_text("{")

    with pytest.raises(StoreError, match=r"Expected .*/_runs/000001/a.json to be a run of retraining"):
        RetrainState(str(tmp_path)).runs()
