"""`tenantgate check` with WorkloadDefaults: bounds at the manifest's own fields, gaps filled before."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from webhook.cli import cli

DEFAULTS = """\
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec:
  match: {namespaceSelector: {matchLabels: {tier: web}}}
  containers: {default: {memory: 512Mi}, max: {memory: 1Gi}, min: {cpu: 10m}}
"""
WEB = """\
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {tier: web}}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web}
spec:
  template:
    spec:
      containers:
      - name: app
        image: app
        resources:
          limits: {memory: 2Gi, cpu: 100m}
      - name: quiet
        image: quiet
        resources:
          requests: {cpu: 5m}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(DEFAULTS)
    return tmp_path


def check(folder: Path, manifests: str, *options: str) -> Result:
    (folder / "m.yaml").write_text(manifests)
    return CliRunner().invoke(cli, ["check", "m.yaml", "-p", "p.yaml", *options])


def test_bounds_are_told_at_the_templates_own_lines(folder: Path) -> None:
    result = check(folder, f"{DEPLOYMENT}---\n{WEB}")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[:3] == [
        "m.yaml:1: Deployment web/web: refused",
        "m.yaml:11: WorkloadDefaults/standard: spec.template.spec.containers[0].resources.limits.memory "
        'is "2Gi"; allowed: at most 1Gi. Fix: set the limit for memory of container "app" to 1Gi or '
        "less.",
        "m.yaml:15: WorkloadDefaults/standard: spec.template.spec.containers[1].resources.requests.cpu "
        'is "5m"; allowed: at least 10m. Fix: set the request for cpu of container "quiet" to 10m or '
        "more.",
    ]


def test_the_finding_names_its_policy_and_container(folder: Path) -> None:
    result = check(folder, f"{DEPLOYMENT}---\n{WEB}", "-o", "json")

    found: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    assert [(f["policy"], f["rule"], f["container"]) for f in found] == [
        ("WorkloadDefaults", "standard", "app"),
        ("WorkloadDefaults", "standard", "quiet"),
    ]


def test_a_namespace_that_does_not_match_is_left_alone(folder: Path) -> None:
    assert check(folder, DEPLOYMENT + "---\n" + WEB.replace("tier: web", "tier: db")).exit_code == 0


def test_a_namespace_that_nobody_describes_has_no_labels_and_that_is_said(folder: Path) -> None:
    result = check(folder, DEPLOYMENT)

    assert result.exit_code == 0
    assert 'namespace "web" is not described: taken to have no labels of its own' in result.stdout


def test_gaps_are_filled_before_bounds_are_judged(folder: Path) -> None:
    pod = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: web}
spec: {containers: [{name: app, image: app, resources: {limits: {cpu: 10m}}}]}
"""
    assert check(folder, f"{pod}---\n{WEB}").exit_code == 0


def test_a_quantity_that_is_none_is_no_verdict(folder: Path) -> None:
    result = check(folder, DEPLOYMENT.replace("2Gi", "lots") + "---\n" + WEB)

    assert result.exit_code == 3
    assert 'resources.limits.memory is "lots"; allowed: a quantity such as 500m' in result.stdout


def test_it_says_what_is_filled_in_where_and_by_whom(folder: Path) -> None:
    quiet = DEPLOYMENT.replace("limits: {memory: 2Gi, cpu: 100m}", "requests: {cpu: 20m}")
    manifests = f"{quiet.replace('cpu: 5m', 'cpu: 20m')}---\n{WEB}"

    told = check(folder, manifests, "-v").stdout
    value = json.loads(check(folder, manifests, "-o", "json").stdout)

    at = "spec.template.spec.containers"
    assert told.splitlines()[1:5] == [
        f'    filled in by standard: {at}[0].resources.limits is {{memory: "512Mi"}}',
        f'    filled in by standard: {at}[0].resources.requests is {{memory: "512Mi"}}',
        f'    filled in by standard: {at}[1].resources.limits is {{memory: "512Mi"}}',
        f'    filled in by standard: {at}[1].resources.requests is {{memory: "512Mi"}}',
    ]
    assert "filled in" not in check(folder, manifests).stdout
    assert value["objects"][0]["filled"][0] == {
        "policy": "standard",
        "path": "/spec/template/spec/containers/0/resources/limits/memory",
        "value": "512Mi",
    }
