"""What a summary tells people about the push."""

from yachay.pipelines.runs.summary import Summary


def test_a_blessed_model_that_was_rejected_is_not_pushed_with_the_reason_indented() -> None:
    summary = Summary(verdict="blessed", rejection="Expected this.\n  that")

    assert summary.outcome == "NOT PUSHED"
    assert not summary.is_good
    assert summary.pushed == "nothing: Expected this.\n               that"


def test_a_model_that_is_not_blessed_is_not_pushed() -> None:
    summary = Summary(verdict="not_blessed")

    assert (summary.outcome, summary.is_good) == ("NOT BLESSED", False)
    assert summary.pushed == "nothing: the model is not blessed"


def test_a_pushed_model_is_named_by_its_place() -> None:
    summary = Summary(verdict="blessed", pushed_model_uri="s3://models/push-1/1")

    assert (summary.outcome, summary.is_good) == ("BLESSED", True)
    assert summary.pushed == "s3://models/push-1/1"
