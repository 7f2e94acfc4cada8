from rollouts import AS_BEFORE

from yachay.deployment.canary import CanarySettings
from yachay.deployment.judge import judge
from yachay.deployment.prometheus import Traffic

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


def test_a_service_that_fails_for_both_is_not_the_candidate_s_fault() -> None:
    settings = SETTINGS.model_copy(update={"max_error_rate": 0.1})

    assert judge(Traffic(3000, 150), Traffic(27000, 1350), settings).state == "as_good"


def test_a_limit_is_absolute_only_beyond_chance() -> None:
    assert judge(Traffic(1000, 12), Traffic(9000, 100), SETTINGS).state == "as_good"
    assert judge(Traffic(1000, 40), Traffic(9000, 360), SETTINGS).reasons == [
        "4.0% of 1000 requests failed, more than 1.0%"
    ]


def test_a_latency_above_its_limit_is_stopped_though_the_serving_version_is_as_slow() -> None:
    assert judge(Traffic(1000, slower={0.5: 50}), Traffic(9000, slower={0.5: 450}), SETTINGS).reasons == [
        "5.0% of 1000 requests took more than 500 ms: the 99th percentile is above 500 ms"
    ]


def test_rows_of_one_request_are_no_independent_evidence() -> None:
    rows = {"Dropout": 600_000, "Graduate": 400_000}

    assert judge(Traffic(60, classes=rows), AS_BEFORE, SETTINGS).state == "undecided"
    assert judge(Traffic(600, classes=rows), AS_BEFORE, SETTINGS).state == "worse"


def test_classes_that_one_of_them_does_not_predict_are_not_compared() -> None:
    assert judge(Traffic(1000), AS_BEFORE, SETTINGS).state == "as_good"


def test_without_requests_to_the_serving_version_only_an_absolute_limit_speaks() -> None:
    candidate = Traffic(100, slower={0.005: 100}, classes={"Dropout": 100})

    verdict = judge(candidate, Traffic(0), SETTINGS)

    assert verdict.state == "undecided"
    assert verdict.reasons == ["too few requests to the serving version: 0 of at least 50"]
    assert judge(Traffic(100, failed=60), Traffic(0), SETTINGS).state == "worse"
