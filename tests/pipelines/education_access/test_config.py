"""The configuration of education_access."""

import pytest

from yachay.pipelines.registry import find_pipeline


@pytest.fixture(scope="module")
def config():
    return find_pipeline("education_access").load()


def test_every_driver_has_a_title_in_both_languages(config):
    assert config.recommend is not None
    for task in config.tasks:
        for name in config.task_features(task):
            assert name in config.recommend.titles, name
            assert config.recommend.titles[name].es, name


def test_no_title_is_of_a_column_that_is_gone(config):
    known = {name for task in config.tasks for name in config.task_features(task)}
    assert set(config.recommend.titles) <= known
