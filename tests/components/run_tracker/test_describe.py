from report_samples import sample_report

from yachay.components.evaluation_report.report import NewestComparison, Verdict
from yachay.components.run_tracker.describe import describe_run
from yachay.components.run_tracker.record import RunRecord

from .conftest import tracker_config


def describe(newest: NewestComparison) -> RunRecord:
    verdict = Verdict(is_blessed=newest.passes, is_synthetic=False, is_pushed=newest.passes, newest=newest)
    return describe_run(
        sample_report(verdict=verdict), tracker_config("http://127.0.0.1:5000"), "run-1", {}, {}, {}, None
    )


def test_a_candidate_that_is_worse_than_the_champion_is_not_blessed_and_has_the_reason() -> None:
    reason = "On 140 newest labelled rows the candidate is worse than the champion: accuracy 0.7000 and 0.8000."
    record = describe(
        NewestComparison(passes=False, reason=reason, metric="accuracy", candidate=0.7, champion=0.8, rows=140)
    )

    assert (record.tags["verdict"], record.tags["reason"]) == ("not blessed", reason)
    assert record.note == f"not blessed: {reason}"
    assert {name: value for name, value in record.metrics.items() if name.startswith("newest/")} == {
        "newest/accuracy": 0.7,
        "newest/champion/accuracy": 0.8,
        "newest/rows": 140.0,
    }


def test_where_nothing_was_compared_there_is_no_number() -> None:
    record = describe(NewestComparison(passes=True, reason="There is no champion: the gate's verdict stands."))

    assert record.tags["verdict"] == "blessed"
    assert not any(name.startswith("newest/") for name in record.metrics)
