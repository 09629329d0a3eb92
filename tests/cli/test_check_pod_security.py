"""`tenantgate check` says what the cluster's own Pod Security admission will say."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from webhook.cli import cli
from webhook.store import SHIPPED

Check = Callable[..., Result]

PROBE = {"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}


def namespace(**labels: str) -> dict[str, Any]:
    own = {
        f"pod-security.kubernetes.io/{key.replace('_', '-')}": text for key, text in labels.items()
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": own}}


def pod(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": "app:1", **container}], **spec},
    }


def deployment(container: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod(container)["spec"]},
        },
    }


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a manifest in a described namespace, by the shipped policies."""

    def check_(
        manifest: dict[str, Any],
        around: dict[str, Any] | None = None,
        *args: str,
        platform: dict[str, Any] | None = None,
    ) -> Result:
        (tmp_path / "m.json").write_text(json.dumps(manifest))
        (tmp_path / "around.json").write_text(json.dumps(around or namespace()))
        (tmp_path / "platform.json").write_text(
            json.dumps(
                {
                    "apiVersion": "tenantgate.io/v1",
                    "kind": "Platform",
                    "metadata": {"name": "platform"},
                    "spec": {"podSecurity": platform or {}},
                }
            )
        )
        policies = [
            f"--policy={path}"
            for path in (tmp_path / "platform.json", SHIPPED / "scc", SHIPPED / "rbac.yaml")
        ]
        context = f"--context={tmp_path / 'around.json'}"
        return CliRunner().invoke(
            cli, ["check", str(tmp_path / "m.json"), context, *policies, *args]
        )

    return check_


def told(result: Result) -> list[tuple[str, str, str]]:
    return [
        (found["rule"], found["action"], found["path"])
        for found in json.loads(result.stdout)["findings"]
        if found["policy"] == "PodSecurity"
    ]


HOST = "/spec/containers/0/livenessProbe/httpGet/host"
RULE = "hostProbesAndHostLifecycle"


def test_a_pod_is_refused_by_what_its_namespace_enforces(check: Check) -> None:
    found = check(pod(PROBE), namespace(enforce="baseline"), "-q")

    assert found.exit_code == 1
    lines = found.stdout.splitlines()
    assert lines[0].endswith("m.json:1: Pod shop/web: refused")
    assert lines[1].endswith(
        "PodSecurity/hostProbesAndHostLifecycle: spec.containers[0].livenessProbe.httpGet.host is "
        '"10.0.0.1"; allowed: not set, which means the pod itself. Fix: remove host.'
    )
    assert lines[2] == (
        '    violates PodSecurity "baseline:latest": probe or lifecycle host '
        '(container "app" uses probe or lifecycle host "10.0.0.1")'
    )


def test_a_pod_is_judged_as_its_scc_fills_it_in(check: Check) -> None:
    assert check(pod({}), namespace(enforce="restricted")).exit_code == 0


def test_a_namespace_without_labels_asks_for_nothing(check: Check) -> None:
    assert check(pod(PROBE)).exit_code == 0


def test_versions_count(check: Check) -> None:
    assert check(pod(PROBE), namespace(enforce="baseline", enforce_version="v1.33")).exit_code == 0


def test_warnings_are_no_refusals(check: Check) -> None:
    found = check(pod(PROBE), namespace(warn="baseline"), "-q")

    assert found.exit_code == 0
    assert "Pod shop/web: admitted with warnings" in found.stdout
    assert '    would violate PodSecurity "baseline:latest": probe' in found.stdout
    assert check(pod(PROBE), namespace(warn="baseline"), "--fail-on=warn").exit_code == 1


def test_what_is_audited_is_noted_and_leaves_the_verdict_alone(check: Check) -> None:
    found = check(pod(PROBE), namespace(audit="baseline"), "-ojson", "--fail-on=warn")

    assert found.exit_code == 0
    assert told(found) == [(RULE, "audit", HOST)]


