"""`yachay recommend`."""

import dataclasses
import itertools
import json

import pytest
import recommendation_samples as samples
import scipy.optimize

from yachay.cli.main import run
from yachay.components.example_gen.inputs import resolve_input
from yachay.components.intervention_recommender.document import PLACEBO, Refutation
from yachay.components.intervention_recommender.draws import write_result
from yachay.pipelines.runs.summary import Summary

pytestmark = pytest.mark.integration

RUN = "20261121-090000-bbbb"


@pytest.fixture
def workdir(tmp_path):
    """Returns a workdir with a run of education_access that has a recommendation."""
    home = tmp_path / "education-access--share--mock"
    folder = home / "artifacts/InterventionRecommender/recommendation/9"
    folder.mkdir(parents=True)
    write_result(samples.result(), folder)
    path = home / "runs" / RUN
    path.mkdir(parents=True)
    summary = Summary(
        pipeline="education_access",
        task="share",
        run_id=RUN,
        is_synthetic=True,
        profile="mock",
        recommendation_uri=f"/elsewhere/{home.name}/artifacts/InterventionRecommender/recommendation/9",
    )
    (path / "summary.json").write_text(summary.to_json())
    return tmp_path


def recommend(workdir, *arguments):
    return run(["recommend", "education_access", *arguments, "--workdir", str(workdir)])


def test_a_plan_under_another_budget_needs_no_run(workdir, capsys):
    assert recommend(workdir, "--budget", "50000", "--top", "3", "--json", "--set", "recommend.plan.floors={}") == 0

    output = json.loads(capsys.readouterr().out)
    assert (output["run"], output["is_synthetic"], output["error"]) == (RUN, True, None)
    assert [one["rank"] for one in output["communities"]] == [1, 2, 3]
    assert output["plan"]["cost"] <= 50_000
    assert {one["action"] for one in output["plan"]["choices"]} <= {"water", "noise"}
    assert output["caveats"] == [
        "Associations are not causes.",
        "The plan is judged by the draws that it was made from: expect less than it promises.",
    ]


def test_one_region_is_ranked_and_planned_alone(workdir, capsys):
    assert recommend(workdir, "--budget", "50000", "--region", "region 3", "--json") == 0

    output = json.loads(capsys.readouterr().out)
    assert {one["region"] for one in output["communities"]} == {"region 3"}
    assert {one["region"] for one in output["plan"]["choices"]} == {"region 3"}


def test_capitals_and_accents_of_a_region_do_not_count(workdir, capsys):
    assert recommend(workdir, "--budget", "50000", "--region", "RegiÓn 3", "--json") == 0
    output = json.loads(capsys.readouterr().out)
    assert {one["region"] for one in output["communities"]} == {"region 3"}
    assert output["plan"]["region"] == "region 3"


def test_people_read_ranks_actions_plan_and_that_it_shows_no_cause(workdir, capsys):
    assert recommend(workdir, "--budget", "50000", "--set", "recommend.plan.floors={}") == 0

    text = capsys.readouterr().out
    assert "SYNTHETIC DATA" in text
    assert "Greatest barriers (Outcome, %; 80% intervals)" in text
    assert "0: not measured" in text
    assert "Plan: 50,000 PEN" in text
    assert "! Associations are not causes." in text


def test_what_failed_a_test_is_said_and_left_out(workdir, capsys):
    folder = next(workdir.glob("*/artifacts/*/*/9"))
    result = samples.result()
    failed = Refutation(
        test=PLACEBO, title="Placebo", statistic=0.25, expected="≤ 0.05", passed=False, explanation="Chance."
    )
    document = result.document.model_copy(update={"refutations": ((), (failed,), ())})
    write_result(dataclasses.replace(result, document=document), folder)

    assert recommend(workdir, "--budget", "500000", "--set", "recommend.plan.floors={}") == 0
    text = capsys.readouterr().out
    assert "FAILED placebo feature 0.25 (expected ≤ 0.05)" in text
    assert "left out, for their effect failed a test: noise (recommend.plan.refuted)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "100"], "Expected a budget of at least"),
        (["--budget", "-1"], "Expected --budget to be a positive number"),
        (["--budget", "nan"], "Expected --budget to be a positive number"),
        (["--budget", "inf"], "Expected --budget to be a positive number"),
        (["--region", "regoin 3"], "Did you mean 'region 3'?"),
        (["--budget", "50000", "--action", "watre"], "Did you mean 'water'?"),
        (["--task", "barrier"], "Expected a task of recommend.tasks (share)"),
        (["--data", "folder"], "Expected data at folder. Received: no such file or folder"),
    ],
)
def test_invalid_usage_is_named_with_its_fix(workdir, capsys, arguments, message):
    assert recommend(workdir, *arguments) == (1 if "--data" in arguments else 2)
    assert message in capsys.readouterr().err


