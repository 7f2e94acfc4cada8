"""Rules and dashboards: they ask for what the server counts, and the alerts come when they should."""

import datetime
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from small_logs import NOW, VERSION, Known, log_table, small_reference, write_log
from small_logs import draw as draw_rows

from yachay.components.drift_monitor.metrics import Metrics
from yachay.components.drift_monitor.monitor import monitor
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.manifests import keys
from yachay.serving import metrics, prediction_log
from yachay.serving.streaming import metrics as stream_metrics

from .dashboard_picture import draw, read_panel
from .prometheus_process import History, prometheus

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "manifests" / "components" / "monitoring"
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")


def rules():
    return yaml.safe_load((MONITORING / "rules.yaml").read_text())["spec"]


def panels():
    return [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]


def alerts():
    return {rule["alert"]: rule for group in rules()["groups"] for rule in group["rules"] if "alert" in rule}


def queries():
    written = [rule["expr"] for group in rules()["groups"] for rule in group["rules"]]
    return written + [target["expr"] for panel in panels() for target in panel["targets"]]


def counted():
    """The names under which the metrics of the server and the monitor are read, with their labels."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    modules = (metrics, prediction_log, stream_metrics)
    shown = [*map(vars, modules), vars(Metrics(CollectorRegistry(), "model"))]
    wrappers = [value for each in shown for value in each.values() if isinstance(value, MetricWrapperBase)]
    return {
        f"{wrapper._name}{suffix}": set(wrapper._labelnames)
        for wrapper in wrappers
        for suffix in suffixes[wrapper._type]
    }


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_what_the_server_counts(query):
    names = set(re.findall(r"\byachay_[a-z_]+\b(?=[{\[)])", query)) - {keys.METRIC_MODEL_VERSION}
    recorded = {rule["record"] for group in rules()["groups"] for rule in group["rules"] if "record" in rule}
    read = set(re.findall(r"\byachay:[a-z0-9_:]+", query))
    assert names or read or re.search(r"\bkube_pod_", query)
    assert names <= counted().keys()
    assert read <= recorded
    of_prometheus = {"namespace", "pod", "le", keys.METRIC_MODEL_VERSION}
    labels = {label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")}
    assert labels <= of_prometheus.union(*(counted()[name] for name in names))


def test_the_labels_of_versions_are_the_pod_labels_that_the_monitors_copy():
    copied = {
        re.sub(r"\W", "_", label)
        for document in yaml.safe_load_all((MONITORING / "monitors.yaml").read_text())
        for label in document["spec"]["podTargetLabels"]
    }
    assert copied == {keys.METRIC_MODEL_VERSION, keys.METRIC_INFERENCE_SERVICE, keys.METRIC_KNATIVE_REVISION}


def test_the_panels_of_a_dashboard_do_not_overlap():
    for path in DASHBOARDS:
        seen = set()
        for panel in json.loads(path.read_text())["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + 8)
            }
            assert not cells & seen
            assert place["x"] + place["w"] <= 24
            seen |= cells


@needs_promtool
def test_prometheus_takes_the_rules_and_the_queries_of_the_dashboards(tmp_path):
    written = [
        {"record": f"panel:{index}", "expr": query.replace("$__rate_interval", "5m")}
        for index, query in enumerate(queries())
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": written}]}))
    check = ["promtool", "check", "rules", "rules.yaml", "queries.yaml"]
    result = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.integration
@needs_promtool
def test_each_alert_comes_when_it_should_and_only_then(tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    cases = []
    for path in Path(__file__).parent.glob("*alerts.yaml"):
        shutil.copy(path, tmp_path)
        cases += [case for test in yaml.safe_load(path.read_text())["tests"] for case in test["alert_rule_test"]]
    result = subprocess.run(
        ["promtool", "test", "rules", *sorted(path.name for path in tmp_path.glob("*alerts.yaml"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(alerts())


@pytest.mark.integration
def test_the_dashboard_of_drift_draws_what_a_real_prometheus_has_of_the_monitor(tmp_path):
    log = write_log(tmp_path / "log", log_table(draw_rows(1000, seed=2, shift=1.5, new=0.2)))
    result = monitor(log, Known({VERSION: small_reference()}), MonitorSettings(window="500"), now=NOW)
    registry, history = CollectorRegistry(), History()
    Metrics(registry, "student-dropout").show(result)
    for minute in range(10):
        history.scrape(registry, NOW + datetime.timedelta(minutes=minute), [("namespace", "models")])
    document = json.loads((MONITORING / "dashboards/yachay-drift.json").read_text())
    ends = NOW.timestamp(), NOW.timestamp() + 540
    values = {"model": "student-dropout", "namespace": ".*"}
    (tmp_path / "prometheus").mkdir()

    with prometheus(history, tmp_path / "prometheus") as url:
        found = {panel["title"]: read_panel(panel, url, *ends, values) for panel in document["panels"]}
        page = draw(document, url, *ends, values)

    # Without labels nothing is measured, without missing values and failures there is nothing to show.
    assert {title for title, series in found.items() if not series} <= {"Measured by labels", "Missing values"}
    assert {"grade", "Course"} <= {legend for legend, _ in found["Features that moved farthest"]}
    assert ">drift</text>" in page


def test_the_windows_of_burn_rates_are_those_of_the_sre_workbook():
    """Table 5-8: 14.4 over 1 h and 5 min, 6 over 6 h and 30 min, 1 over three days and 6 h."""
    for kind, budget in (("Error", "0.001"), ("Latency", "0.01")):
        page, ticket = alerts()[f"Yachay{kind}BudgetBurn"], alerts()[f"Yachay{kind}BudgetSlowBurn"]
        pairs = re.findall(r":ratio(\w+) > (?:([\d.]+) \* )?([\d.]+)", page["expr"] + ticket["expr"])
        assert pairs == [
            ("1h", "14.4", budget),
            ("5m", "14.4", budget),
            ("6h", "6", budget),
            ("30m", "6", budget),
            ("3d", "", budget),
            ("6h", "", budget),
        ]


@pytest.mark.parametrize("name", alerts())
def test_each_alert_leads_to_its_runbook(name):
    page, _, anchor = alerts()[name]["annotations"]["runbook_url"].partition("#")
    text = (ROOT / page).read_text(encoding="utf-8")
    part = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert part, f"{page} has no part {name}"
    assert anchor == name.lower()
    for heading in ("**Means**", "**Look**", "**Do**"):
        assert heading in part[1]
