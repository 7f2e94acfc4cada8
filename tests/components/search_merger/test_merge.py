from pathlib import Path

from tfx.types import standard_artifacts

from yachay.components.search_merger.executor import Executor
from yachay.components.search_merger.merge import merge
from yachay.components.tuner.record import Search, read_search
from yachay.schemas.search.mock import mock_search


def test_searches_are_one_whose_best_is_the_best_of_all() -> None:
    searches = [Search.model_validate(mock_search(12, seed)) for seed in (1, 2)]

    merged = merge(searches)

    assert [trial.number for trial in merged.trials] == list(range(1, 23))
    assert sum(trial.source == "configuration" for trial in merged.trials) == 2
    assert merged.best_trial.score == max(search.best_trial.score or 0 for search in searches)
    assert merged.max_trials == 24


def test_the_executor_reads_more_than_nine_searches_in_their_order(tmp_path: Path) -> None:
    inputs = {}
    for number in range(1, 12):
        artifact = standard_artifacts.TunerResults()
        artifact.uri = str(tmp_path / f"results-{number}")
        document = mock_search(6, number)
        Search.model_validate(document).write(Path(artifact.uri))
        inputs[f"results_{number}"] = [artifact]
    best, results = standard_artifacts.HyperParameters(), standard_artifacts.TunerResults()
    best.uri, results.uri = str(tmp_path / "best"), str(tmp_path / "results")

    Executor().Do(inputs, {"best_hyperparameters": [best], "tuner_results": [results]}, {})

    merged = read_search(tmp_path / "results")
    assert merged.seed == 1
    assert len(merged.trials) == 6 + 10 * 4
    assert (tmp_path / "best" / "best_hyperparameters.txt").is_file()
