from pathlib import Path

import pytest

from yachay.errors import ConfigurationError, UsageError
from yachay.pipelines.config.load import load_config, overlay
from yachay.pipelines.registry import find_pipelines

CONFIG = find_pipelines()["student_dropout"].config_path


def write(folder: Path, profiles: str) -> Path:
    path = folder / "config.yaml"
    kept = CONFIG.read_text().split("\nprofiles:")[0]
    path.write_text(f"{kept}\nprofiles:\n{profiles}")
    return path


def test_a_profile_is_laid_over_the_configuration() -> None:
    plain, mock = load_config(CONFIG), load_config(CONFIG, profile="mock")

    assert (plain.profile, plain.is_synthetic) == ("", False)
    assert (mock.profile, mock.is_synthetic) == ("mock", True)
    assert plain.tasks["semester2"].thresholds["accuracy"].lower == 0.76
    assert mock.tasks["semester2"].thresholds["accuracy"].lower == 0.73
    assert (
        mock.tasks["enrolment"].thresholds["accuracy"].upper_reason
        == "an accuracy above .70 at enrolment means leakage"
    )
    assert mock.features == plain.features


def test_mappings_are_merged_and_all_else_is_replaced() -> None:
    assert overlay({"a": {"b": 1, "c": [1, 2]}, "d": 2}, {"a": {"c": [3]}, "d": {"e": 4}}) == {
        "a": {"b": 1, "c": [3]},
        "d": {"e": 4},
    }


def test_the_command_line_wins_over_a_profile_and_may_change_it() -> None:
    config = load_config(
        CONFIG,
        [
            "tasks.semester2.thresholds.accuracy.lower=0.5",
            "profiles.mock.tasks.semester1.thresholds.macro_f1.lower=0.4",
        ],
        profile="mock",
    )

    assert config.tasks["semester2"].thresholds["accuracy"].lower == 0.5
    assert config.tasks["semester1"].thresholds["macro_f1"].lower == 0.4


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("  mock: {modle: {seed: 1}}", r"profiles\.mock\.modle: no such field\. Did you mean 'model'\?"),
        ("  mock: {model: {seed: x}}", r"profiles\.mock\.model\.seed: .*Received: 'x'"),
        ("  mock: {default_task: none}", r"profiles\.mock\.default_task: expected one of enrolment"),
        ("  mock: {name: other}", r"profiles\.mock\.name: a profile cannot change it"),
        ("  mock: 3", r"Expected `profiles` of .* to map names to fields"),
        ("  a__b: {}", r"profiles\.a__b: String should match pattern"),
    ],
)
def test_a_field_of_a_profile_that_does_not_fit_is_named_also_where_it_is_not_taken(
    tmp_path: Path, profile: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config(write(tmp_path, profile))


def test_a_profile_that_is_not_there_is_rejected() -> None:
    with pytest.raises(
        UsageError, match=r"Expected a profile .* \(mock, tuned, support\)\. Received: 'moc'\. Did you mean 'mock'\?"
    ):
        load_config(CONFIG, profile="moc")


def test_a_profile_is_named_by_its_option_alone() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Expected --profile to name a profile\. Received: --set profile=mock"
    ):
        load_config(CONFIG, ["profile=mock"])


def test_what_a_run_writes_of_its_configuration_loads_as_the_same(tmp_path: Path) -> None:
    import yaml

    config = load_config(CONFIG, profile="mock")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)))

    assert load_config(path) == config
