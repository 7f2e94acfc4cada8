"""Quantiles that are calibrated hold what they say, of numbers and of forecasts."""

import numpy as np
import pytest

from yachay.components.trainer.calibration import Conformal, Mondrian

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def drawn(seed: int, rows: int, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns quantiles three times too narrow above and twice too wide below, and labels of an uneven spread."""
    random = np.random.default_rng(seed)
    shape = (rows,) if steps is None else (rows, steps)
    center, spread = random.normal(0, 5, shape), random.uniform(0.5, 3, shape)
    levels = np.array([-1.2816 * 2, -0.6745 * 2, 0, 0.6745 / 3, 1.2816 / 3])
    return center[..., None] + spread[..., None] * levels, center + spread * random.normal(0, 1, shape)


@pytest.mark.parametrize("steps", [None, 6])
def test_each_quantile_holds_its_share_of_unseen_rows(steps: int | None) -> None:
    conformal = Conformal.fit(*drawn(0, 4000, steps), QUANTILES)
    scores, labels = drawn(1, 4000, steps)
    calibrated = np.asarray(conformal(scores.astype(np.float32)))
    assert (np.diff(calibrated, axis=-1) >= 0).all()
    for place, quantile in enumerate(QUANTILES):
        assert np.mean(labels <= calibrated[..., place]) == pytest.approx(quantile, abs=0.03)
    np.testing.assert_allclose(calibrated[..., 2], scores[..., 2], rtol=1e-5)


def test_the_rank_is_that_of_the_conformal_quantile() -> None:
    # Nine rows: the quantile .9 needs the ninth of ten, which is the greatest.
    scores = np.tile(np.array([-1.0, 0.0, 1.0]), (9, 1))
    conformal = Conformal.fit(scores, np.arange(9.0), (0.1, 0.5, 0.9))
    assert conformal.factors.tolist() == [0.0, 1.0, 8.0]


def test_quantiles_that_lie_on_the_middle_one_throw_no_other_far_off() -> None:
    random = np.random.default_rng(0)
    labels = np.abs(random.normal(size=4000))
    # A third of the rows have no width above, as trees give where many labels are equal.
    upper = np.where(random.random(4000) < 0.35, 0.5, 0.9)
    scores = np.stack([np.full(4000, 0.3), np.full(4000, 0.5), upper], axis=1)
    conformal = Conformal.fit(scores[:2000], labels[:2000], (0.1, 0.5, 0.9))
    calibrated = np.asarray(conformal(scores[2000:].astype(np.float32)))
    assert np.mean(labels[2000:] <= calibrated[:, 2]) == pytest.approx(0.9, abs=0.03)
    assert np.median(calibrated[:, 2]) < 5 * labels.max()


def test_each_group_holds_its_share() -> None:
    random = np.random.default_rng(0)
    scores, labels = drawn(0, 8000, 6)
    features = {"sine": random.normal(size=8000), "cosine": random.normal(size=8000)}
    group = (features["sine"] > 0) + 2 * (features["cosine"] > 0)
    # The spread of each group is another, which no score shows.
    labels = scores[..., 2] + (1 + group[:, None]) * (labels - scores[..., 2])
    learn, judge = slice(0, 4000), slice(4000, None)
    given = {name: values[learn] for name, values in features.items()}
    calibration = Mondrian.fit(scores[learn], labels[learn], given, QUANTILES, ("sine", "cosine"))
    unseen = {name: values[judge] for name, values in features.items()}
    calibrated = np.asarray(calibration(scores[judge].astype(np.float32), unseen))
    for place in range(4):
        rows = group[judge] == place
        for of, quantile in enumerate(QUANTILES):
            assert np.mean(labels[judge][rows] <= calibrated[rows][..., of]) == pytest.approx(quantile, abs=0.03)


def test_a_small_group_has_the_factors_of_all_rows() -> None:
    scores, labels = drawn(0, 2000)
    features = {"sine": np.r_[np.ones(1900), -np.ones(100)]}
    of_all = Conformal.fit(scores, labels, QUANTILES)(scores.astype(np.float32))
    calibrated = Mondrian.fit(scores, labels, features, QUANTILES, ["sine"])(scores.astype(np.float32), features)
    np.testing.assert_array_equal(np.asarray(calibrated)[1900:], np.asarray(of_all)[1900:])
