"""`tenantgate check` for people of a tenant: their manifests against their tenant's policies, offline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from webhook.cli import cli

POLICIES = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
  members: [{kind: User, name: alice}, {kind: Group, name: acme-devs}]
  namespaces: {prefix: acme-}
---
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: globex}
spec:
  owners: [{kind: Group, name: globex-leads}]
  namespaces: {prefix: globex-, names: [legacy]}
"""
CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tenantgate.io/tenant: acme}}
---
apiVersion: v1
kind: Namespace
metadata: {name: depot, labels: {tenantgate.io/tenant: globex}}
"""

Check = Callable[..., Result]


def config_map(namespace: str) -> str:
    place = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings{place}}}\n"


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a manifest by the policies above, in the cluster above."""

    def check_(manifest: str, *args: str) -> Result:
        files = {"policies": POLICIES, "cluster": CLUSTER, "m": manifest}
        paths = {name: tmp_path / f"{name}.yaml" for name in files}
        for name, path in paths.items():
            path.write_text(files[name])
        given = [str(paths["m"]), f"--policy={paths['policies']}", f"--context={paths['cluster']}"]
        return CliRunner().invoke(cli, ["check", *given, *args])

    return check_


@pytest.mark.parametrize("namespace", ["depot", "globex-app", "legacy", "kube-system", "sandbox"])
def test_a_manifest_for_another_namespace_is_refused(check: Check, namespace: str) -> None:
    """Another tenant's by its stamp, its prefix or its list; the platform's; nobody's."""
    result = check(config_map(namespace), "--as=alice")

    assert result.exit_code == 1
    (line,) = [text for text in result.stdout.splitlines() if "[T-BND-1]" in text]
    assert f'Namespace "{namespace}" does not belong to your tenant acme' in line
    assert "allowed: shop" in line
    assert ":3: " in line


@pytest.mark.parametrize("namespace", ["shop", "acme-new", ""])
def test_one_for_her_own_passes(check: Check, namespace: str) -> None:
    """By its stamp, or by the prefix that its tenant's have; without one, it goes to hers."""
    result = check(config_map(namespace), "--as=alice")

    assert result.exit_code == 0, result.stdout


def test_the_namespace_to_go_to_may_be_named_apart(check: Check) -> None:
    assert check(config_map(""), "--as=alice", "-n", "shop").exit_code == 0
    assert check(config_map(""), "--as=alice", "-n", "depot").exit_code == 1


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (["--as=zoe", "--as-group=acme-devs"], 1),
        (["--as=zoe", "--as-group=globex-leads"], 0),
        (["--as=zoe", "--as-group=system:masters"], 0),
        (["--as=zoe"], 0),
        (["--as=system:serviceaccount:shop:default"], 1),
        (["--as=system:serviceaccount:depot:default"], 0),
        (["--as=system:serviceaccount:acme-ci:default"], 1),
        ([], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_who_sends_it_counts(check: Check, who: list[str], code: int) -> None:
    """By user, by group, and for a service account by the namespace that it lives in."""
    assert check(config_map("depot"), *who).exit_code == code


def test_what_was_taken_for_granted_is_said(check: Check) -> None:
    result = check(config_map("globex-app"), "--as=alice")

    assert 'namespace "globex-app" is taken to belong to tenant globex' in result.stdout


def test_all_that_is_wrong_is_told_at_once(check: Check) -> None:
    """Tenancy's findings and those of SCCs' alike, each where it stands."""
    manifest = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  ports: [{port: 80}]
  externalIPs: [203.0.113.7]
"""
    result = check(manifest, "--as=alice", "--output=json")

    report: Any = json.loads(result.stdout)
    assert result.exit_code == 1
    assert {(each["rule"], each["line"]) for each in report["findings"]} == {
        ("T-SVC-1", 5),
        ("T-SVC-2", 7),
    }
    assert {each["policy"] for each in report["findings"]} == {"tenancy"}


def test_a_new_namespace_is_judged_like_any_other_object(check: Check) -> None:
    def made(name: str) -> str:
        return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"

    owner = ["--as=olga", "--as-group=acme-leads"]
    assert check(made("acme-web"), *owner).exit_code == 0
    assert "[T-NS-2]" in check(made("web"), *owner).stdout
    assert "[T-NS-2]" in check(made("globex-web"), *owner).stdout
    assert "[T-NS-1]" in check(made("acme-web"), "--as=alice").stdout


def test_cluster_wide_objects_are_not_for_tenants(check: Check) -> None:
    manifest = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: mine}\nprovisioner: x\n"

    assert "[T-BND-2]" in check(manifest, "--as=alice").stdout
    assert check(manifest, "--as=otto").exit_code == 0
