"""What a summary says of an evaluation, and what it may not say of few records."""

from yachay.components.evaluator.evaluation import Evaluation, Failure
from yachay.components.evaluator.settings import Bounds
from yachay.pipelines.runs.describe import describe_evaluation

SMALL, SIBLING, LARGE = (("school", "a"),), (("school", "b"),), (("school", "c"),)
EVALUATION = Evaluation(
    slices={(): {"accuracy": 0.8}, SMALL: {"accuracy": 0.25}, SIBLING: {"accuracy": 0.5}, LARGE: {"accuracy": 0.9}},
    rows={(): 200, SMALL: 4, SIBLING: 16, LARGE: 180},
    baseline_slices={},
    failures=tuple(
        Failure("accuracy", value, 0.95, None, slice_key=key)
        for key, value in {(): 0.8, SMALL: 0.25, SIBLING: 0.5, LARGE: 0.9}.items()
    ),
)


def test_why_a_model_is_not_blessed_names_no_slice_that_may_not_be_shown_and_no_number_of_it() -> None:
    fields = describe_evaluation(EVALUATION, 10, (), {"accuracy": Bounds(lower=0.95, lower_reason="by law")})

    assert [one["slice"] for one in fields["slices"]] == [{"school": "c"}]
    assert fields["reasons"] == [
        "accuracy is 0.8000, below 0.95 (by law)",
        "accuracy in a slice of school that is too small to be shown is below 0.95 (by law)",
        "accuracy in school=c is 0.9000, below 0.95 (by law)",
    ]


def test_without_a_least_number_of_rows_no_slice_is_shown() -> None:
    fields = describe_evaluation(EVALUATION, None)

    assert fields["slices"] == []
    assert len(fields["reasons"]) == 2
