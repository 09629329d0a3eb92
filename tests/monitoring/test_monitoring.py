"""Alert rules and dashboard: they parse, ask for what there is, and are the ones in manifests/."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.monitoring.queries import kept, known, mistakes, names
from webhook.cli import cli
from webhook.metrics import TABLE
from webhook.monitoring.alerts import CONTROLLER, WEBHOOK, Alert
from webhook.monitoring.dashboard import dashboard

COMPONENTS = Path(__file__).parents[2] / "manifests" / "components"
ALERTS = (*WEBHOOK, *CONTROLLER)
PANELS: list[Any] = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


def rendered(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["render", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_asks_for_what_there_is(alert: Alert) -> None:
    assert list(mistakes(alert.expr)) == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_what_an_alert_says_names_labels_that_it_has(alert: Alert) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))

    assert named <= kept(alert.expr) - {"le"}
    assert re.fullmatch(r"Tenantgate[A-Z][A-Za-z]+", alert.name)
    assert alert.summary.endswith(".")
    assert alert.description.endswith(".")


def test_no_alert_has_the_name_of_another() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_a_panel_asks_for_what_there_is(title: str, query: str) -> None:
    assert list(mistakes(query)) == []


def test_every_metric_is_in_the_dashboard() -> None:
    shown = {name for _, query in QUERIES for name in names(query)}

    missing = [row.name for row in TABLE if not {row.name, f"{row.name}_bucket"} & shown]
    assert missing == []


def test_no_two_panels_are_in_one_place() -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in dashboard()["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


@pytest.mark.parametrize(
    ("command", "file"),
    [("alerts", "alerts/prometheus-rule.yaml"), ("dashboard", "dashboard/tenantgate.json")],
)
def test_the_files_are_what_is_rendered(command: str, file: str) -> None:
    path = COMPONENTS / file

    assert path.read_text() == rendered(command), (
        f"stale: tenantgate render {command} > {path.relative_to(COMPONENTS.parents[1])}"
    )


def test_the_rules_go_to_the_namespace_that_is_named() -> None:
    made = yaml.safe_load(rendered("alerts", "-n", "security"))

    assert (made["kind"], made["metadata"]["namespace"]) == ("PrometheusRule", "security")
    assert {rule["alert"] for group in made["spec"]["groups"] for rule in group["rules"]} == {
        alert.name for alert in ALERTS
    }


def test_the_dashboard_is_json() -> None:
    assert json.loads(rendered("dashboard")) == dashboard()


def test_what_is_not_there_is_found() -> None:
    """The test above would not be worth much if the reader of queries overlooked something."""
    assert list(mistakes("tenantgate_nothing > 0")) == ["tenantgate_nothing is no metric"]
    assert list(mistakes('sum(rate(tenantgate_shed_requests_total{kind="Pod"}[5m]))')) == [
        "tenantgate_shed_requests_total has no label kind"
    ]
    (found,) = mistakes("sum by (kind) (rate(tenantgate_shed_requests_total[5m]))")
    assert found.startswith("kind is no label of")
    assert "tenantgate_admission_duration_seconds_bucket" in known()
