"""What the shipped template puts into a namespace, and the roles of tenants, on a real API server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.cluster.cluster import ADMIN, Cluster
from webhook.cli import cli
from webhook.store import SHIPPED

ROLES = Path(__file__).parent.parent.parent / "manifests" / "base" / "tenant-roles.yaml"
OLGA, LEADS = "olga", ("acme-leads",)
DORA, DEVS = "dora", ("acme-devs",)
TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
  members: [{kind: Group, name: acme-devs}, {kind: ServiceAccount, namespace: ci, name: bot}]
  provision:
    parameters: {PODS: 0.1k}
    limitRange: {default: {memory: 1024Mi}, defaultRequest: {cpu: 0.1}, max: {memory: 8Gi}}
    networkPolicy: default-deny
    roleBindings:
      - {clusterRole: "tenantgate:admin", to: owners}
      - {clusterRole: "tenantgate:edit", to: members}
"""


def rendered(name: str, folder: Path) -> list[Any]:
    """Return what `render namespace` prints for a namespace of acme with the shipped policies."""
    tenant = folder / "acme.yaml"
    tenant.write_text(TENANT)
    command = ["render", "namespace", name, "--tenant", "acme", "-o", "json"]
    result = CliRunner().invoke(cli, [*command, "-p", str(SHIPPED), "-p", str(tenant)])
    assert result.exit_code == 0, result.output
    items: list[Any] = json.loads(result.stdout)["items"]
    return items


def applied(cluster: Cluster, items: list[Any]) -> list[Any]:
    """Apply objects as the controller does, and return them as they are stored."""
    text = "---\n".join(yaml.safe_dump(item) for item in items)
    options = ("--server-side", "--force-conflicts", "--field-manager=tenantgate", "-o", "json")
    done = cluster.kubectl("apply", "-f", "-", *options, user=ADMIN, stdin=text)
    assert done.returncode == 0, done.stderr
    stored: list[Any] = json.loads(done.stdout)["items"]
    return stored


