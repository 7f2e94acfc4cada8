import math
import re

from rollouts import AS_BEFORE

from yachay.deployment.canary import CanarySettings
from yachay.deployment.judge import judge, tail_bound
from yachay.deployment.prometheus import Traffic
from yachay.serving.metrics import SECONDS_BOUNDS

SETTINGS = CanarySettings()
GOOD = Traffic(1000, 1, 3, {0.1: 10, 0.5: 0}, {"Dropout": 300, "Graduate": 700})


def test_a_candidate_like_the_serving_version_is_as_good() -> None:
    verdict = judge(GOOD, AS_BEFORE, SETTINGS)

    assert (verdict.state, verdict.reasons) == ("as_good", [])


def test_everything_that_speaks_against_it_is_named() -> None:
    bad = Traffic(200, 60, 50, {0.1: 150, 0.5: 100}, {"Dropout": 90})

    verdict = judge(bad, AS_BEFORE, SETTINGS)

    assert verdict.state == "worse"
    assert [reason.split(",")[0] for reason in verdict.reasons] == [
        "30.0% of 200 requests failed",
        "25.0% of 200 requests were rejected",
        "75.0% of 200 requests took more than 100 ms",
        "the predicted classes differ by 70% of the requests",
    ]


def test_a_few_requests_say_nothing_either_way() -> None:
    few = Traffic(60, 0, 0, {0.1: 0}, {"Dropout": 18, "Graduate": 42})

    verdict = judge(few, AS_BEFORE, SETTINGS)

    assert verdict.state == "undecided"
    assert "whether at most 2.0% more of its requests failed" in verdict.reasons
    assert judge(Traffic(49), AS_BEFORE, SETTINGS).reasons == ["too few requests: 49 of at least 50"]


def test_the_latency_that_is_in_doubt_is_named() -> None:
    slower, slower_before = {0.01: 398, 0.1: 12, 0.5: 0}, {0.01: 3582, 0.1: 72, 0.5: 0}

    verdict = judge(Traffic(400, slower=slower), Traffic(3600, slower=slower_before), SETTINGS)

    assert verdict.state == "undecided"
    assert verdict.reasons == ["whether at most 3.0% more of its requests took more than 100 ms"]


def test_a_service_that_fails_for_both_is_not_the_candidate_s_fault() -> None:
    settings = SETTINGS.model_copy(update={"max_error_rate": 0.1})

    assert judge(Traffic(3000, 150), Traffic(27000, 1350), settings).state == "as_good"


def test_a_limit_is_absolute_only_beyond_chance() -> None:
    assert judge(Traffic(1000, 12), Traffic(9000, 100), SETTINGS).state == "as_good"
    verdict = judge(Traffic(9000, 171), Traffic(81000, 162), SETTINGS)

    assert (verdict.state, verdict.reasons) == ("worse", ["1.9% of 9000 requests failed, more than 1.0%"])


def test_where_both_are_above_a_limit_the_candidate_is_neither_worse_nor_as_good() -> None:
    failing = judge(Traffic(9000, 360), Traffic(81000, 3240), SETTINGS)
    slow = judge(Traffic(2000, slower={0.5: 100}), Traffic(18000, slower={0.5: 900}), SETTINGS)

    assert (failing.state, slow.state) == ("undecided", "undecided")
    assert failing.reasons == [
        "4.0% of 9000 requests failed, more than 1.0%; of the serving version 4.0% at the same time"
    ]
    assert slow.reasons[-1] == (
        "5.0% of 2000 requests took more than 500 ms: the 99th percentile is above 500 ms; of the serving version 5.0% "
        "at the same time"
    )


