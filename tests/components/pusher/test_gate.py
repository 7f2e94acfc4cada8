"""The gate on the real server, over a small SavedModel with optional features."""

import sys
from pathlib import Path

import pytest
from small_model import EXAMPLES, make_example, save_small_model

from yachay.components.pusher.gate import check_candidate
from yachay.components.pusher.golden_rows import golden_records, make_golden
from yachay.errors import ModelError


def test_golden_rows_are_the_records_and_one_without_each_optional_feature(tmp_path: Path) -> None:
    model = save_small_model(tmp_path / "1")
    golden = make_golden(model, golden_records(model, [*EXAMPLES, make_example(5.0, 7)]))

    assert [one.row["town"] for one in golden] == ["Cusco", "Lima", "Ñuñoa", "Puno", None, "Cusco"]
    assert [one.row["visits"] for one in golden] == [0, 1, 2, 3, 7, None]
    assert golden[0].prediction["classes"] == "lost"
    assert sum(golden[0].prediction["scores"]) == pytest.approx(1)


@pytest.mark.end_to_end
def test_a_model_that_the_server_predicts_for_as_it_was_trained_passes(tmp_path: Path) -> None:
    golden = check_candidate(save_small_model(tmp_path / "push-1/1"), lambda: EXAMPLES, 120)

    assert len(golden) == len(EXAMPLES) + 2


@pytest.mark.end_to_end
@pytest.mark.usefixtures("forked")
def test_a_model_that_imputes_otherwise_when_it_serves_is_rejected(tmp_path: Path) -> None:
    model = save_small_model(tmp_path / "push-1/1", default=8.0)

    with pytest.raises(ModelError, match=r"in place of .*\(missing: visits\)"):
        check_candidate(model, lambda: EXAMPLES, 120)


@pytest.mark.end_to_end
def test_a_model_that_the_server_does_not_take_is_rejected_with_its_words(tmp_path: Path) -> None:
    model = save_small_model(tmp_path / "push-1/1")

    def elsewhere(model_dir: Path, port: int) -> list[str]:
        flags = ["--host=127.0.0.1", f"--http_port={port}", "--model_name=candidate", f"--model_dir={model_dir}/none"]
        return [sys.executable, "-m", "yachay.serving", *flags]

    with pytest.raises(ModelError, match=r"Received: exit status 2\.\n(.*\n)*  Error: Expected .*/none"):
        check_candidate(model, lambda: EXAMPLES, 120, command=elsewhere)