def test_what_is_refused_is_not_warned_of_or_noted_as_well(check: Check) -> None:
    around = namespace(enforce="baseline", warn="restricted", audit="baseline")

    assert told(check(pod(PROBE), around, "-ojson")) == [(RULE, "deny", HOST)]


def test_of_a_pod_that_no_scc_admits_only_what_is_written_in_it_is_told(check: Check) -> None:
    found = check(pod(PROBE, hostPID=True), namespace(enforce="restricted"), "-ojson")

    assert [rule for rule, _, _ in told(found)] == ["hostNamespaces", RULE]


def test_a_workload_is_warned_of_as_it_is_written_and_its_pods_are_refused(check: Check) -> None:
    found = check(deployment(PROBE), namespace(enforce="baseline"), "-ojson")

    assert found.exit_code == 1
    assert told(found) == [(RULE, "deny", f"/spec/template{HOST}")]


def test_a_workload_whose_pods_will_be_filled_in_is_warned_of_all_the_same(check: Check) -> None:
    found = check(deployment({}), namespace(enforce="restricted"), "-ojson")

    assert found.exit_code == 0
    assert {action for _, action, _ in told(found)} == {"warn"}
    assert [rule for rule, _, _ in told(found)] == [
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "runAsNonRoot",
        "seccompProfile_restricted",
    ]


@pytest.mark.parametrize(
    ("exemptions", "asks"),
    [
        ({"namespaces": ["shop"]}, ()),
        ({"usernames": ["alice"]}, ("--as", "alice")),
        ({"runtimeClasses": ["gvisor"]}, ()),
    ],
)
def test_whom_the_plugin_lets_off(check: Check, exemptions: Any, asks: tuple[str, ...]) -> None:
    sent = pod(PROBE, runtimeClassName="gvisor")
    around = namespace(enforce="baseline")

    assert check(sent, around, *asks).exit_code == 1
    assert check(sent, around, *asks, platform={"exemptions": exemptions}).exit_code == 0


def test_the_clusters_defaults_count_where_there_is_no_label(check: Check) -> None:
    platform = {"defaults": {"enforce": "baseline"}}

    assert check(pod(PROBE), platform=platform).exit_code == 1
    assert check(pod(PROBE), namespace(enforce="privileged"), platform=platform).exit_code == 0


def test_a_namespace_with_a_label_that_says_nothing_valid_is_refused(check: Check) -> None:
    found = check(namespace(enforce="strict", warn_version="1.30"), None, "-ojson")

    assert found.exit_code == 1
    assert told(found) == [
        ("labels", "deny", "/metadata/labels/pod-security.kubernetes.io~1enforce"),
        ("labels", "deny", "/metadata/labels/pod-security.kubernetes.io~1warn-version"),
    ]
    assert check(namespace(enforce="baseline")).exit_code == 0


def test_a_label_that_cannot_be_understood_enforces_the_strictest_level(check: Check) -> None:
    found = check(pod(PROBE), namespace(enforce="strict"), "-q")

    assert found.exit_code == 1
    assert 'violates PodSecurity "restricted:latest"' in found.stdout


def test_a_pod_for_windows_is_judged_although_no_scc_judges_it(check: Check) -> None:
    windows = {"securityContext": {"windowsOptions": {"hostProcess": True}}}

    found = check(pod(windows, os={"name": "windows"}), namespace(enforce="baseline"), "-ojson")

    assert [rule for rule, _, _ in told(found)] == ["windowsHostProcess"]


def test_the_standards_are_not_read_where_nothing_asks_for_them(tmp_path: Path) -> None:
    manifest = tmp_path / "m.json"
    manifest.write_text(json.dumps(pod(PROBE)))
    code = (
        "import sys\n"
        "from webhook.cli import cli\n"
        f"cli(['check', '-q', {str(manifest)!r}], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith('webhook.core.pss')])\n"
    )

    run = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"