def test_a_tail_that_is_slower_by_half_a_point_is_found_where_that_is_more_than_chance() -> None:
    worse = judge(Traffic(2000, slower={0.05: 40, 0.1: 20}), Traffic(18000, slower={0.05: 340, 0.1: 9}), SETTINGS)
    by_chance = judge(Traffic(200, slower={0.1: 2}), Traffic(1800, slower={0.1: 9}), SETTINGS)
    settings = SETTINGS.model_copy(update={"worse_tail_increase": 0.03})

    assert worse.state == "worse"
    assert worse.reasons == [
        "1.0% of 2000 requests took more than 100 ms, of the serving version 0.1% of 18000 at the same time"
    ]
    assert by_chance.state != "worse"
    assert judge(Traffic(2000, slower={0.1: 20}), Traffic(18000, slower={0.1: 9}), settings).state == "as_good"


def test_failures_that_come_together_are_less_evidence() -> None:
    stable = Traffic(9000, 9, 9)

    assert judge(Traffic(1000, 31), stable, SETTINGS).state == "worse"
    assert judge(Traffic(1000, 31, failed_effect=15.0), stable, SETTINGS).state == "undecided"
    assert judge(Traffic(1000, 1, 31), stable, SETTINGS).state == "worse"
    assert judge(Traffic(1000, 1, 31, rejected_effect=15.0), stable, SETTINGS).state == "undecided"


def test_few_failures_that_come_together_do_not_show_that_it_is_as_good() -> None:
    stable = Traffic(9000, 45, 45)

    assert judge(Traffic(1000, 5, 5), stable, SETTINGS).state == "as_good"
    together = judge(Traffic(1000, 5, 5, failed_effect=5.0), stable, SETTINGS)
    assert (together.state, together.reasons) == ("undecided", ["whether at most 2.0% more of its requests failed"])
    assert judge(Traffic(1000, 5, 5, rejected_effect=5.0), stable, SETTINGS).state == "undecided"


def test_a_larger_share_asks_that_the_99th_percentile_is_not_doubled() -> None:
    stable = Traffic(9000, slower={0.05: 300, 0.07: 60, 0.1: 5, 0.14: 1})
    unknown = ["whether its 99th percentile is less than 2 times the serving version's"]

    few = judge(Traffic(300, slower={0.05: 10, 0.07: 2, 0.1: 0, 0.14: 0}), stable, SETTINGS)
    enough = judge(Traffic(1000, slower={0.05: 33, 0.07: 6, 0.1: 1, 0.14: 0}), stable, SETTINGS)
    doubled = judge(Traffic(1000, slower={0.05: 33, 0.07: 13, 0.1: 12, 0.14: 4}), stable, SETTINGS)
    settings = SETTINGS.model_copy(update={"worse_tail_increase": 0.03})

    assert (few.state, few.reasons[-1:]) == ("undecided", unknown)
    assert enough.state == "as_good"
    assert doubled.state == "worse"
    tolerated = judge(Traffic(1000, slower={0.05: 33, 0.07: 13, 0.1: 12, 0.14: 4}), stable, settings)
    assert (tolerated.state, tolerated.reasons) == ("undecided", unknown)


def test_any_doubled_percentile_falls_between_bounds_of_the_histogram() -> None:
    for num_known, bound in enumerate(SECONDS_BOUNDS[:-2], 1):
        upper = tail_bound(SECONDS_BOUNDS, num_known, 2.0)

        assert upper is not None
        # The percentile lies below the next bound, and what it must be known to be below leaves room above that.
        assert SECONDS_BOUNDS[num_known] * 1.2 < upper <= bound * 2


def test_coarse_and_short_histograms_have_a_bound_above_the_percentile_or_none() -> None:
    assert tail_bound([0.01, 0.025, 0.05, 0.1], 1, 2.0) == 0.05
    assert tail_bound([0.01, 0.025], 0, 2.0) == 0.025
    assert tail_bound([0.01, 0.025], 2, 2.0) is None
    assert tail_bound([], 0, 2.0) is None


def test_latencies_are_compared_at_the_bounds_that_both_count() -> None:
    finer = {0.05: 33, 0.07: 20, 0.1: 1, 0.14: 0, 0.25: 0}

    assert judge(Traffic(1000, slower=finer), Traffic(9000, slower={0.05: 300, 0.1: 5, 0.25: 0}), SETTINGS).state == (
        "as_good"
    )


