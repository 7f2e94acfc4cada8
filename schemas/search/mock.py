"""A synthetic search in the form of `search.json`, for demonstrations and tests."""

from typing import Any

import numpy as np

NUM_FOLDS = 5
SPACES = {
    "xgboost": {
        "learning_rate": {"min": 0.02, "max": 0.2, "step": None, "scale": "log"},
        "max_depth": {"min": 2, "max": 8, "step": None, "scale": "linear"},
    },
    "random_forest": {"max_depth": {"choices": [4, 8, None]}},
}


def mock_search(num_trials: int = 12, seed: int = 42) -> dict[str, Any]:
    """Returns a search of two families whose shallow trees are best, with a trial of each outcome.

    Args:
        num_trials: int. At least 6: the first two are the configuration as it is.
        seed: int. Defaults to 42.
    """
    random = np.random.default_rng(seed)
    trials = [_trial(number, random) for number in range(1, num_trials + 1)]
    for number, status, folds, message in (
        (4, "stopped", 3, "after 3 folds its mean is below that of trial 1 at the level 0.05"),
        (5, "failed", 0, "Expected finite scores. Received: NaN or infinity."),
        (num_trials, "out_of_time", 1, "10 minutes were over"),
    ):
        trial = trials[number - 1]
        done = trial["folds"][:folds]
        score = float(np.mean([fold["metrics"]["macro_f1"] for fold in done])) if done else None
        trial.update(status=status, folds=done, score=score, message=message)
    completed = [trial for trial in trials if trial["status"] == "completed"]
    best, configured = (max(some, key=lambda trial: trial["score"])["number"] for some in (completed, trials[:2]))
    return {
        "format": 1,
        "objective": "macro_f1",
        "higher_is_better": True,
        "oracle": "random",
        "seed": seed,
        "method": "stratified",
        "num_folds": NUM_FOLDS,
        "num_records": 1914,
        "spaces": SPACES,
        "training": {"mixup": {"choices": [0.0, 0.2]}},
        "max_trials": num_trials,
        "max_minutes": 10.0,
        "early_stop": 0.05,
        "keep_level": 0.1,
        "best": best,
        "configured": configured,
        "p_value": None if best == configured else 0.02,
        "taken": best,
        "seconds": trials[-1]["ended_seconds"],
        "num_resumed": 0,
        "versions": {"yachay": "0.1.0", "keras_tuner": "1.4.8"},
        "trials": trials,
    }


def _trial(number: int, random: np.random.Generator) -> dict[str, Any]:
    family = "xgboost" if number % 2 else "random_forest"
    is_configured = number <= 2
    depth = 4 if is_configured else int(random.integers(2, 9))
    hyperparameters: dict[str, Any] = {"max_depth": depth if family == "xgboost" else [4, 8, None][depth % 3]}
    if family == "xgboost":
        rate = 0.06 if is_configured else round(float(np.exp(random.uniform(np.log(0.02), np.log(0.2)))), 4)
        hyperparameters["learning_rate"] = rate
    mean = 0.62 - 0.01 * depth + (0.0 if family == "xgboost" else -0.02)
    scores = random.normal(mean, 0.01, NUM_FOLDS).round(4)
    return {
        "number": number,
        "source": "configuration" if is_configured else "random",
        "family": family,
        "hyperparameters": hyperparameters,
        "training": {"mixup": 0.0 if is_configured else float(random.choice([0.0, 0.2]))},
        "rounds_share": 1.0,
        "status": "completed",
        "folds": [
            {"metrics": {"accuracy": round(float(score) + 0.12, 4), "macro_f1": float(score)}, "seconds": 0.4}
            for score in scores
        ],
        "score": float(scores.mean()),
        "seconds": 2.0,
        "ended_seconds": 2.0 * number,
        "message": "",
    }
