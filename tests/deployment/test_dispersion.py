import numpy as np
import pytest

from yachay.deployment.dispersion import Dispersion
from yachay.deployment.prometheus import Traffic


def effects(windows: list[tuple[float, float]], seconds: float = 90.0) -> Traffic:
    """Returns the last look at a version that has had so many requests, and failures, in each window."""
    dispersion = Dispersion(50)
    look = Traffic(0)
    requests = failed = 0.0
    for index, (more, failures) in enumerate(windows, 1):
        requests, failed = requests + more, failed + failures
        look = dispersion.add_to(Traffic(requests, failed, failed), index * seconds)
    return look


def test_failures_on_their_own_have_no_effect_but_that_of_chance() -> None:
    failures = np.random.default_rng(0).binomial(200, 0.05, 40)

    assert effects([(200.0, float(count)) for count in failures]).failed_effect == pytest.approx(1.0, abs=0.3)
    assert effects([(200.0, 0.0)] * 5).failed_effect == 1.0


def test_failures_that_come_together_are_about_one_event_each() -> None:
    look = effects([(100.0, 20.0 * (index in (3, 9))) for index in range(20)])

    assert 40 / look.failed_effect == pytest.approx(2.0, rel=0.15)
    assert look.rejected_effect == look.failed_effect


def test_it_is_the_variance_of_the_share_over_that_of_requests_on_their_own() -> None:
    requests, failed = np.array([90.0, 110.0, 100.0, 120.0]), np.array([0.0, 12.0, 1.0, 3.0])
    share = failed.sum() / requests.sum()
    # Rao and Scott (1992), equations 1 and 2.
    variance = 4 / 3 * ((failed - share * requests) ** 2).sum() / requests.sum() ** 2
    expected = requests.sum() * variance / (share * (1 - share))

    assert effects(list(zip(requests, failed, strict=True))).failed_effect == pytest.approx(expected)


def test_what_fails_in_the_first_window_is_one_event() -> None:
    assert effects([(100.0, 20.0)]).failed_effect == 20.0
    assert effects([(100.0, 1.0)]).failed_effect == 1.0


def test_where_most_requests_of_a_window_fail_that_is_no_event_unless_they_are_few() -> None:
    assert effects([(100.0, 0.0), (100.0, 80.0)]).failed_effect == 1.0
    assert effects([(100.0, 60.0)]).failed_effect == 1.0
    assert effects([(20.0, 0.0), (20.0, 0.0), (20.0, 16.0)]).failed_effect > 10


def test_looks_between_the_ends_of_windows_join_them() -> None:
    often = effects([(10.0, 2.0 * (index % 9 == 0)) for index in range(90)], seconds=10.0)

    assert often.failed_effect == 1.0


def test_counts_that_fall_with_a_restart_are_no_requests() -> None:
    dispersion = Dispersion(50)
    dispersion.add_to(Traffic(500, 5), 90.0)

    assert dispersion.add_to(Traffic(300, 3), 180.0).failed_effect == 5.0