def test_data_finds_the_run_of_these_records_wherever_they_lie(workdir, tmp_path, capsys):
    folders = [tmp_path / name for name in ("here", "there", "other")]
    for folder, content in zip(folders, ("1", "1", "2"), strict=True):
        folder.mkdir()
        (folder / "records.csv").write_text(content)
    path = next(workdir.glob("*/runs/*/summary.json"))
    summary = Summary.read(path)
    summary.data_fingerprint = resolve_input(str(folders[0])).fingerprint
    path.write_text(summary.to_json())

    assert recommend(workdir, "--data", str(folders[1]), "--json") == 0
    assert json.loads(capsys.readouterr().out)["run"] == RUN
    assert recommend(workdir, "--data", str(folders[2])) == 2
    error = capsys.readouterr().err
    assert "Received: none of these files, but 1 of others." in error
    assert f"Run first: `yachay run education_access --task share --data {folders[2]}`" in error


def test_a_pipeline_without_a_catalogue_is_named(workdir, capsys):
    assert run(["recommend", "student_dropout", "--workdir", str(workdir)]) == 2
    assert "Received: student_dropout, which has none" in capsys.readouterr().err


def test_a_folder_without_runs_says_how_to_make_one(tmp_path, capsys):
    assert recommend(tmp_path) == 2
    assert "Expected a run of education_access, task share" in capsys.readouterr().err


def test_without_a_choice_the_budget_of_the_configuration_leaves_the_ranks(workdir, capsys):
    arguments = ["--set", "recommend.plan.budget=50000", "--action", "teaching", "--json"]
    folder = next(workdir.glob("*/artifacts/*/*/9"))
    result = samples.result()
    effects = tuple(one.model_copy(update={"fits": (False,) * 40}) for one in result.document.effects)
    document = result.document.model_copy(update={"effects": effects})
    write_result(dataclasses.replace(result, document=document), folder)

    assert recommend(workdir, *arguments) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["plan"] is None
    assert len(output["communities"]) == 10
    assert output["caveats"][-1].startswith("There is no plan")


def test_the_recommendation_of_the_run_is_not_written_over(workdir, capsys):
    folder = next(workdir.glob("*/artifacts/*/*/9"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert recommend(workdir, "--budget", "50000", "-o", str(folder / "..") + "/9") == 2
    assert "Expected -o to be another folder" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_older_run_stands_in_for_a_later_one_with_a_word(workdir, capsys):
    later = next(workdir.glob("*/runs")) / "20261122-090000-cccc"
    later.mkdir()
    summary = Summary(
        pipeline="education_access",
        task="share",
        run_id=later.name,
        is_synthetic=True,
        profile="mock",
        error="It failed.",
    )
    (later / "summary.json").write_text(summary.to_json())

    assert recommend(workdir, "--budget", "50000", "--region", "region 3", "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["run"] == RUN
    assert f"Run {later.name} has no recommendation: this is that of {RUN}." in captured.err


def test_an_action_that_needs_more_than_a_community_may_get_is_named(workdir, capsys):
    settings = ["--set", "recommend.plan.floors={}", "--set", "recommend.plan.max_actions=1"]
    assert recommend(workdir, "--budget", "50000", *settings) == 0

    text = capsys.readouterr().out
    assert "left out, for with what they need they are more than recommend.plan.max_actions: noise" in text


def test_a_budget_of_which_no_plan_is_found_in_time_says_so_alone(workdir, capsys, monkeypatch):
    milp = scipy.optimize.milp

    def solve(*given, constraints, **named):
        is_late = constraints.ub[0] == pytest.approx(1) and next(calls) > 3
        none = scipy.optimize.OptimizeResult(x=None, status=1, message="Time limit reached.", mip_gap=None)
        return none if is_late else milp(*given, constraints=constraints, **named)

    calls = itertools.count()
    monkeypatch.setattr(scipy.optimize, "milp", solve)
    assert recommend(workdir, "--budget", "50000", "--json", "--set", "recommend.plan.floors={}") == 0

    output = json.loads(capsys.readouterr().out)
    gains = [point["gain"] for point in output["budget_curve"]]
    assert gains[4] == output["plan"]["gain"]
    assert None in gains
    assert "Under some of the other budgets or costs no plan was found" in output["caveats"][-1]


def test_control_characters_of_a_name_do_not_reach_the_terminal(workdir, capsys):
    folder = next(workdir.glob("*/artifacts/*/*/9"))
    result = samples.result()
    columns = result.document.columns
    names = tuple(f"{name}\x1b[2J\n\u202e" for name in columns.name)
    document = result.document.model_copy(update={"columns": columns.model_copy(update={"name": names})})
    write_result(dataclasses.replace(result, document=document), folder)

    assert recommend(workdir, "--budget", "50000", "--set", "recommend.plan.floors={}") == 0
    text = capsys.readouterr().out
    assert r"\x1b[2J\n\u202e, region" in text
    assert "\x1b" not in text