@pytest.fixture(scope="module")
def shop(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace of acme, with all that it is to hold and the roles that it binds."""
    name = cluster.namespace("acme")
    cluster.create(*yaml.safe_load_all(ROLES.read_text()))
    applied(cluster, rendered(name, tmp_path_factory.mktemp("policies")))
    yield name
    for role in yaml.safe_load_all(ROLES.read_text()):
        cluster.kubectl("delete", "clusterrole", role["metadata"]["name"], user=ADMIN)


def test_what_is_stored_is_what_was_wanted_to_the_letter(
    cluster: Cluster, shop: str, tmp_path: Path
) -> None:
    """Or else every comparison would find a difference, and every repair would be in vain."""
    wanted = rendered(shop, tmp_path)

    stored = applied(cluster, wanted)

    assert [differences(want, live) for want, live in zip(wanted, stored, strict=True)] == [
        [] for _ in wanted
    ]


def test_to_apply_it_again_changes_nothing(cluster: Cluster, shop: str, tmp_path: Path) -> None:
    items = rendered(shop, tmp_path)

    first, second = applied(cluster, items), applied(cluster, items)

    assert [versions(item) for item in first] == [versions(item) for item in second]


def versions(item: Any) -> tuple[str, str]:
    return item["metadata"]["name"], item["metadata"]["resourceVersion"]


def differences(want: Any, live: Any, at: str = "") -> list[str]:
    """Return where what is stored lacks or changes what was wanted; more may be there."""
    if isinstance(want, dict) and isinstance(live, dict):
        return [
            text
            for key, item in want.items()
            for text in differences(item, live.get(key), f"{at}.{key}")
        ]
    if isinstance(want, list) and isinstance(live, list) and len(want) == len(live):
        pairs = enumerate(zip(want, live, strict=True))
        return [text for i, (a, b) in pairs for text in differences(a, b, f"{at}[{i}]")]
    return [] if want == live else [f"{at}: {want!r} became {live!r}"]


@pytest.mark.parametrize(
    ("verb", "resource", "owner", "member"),
    [
        ("create", "deployments.apps", True, True),
        ("create", "networkpolicies", True, True),
        ("get", "secrets", True, True),
        ("create", "pods/exec", True, True),
        ("update", "pods/ephemeralcontainers", True, True),
        ("create", "serviceaccounts/token", True, True),
        ("create", "httproutes.gateway.networking.k8s.io", True, True),
        ("list", "resourcequotas", True, True),
        ("get", "endpointslices", True, True),
        ("get", "namespaces", True, True),
        ("create", "rolebindings", True, False),
        ("delete", "namespaces", False, False),
        ("update", "namespaces", False, False),
        ("update", "resourcequotas", False, False),
        ("delete", "limitranges", False, False),
        ("update", "endpoints", False, False),
        ("create", "endpointslices", False, False),
        ("create", "pods/binding", False, False),
        ("get", "pods/proxy", False, False),
        ("create", "services/proxy", False, False),
        ("impersonate", "serviceaccounts", False, False),
        ("escalate", "roles", False, False),
        ("bind", "roles", False, False),
        ("get", "nodes", False, False),
        ("create", "persistentvolumes", False, False),
        ("update", "namespaces/finalize", False, False),
        ("create", "widgets.example.com", False, False),
    ],
)
def test_what_owners_and_members_may_do_in_their_namespace(
    cluster: Cluster, shop: str, verb: str, resource: str, owner: bool, member: bool
) -> None:
    assert may(cluster, OLGA, LEADS, verb, resource, shop) is owner
    assert may(cluster, DORA, DEVS, verb, resource, shop) is member


def test_what_they_may_do_elsewhere(cluster: Cluster, shop: str) -> None:
    other = cluster.namespace("other")

    assert not may(cluster, OLGA, LEADS, "delete", f"namespaces/{other}", other)
    assert not may(cluster, OLGA, LEADS, "get", "configmaps", other)
    assert not may(cluster, OLGA, LEADS, "list", "namespaces", "")
    assert not may(cluster, OLGA, LEADS, "create", "namespaces", "")


def may(
    cluster: Cluster, user: str, groups: tuple[str, ...], verb: str, resource: str, namespace: str
) -> bool:
    """Return what the API server's authorizer says; it also says so of kinds that it does not serve."""
    kind, _, name = (
        resource.partition("/") if resource.startswith("namespaces/") else (resource, "", "")
    )
    plain, _, subresource = kind.partition("/")
    plain, _, group = plain.partition(".")
    if name in ("finalize", "status"):
        subresource, name = name, ""
    known = {"networkpolicies": "networking.k8s.io", "endpointslices": "discovery.k8s.io"}
    known |= dict.fromkeys(("roles", "rolebindings"), "rbac.authorization.k8s.io")
    attributes = {
        "namespace": namespace,
        "verb": verb,
        "group": group or known.get(plain, ""),
        "resource": plain,
        "subresource": subresource,
        "name": name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "groups": [*groups, "system:authenticated"],
            "resourceAttributes": attributes,
        },
    }
    done = cluster.kubectl("create", "-f", "-", "-o", "json", user=ADMIN, stdin=review)
    assert done.returncode == 0, done.stderr
    return bool(json.loads(done.stdout)["status"]["allowed"])


@pytest.mark.parametrize(
    ("role", "passes"),
    [
        ("tenantgate:edit", True),
        ("system:aggregate-to-view", True),  # the rules of `view`, which nobody puts together here
        ("system:aggregate-to-edit", False),
        ("cluster-admin", False),
    ],
)
def test_an_owner_passes_on_what_it_has_and_no_more(
    cluster: Cluster, shop: str, role: str, passes: bool
) -> None:
    command = ("create", "rolebinding", f"guest-{role.replace(':', '-')}", f"--clusterrole={role}")

    done = cluster.kubectl(*command, "--user=guest", "-n", shop, user=OLGA, groups=LEADS)

    assert (done.returncode == 0) is passes, done.stderr
    assert passes or "attempting to grant RBAC permissions not currently held" in done.stderr
