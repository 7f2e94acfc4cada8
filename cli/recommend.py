"""`yachay recommend`."""

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError, suggestion
from . import frame, options

if TYPE_CHECKING:
    from ..components.intervention_recommender.document import Recommendation
    from ..components.intervention_recommender.draws import Result
    from ..pipelines.config.pipeline_config import PipelineConfig
    from ..pipelines.runs.past_runs import PastRun

FIELDS = ("run", "pipeline", "task", "is_synthetic", "communities", "other_ranks", "actions", "plan", "naive_plans",
          "budget_curve", "cost_sensitivity", "caveats", "folder")  # fmt: skip
"""What `--json` prints, whatever happens."""


@frame.command("recommend", fields=FIELDS)
@options.pipeline_argument
@options.data_option
@options.task_option
@options.profile_option
@click.option("--budget", type=float, metavar="N", help="Budget of the plan (default: the configuration's).")
@click.option("--region", metavar="R", help="Rank and plan in this region only.")
@click.option("--action", "actions", metavar="A", multiple=True, help="Plan with this action only; may be repeated.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, metavar="K", help="Lines to show.")
@options.folder_option("Folder for page, tables and map of the new plan (default: none is written).")
@options.workdir_option
@options.config_option
@options.set_option
def command(
    output: frame.Fields,
    pipeline: str,
    data: str | None,
    task: str | None,
    profile: str | None,
    budget: float | None,
    region: str | None,
    actions: tuple[str, ...],
    top: int,
    folder: Path | None,
    workdir: Path,
    config_path: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Rank communities, and divide a budget among interventions.

    The effects are those of the last run of the pipeline (`yachay run`); no model is trained. With --data it is the
    last run of these files; without --data and --profile the last one of any. Associations are not causes.
    """
    from ..components.intervention_recommender.draws import (
        has_choices,
        only_actions,
        read_result,
        with_plan,
        without_plan,
    )
    from ..components.intervention_recommender.text import NO_PLAN
    from ..pipelines.api import choose_task
    from ..pipelines.registry import find_pipeline

    config = find_pipeline(pipeline, config_path).load(overrides, profile or "")
    chosen = choose_task(config, task)
    if config.recommend is None:
        raise UsageError(
            f"Expected a pipeline whose configuration has the section `recommend`. Received: {config.name}, which has "
            "none. See docs/recommending.md."
        )
    if not config.recommends(chosen):
        tasks = config.recommend.tasks or (config.default_task,)
        raise UsageError(
            f"Expected a task of recommend.tasks ({', '.join(tasks)}). Received: {chosen!r}.{suggestion(chosen, tasks)}"
        )
    run = _find_run(config, chosen, workdir, data, profile)
    output.update({"run": run.run_id, "pipeline": config.name, "task": chosen, "is_synthetic": run.is_synthetic})
    place = run.recommendation_path
    if place is None:
        raise UsageError(
            f"Expected the run {run.run_id} to have a recommendation. Received: none"
            f"{f', for it failed: {run.summary.error}' if run.summary and run.summary.error else ''}. Run `yachay run "
            f"{pipeline}` again."
        )
    if folder is not None and folder.resolve() == place.resolve():
        raise UsageError(
            f"Expected -o to be another folder than the recommendation of the run. Received: {folder}, whose plan, and "
            "from which later commands plan, would be lost. Name a new folder."
        )
    result = read_result(place)
    region = _known_region(result.document, region)
    plan = config.recommend.plan
    amount = budget if budget is not None else plan.budget
    if amount is None and result.document.plan is not None and (region or actions):
        amount = result.document.plan.budget
    if actions:
        result = only_actions(result, actions)
    if amount is not None:
        if not 0 < amount < float("inf"):
            raise UsageError(f"Expected --budget to be a positive number. Received: {amount:g}.")
        is_possible = budget is not None or has_choices(result, plan, region)
        result = with_plan(result, plan, amount, region) if is_possible else without_plan(result, NO_PLAN)
    output.update(_described(result.document, region, top))
    if folder is not None:
        from ..components.intervention_recommender.outputs import POLYGONS_FILE, write_outputs

        polygons = place / POLYGONS_FILE
        write_outputs(result, folder, polygons if polygons.is_file() else None)
        output["folder"] = str(folder.absolute())
    if not frame.is_json():
        click.echo(_to_text(result, output, region, top))


def _find_run(config: "PipelineConfig", task: str, workdir: Path, data: str | None, profile: str | None) -> "PastRun":
    """Returns the last run of a task that has ended; with --data the last one of the same files.

    Raises:
        DataError: if there is no data at --data.
        UsageError: if there is no such run.
    """
    from ..pipelines.runs.past_runs import find_runs

    wanted = config.pipeline_name(task)
    of_any_data = [
        run
        for run in find_runs(workdir)
        if run.pipeline == config.name
        and run.task == task
        and run.summary is not None
        and (not profile or run.home.path.name == wanted)
    ]
    runs = of_any_data if data is None else _of_data(of_any_data, data)
    if not runs:
        given = f" --data {data}" if data else (f" --profile {profile}" if profile else "")
        others = f" of these files, but {len(of_any_data)} of others" if of_any_data else ""
        raise UsageError(
            f"Expected a run of {config.name}, task {task}{given}, in {workdir}. Received: none{others}. Run first: "
            f"`yachay run {config.name} --task {task}{given}`."
        )
    found = next((run for run in runs if run.recommendation_path is not None), runs[0])
    if found is not runs[0]:
        click.echo(f"! Run {runs[0].run_id} has no recommendation: this is that of {found.run_id}.", err=True)
    return found


def _of_data(runs: list["PastRun"], data: str) -> list["PastRun"]:
    """Returns the runs whose data had the content of these files, wherever it lay."""
    from ..components.example_gen.inputs import resolve_input

    fingerprint = resolve_input(data).fingerprint
    return [run for run in runs if run.summary and run.summary.data_fingerprint == fingerprint]


def _known_region(document: "Recommendation", region: str | None) -> str | None:
    """Returns a region as the data have it; capitals and accents do not count."""
    names = sorted(set(document.columns.region))
    if region is None or region in names:
        return region
    alike = [name for name in names if _plain(name) == _plain(region)]
    if len(alike) != 1:
        raise UsageError(
            f"Expected --region to be one of {', '.join(names)}. Received: {region!r}.{suggestion(region, names)}"
        )
    return alike[0]


def _plain(name: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(one))


def _described(document: "Recommendation", region: str | None, top: int) -> dict[str, Any]:
    columns = document.columns
    names = [action.name for action in document.actions]
    order = sorted(range(len(columns.key)), key=lambda place: columns.rank[place])
    shown = [place for place in order if region is None or columns.region[place] == region][:top]
    plan = None
    if document.plan is not None:
        plan = document.plan.model_dump(mode="json", exclude={"choices"}) | {
            "num_choices": len(document.plan.choices),
            "choices": [
                {
                    "key": columns.key[one.community],
                    "name": columns.name[one.community],
                    "region": columns.region[one.community],
                    "action": names[one.action],
                    "effect": document.effects[one.action].effect[one.community],
                    "lower": document.effects[one.action].lower[one.community],
                    "upper": document.effects[one.action].upper[one.community],
                    "cost": document.effects[one.action].cost[one.community],
                }
                for one in document.plan.choices
            ],
        }
    return {
        "communities": [
            {field: getattr(columns, field)[place] for field in type(columns).model_fields} for place in shown
        ],
        "other_ranks": [
            one.model_dump(mode="json", exclude={"rank"}) | {"ranks": [one.rank[place] for place in shown]}
            for one in document.other_ranks
        ],
        "actions": [
            {
                "name": name,
                "fits": sum(effects.fits),
                "extrapolates": sum(effects.extrapolates),
                "mean_effect": _mean(effects.effect, effects.fits),
                "zero_reason": effects.zero_reason.en if effects.zero_reason else None,
                "refutations": [
                    one.model_dump(mode="json", include={"test", "statistic", "expected", "passed"})
                    for one in refutations
                ],
            }
            for name, effects, refutations in zip(names, document.effects, document.refutations, strict=True)
        ],
        "plan": plan,
        "naive_plans": [one.model_dump(mode="json") for one in document.naive_plans],
        "budget_curve": [one.model_dump(mode="json") for one in document.budget_curve],
        "cost_sensitivity": [one.model_dump(mode="json") for one in document.cost_sensitivity],
        "caveats": [one.en for one in document.caveats],
    }


def _mean(effects: tuple[float, ...], fits: tuple[bool, ...]) -> float | None:
    chosen = [effect for effect, is_for in zip(effects, fits, strict=True) if is_for]
    return sum(chosen) / len(chosen) if chosen else None


def _to_text(result: "Result", described: dict[str, Any], region: str | None, top: int) -> str:
    document = result.document
    unit = document.outcome.unit.en
    where = f" in {frame.escape(region)}" if region else ""
    lines = []
    if document.is_synthetic:
        lines.append(click.style("SYNTHETIC DATA: these figures say nothing about real people.", bold=True))
    lines += [f"{document.title.en}, run {described['run']}", ""]
    lines.append(f"Greatest barriers{where} ({document.outcome.title.en}, {unit}; {document.level:.0%} intervals)")
    for one in described["communities"]:
        ranks = f"{one['rank']:>5} [{one['rank_lower']}, {one['rank_upper']}]"
        lines.append(f"  {ranks:<20} {_place(one)}: {one['predicted']:.1f} [{one['lower']:.1f}, {one['upper']:.1f}]")
    for other in described["other_ranks"]:
        common = ", ".join(f"{one['common']} of the first {one['top']} are the same" for one in other["common"])
        lines.append(f"  by {other['title']['en']}: rank correlation {other['rank_correlation']:.2f}, {common}")
    lines += ["", "Actions: fitting communities, mean effect in them, refutation tests"]
    for one in described["actions"]:
        if one["zero_reason"]:
            lines.append(f"  {one['name']:<18} {one['fits']:>5}  0: {one['zero_reason']}")
            continue
        mean = "none" if one["mean_effect"] is None else f"{one['mean_effect']:+.2f}"
        lines.append(f"  {one['name']:<18} {one['fits']:>5}  {mean:>7}  {_tests(one['refutations'])}")
    plan = described["plan"]
    if plan is not None:
        lines += ["", *_plan_lines(document, plan, described, where, top)]
    lines += ["", *(f"! {caveat}" for caveat in described["caveats"])]
    if described["folder"]:
        lines += ["", f"  {described['folder']}"]
    return "\n".join(lines)


def _place(one: dict[str, Any]) -> str:
    return frame.escape(f"{one['name']}, {one['region']}")


def _tests(refutations: list[dict[str, Any]]) -> str:
    if not refutations:
        return "not tested"
    failed = [one for one in refutations if not one["passed"]]
    named = [f"{one['test']} {_number(one['statistic'])} (expected {one['expected']})" for one in failed]
    return f"FAILED {', '.join(named)}" if failed else "passed"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2g}"


def _plan_lines(
    document: "Recommendation", plan: dict[str, Any], described: dict[str, Any], where: str, top: int
) -> list[str]:
    currency = plan["currency"]
    lines = [
        f"Plan{where}: {plan['budget']:,.0f} {currency}, {plan['num_choices']} choices for {plan['cost']:,.0f}",
        f"  {document.gain.title.en}: {plan['gain']:,.0f} [{plan['gain_lower']:,.0f}, {plan['gain_upper']:,.0f}], "
        f"{plan['guaranteed_gain']:,.0f} in 90 % of the draws",
        f"  at least as much as every naive plan in {plan['holds_in']:.0%} of the draws",
        f"  gap {plan['gap']:.2%}, {plan['seconds']:.1f} s, {plan['solver']}",
    ]
    if plan["gain_without_floors"] is not None:
        lines.append(f"  without the floors of the regions: {plan['gain_without_floors']:,.0f}")
    if plan["no_floor"]:
        lines.append(
            f"  no floor, for it cannot be spent there in small parts: {frame.escape(', '.join(plan['no_floor']))}"
        )
    if plan["left_out"]:
        lines.append(
            f"  left out, for their effect failed a test: {', '.join(plan['left_out'])} (recommend.plan.refuted)"
        )
    if plan["too_many"]:
        lines.append(
            f"  left out, for with what they need they are more than recommend.plan.max_actions: "
            f"{', '.join(plan['too_many'])}"
        )
    for one in plan["choices"][:top]:
        lines.append(
            f"    {_place(one)}: {one['action']} {one['effect']:+.2f} [{one['lower']:.2f}, {one['upper']:.2f}] "
            f"for {one['cost']:,.0f}"
        )
    lines += [f"  {one.title.en}: {one.gain:,.0f}" for one in document.naive_plans]
    lines += [
        f"  costs x {one['factor']:g}: no plan found in time (recommend.plan.time_limit_s)"
        if one["gain"] is None
        else f"  costs x {one['factor']:g}: {one['gain']:,.0f}, {one['changed_share']:.0%} of the choices others"
        f"{'' if one['meets_floors'] else ', without floors, for no plan meets them'}"
        for one in described["cost_sensitivity"]
        if one["factor"] != 1
    ]
    return lines