def test_rows_of_one_request_are_no_independent_evidence() -> None:
    rows = {"Dropout": 600_000, "Graduate": 400_000}

    assert judge(Traffic(60, classes=rows), AS_BEFORE, SETTINGS).state == "undecided"
    assert judge(Traffic(600, classes=rows), AS_BEFORE, SETTINGS).state == "worse"


def test_classes_that_one_of_them_does_not_predict_are_not_compared() -> None:
    assert judge(Traffic(1000), AS_BEFORE, SETTINGS).state == "as_good"


def numbers(shift: float, requests: float) -> Traffic:
    """Predictions spread evenly over 0 to 10, and moved."""
    above = {bound: requests * min(max((10 - bound + shift) / 10, 0), 1) for bound in (-math.inf, *range(-5, 16))}
    return Traffic(requests, above=above)


def test_other_numbers_are_found_with_how_far_they_moved() -> None:
    verdict = judge(numbers(3.0, 300), numbers(0.0, 2700), SETTINGS)

    assert verdict.state == "worse"
    assert re.fullmatch(
        r"the predicted numbers differ by 30% of the requests, more than 20% \(\d+% above \d before, \d+% now\)",
        verdict.reasons[0],
    )


def test_numbers_that_are_alike_are_as_good_once_that_is_known() -> None:
    assert judge(numbers(0.1, 2000), numbers(0.0, 18000), SETTINGS).state == "as_good"
    assert judge(numbers(0.0, 60), numbers(0.0, 540), SETTINGS).reasons[-1] == (
        "whether the predicted numbers of at most 20% of its requests differ"
    )


def test_bins_that_nest_are_compared_at_the_bounds_they_share() -> None:
    coarse = Traffic(300, above={-math.inf: 300, 0: 300, 4: 290, 8: 280, 12: 0})

    assert "more than 20% (20% above 8 before, 93% now)" in judge(coarse, numbers(0.0, 2700), SETTINGS).reasons[0]
    assert judge(Traffic(300, above={-math.inf: 300, 0.5: 9}), numbers(0.0, 2700), SETTINGS).reasons[-1] == (
        "whether the predicted numbers of at most 20% of its requests differ: their bins have no bound in common"
    )


def test_pods_that_do_not_respond_are_worse_without_any_request() -> None:
    assert judge(Traffic(0, probes=20, probes_failed=20), Traffic(0, probes=20), SETTINGS).reasons == [
        "its pods did not respond 20 of 20 times they were asked, those of the serving version 0 times"
    ]
    assert judge(Traffic(0, probes=20, probes_failed=20), Traffic(0, probes=20, probes_failed=20), SETTINGS).state == (
        "undecided"
    )


def test_without_requests_to_the_serving_version_only_an_absolute_limit_speaks() -> None:
    candidate = Traffic(100, slower={0.005: 100}, classes={"Dropout": 100})

    verdict = judge(candidate, Traffic(0), SETTINGS)

    assert verdict.state == "undecided"
    assert verdict.reasons == ["too few requests to the serving version: 0 of at least 50"]
    assert judge(Traffic(100, failed=60), Traffic(0), SETTINGS).state == "worse"


def test_the_absolute_limit_of_the_latency_is_at_a_bound_that_both_count() -> None:
    settings = SETTINGS.model_copy(update={"max_p99_ms": 300.0})
    before = Traffic(9000, slower={0.25: 600, 0.5: 300, 1.0: 0})
    alike = Traffic(1000, slower={0.25: 66, 0.35: 50, 0.5: 33, 0.7: 10, 1.0: 0})

    verdict = judge(alike, before, settings)

    assert verdict.state == "undecided"
    assert "3.3% of 1000 requests took more than 500 ms" in verdict.reasons[-1]
