"""The shipped policies hold OpenShift's values, and grant nothing beyond the two everyday SCCs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.core.samples import pod, request
from webhook.core.engine import decide
from webhook.core.model.pattern import within
from webhook.core.model.request import Facts, Namespace
from webhook.core.model.schema import METADATA, Object
from webhook.core.platform import Platform, PodSecurity
from webhook.core.policyset import PolicySet, parse_policies
from webhook.core.provisioning.wanted import wanted
from webhook.core.tenancy.document import SCHEMA
from webhook.store import load

ROOT = Path(__file__).parent.parent
POLICIES = ROOT / "policies"
EXAMPLE = POLICIES / "tenants" / "example.yaml"
ORIGINALS = ROOT.parent / "shared" / "data" / "openshift-sccs"

BASE = "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret"
FOUR = "KILL MKNOD SETUID SETGID"
HOST = {
    "dir": "allowHostDirVolumePlugin",
    "network": "allowHostNetwork",
    "ports": "allowHostPorts",
    "pid": "allowHostPID",
    "ipc": "allowHostIPC",
}
RESTRICTED = ("MustRunAsRange", "MustRunAs", "MustRunAs", "RunAsAny")
HOSTNETWORK = ("MustRunAsRange", "MustRunAs", "MustRunAs", "MustRunAs")
NONROOT = ("MustRunAsNonRoot", "MustRunAs", "RunAsAny", "RunAsAny")
ANYUID = ("RunAsAny", "MustRunAs", "RunAsAny", "RunAsAny")
ANYTHING = ("RunAsAny", "RunAsAny", "RunAsAny", "RunAsAny")
V2 = {"escalation": False, "caps": "NET_BIND_SERVICE", "drop": "ALL", "seccomp": "runtime/default"}

# strategies: user, SELinux, fsGroup, supplementalGroups; ids: the range that the first, the third
# and the fourth of them carry; what a row leaves out is false, null, or the base volumes.
TABLE: Mapping[str, Mapping[str, Any]] = {
    "anyuid": {
        "strategies": ANYUID,
        "drop": "MKNOD",
        "priority": 10,
        "groups": ["system:cluster-admins"],
    },
    "hostaccess": {
        "strategies": RESTRICTED,
        "drop": FOUR,
        "host": "dir network ports pid ipc",
        "volumes": f"{BASE} hostPath",
    },
    "hostmount-anyuid": {
        "strategies": ANYUID,
        "drop": "MKNOD",
        "host": "dir",
        "volumes": f"{BASE} hostPath nfs",
        "users": ["system:serviceaccount:openshift-infra:pv-recycler-controller"],
    },
    "hostmount-anyuid-v2": {
        "strategies": ANYTHING,
        "drop": "MKNOD",
        "host": "dir",
        "volumes": f"{BASE} hostPath nfs",
    },
    "hostnetwork": {"strategies": HOSTNETWORK, "drop": FOUR, "host": "network ports"},
    "hostnetwork-v2": {"strategies": HOSTNETWORK, "host": "network ports", **V2},
    "nested-container": {
        "strategies": HOSTNETWORK,
        "ids": (0, 65534),
        "type": "container_engine_t",
        "caps": "SETUID SETGID",
        "seccomp": "*",
        "level": "RequirePodLevel",
    },
    "nonroot": {"strategies": NONROOT, "drop": FOUR},
    "nonroot-v2": {"strategies": NONROOT, **V2},
    "privileged": {
        "strategies": ANYTHING,
        "privileged": True,
        "caps": "*",
        "seccomp": "*",
        "sysctls": "*",
        "host": "dir network ports pid ipc",
        "volumes": "*",
        "users": ["system:admin", "system:serviceaccount:openshift-infra:build-controller"],
        "groups": ["system:cluster-admins", "system:nodes", "system:masters"],
    },
    "restricted": {"strategies": RESTRICTED, "drop": FOUR},
    "restricted-v2": {"strategies": RESTRICTED, **V2},
    "restricted-v3": {
        "strategies": HOSTNETWORK,
        "ids": (1000, 65534),
        "level": "RequirePodLevel",
        **V2,
    },
}


def _words(row: Mapping[str, Any], key: str) -> list[str] | None:
    return row[key].split() if key in row else None


def _expected(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an SCC that a row of the table stands for."""
    user, se_linux, fs_group, groups = (dict[str, Any](type=kind) for kind in row["strategies"])
    if "ids" in row:
        low, high = row["ids"]
        user |= {"uidRangeMin": low, "uidRangeMax": high}
        fs_group["ranges"] = groups["ranges"] = [{"min": low, "max": high}]
    if "type" in row:
        se_linux["seLinuxOptions"] = {"type": row["type"]}
    hosts = row.get("host", "").split()
    return {
        "priority": row.get("priority"),
        "users": row.get("users", []),
        "groups": row.get("groups", []),
        "allowPrivilegedContainer": row.get("privileged", False),
        "allowPrivilegeEscalation": row.get("escalation", True),
        "defaultAddCapabilities": None,
        "allowedCapabilities": _words(row, "caps"),
        "requiredDropCapabilities": _words(row, "drop"),
        "seccompProfiles": _words(row, "seccomp"),
        "allowedUnsafeSysctls": _words(row, "sysctls"),
        "forbiddenSysctls": None,
        "allowedFlexVolumes": None,
        "defaultAllowPrivilegeEscalation": None,
        **{field: word in hosts for word, field in HOST.items()},
        "userNamespaceLevel": row.get("level"),
        "runAsUser": user,
        "seLinuxContext": se_linux,
        "fsGroup": fs_group,
        "supplementalGroups": groups,
        "readOnlyRootFilesystem": False,
        "volumes": sorted(row.get("volumes", BASE).split()),
    }


def _read(name: str) -> Any:
    return yaml.safe_load((POLICIES / "scc" / f"{name}.yaml").read_text())


def _fields(scc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an SCC's own fields: an absent one is null, absent users or groups are none."""
    known = dict.fromkeys(_expected(TABLE["restricted"])) | {"users": [], "groups": []}
    fields = {key: scc[key] for key in scc if key not in {"apiVersion", "kind", "metadata"}}
    return known | fields | {"volumes": sorted(fields["volumes"])}


def test_the_thirteen_are_shipped_one_file_each() -> None:
    assert sorted(path.stem for path in (POLICIES / "scc").iterdir()) == sorted(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_values_are_openshifts(name: str) -> None:
    assert _fields(_read(name)) == _expected(TABLE[name])


@pytest.mark.parametrize("name", TABLE)
def test_each_says_what_it_is_for(name: str) -> None:
    scc = _read(name)

    assert scc["apiVersion"] == "security.openshift.io/v1"
    assert scc["kind"] == "SecurityContextConstraints"
    assert scc["metadata"]["name"] == name
    assert list(scc["metadata"]["annotations"]) == ["kubernetes.io/description"]
    assert 1 <= scc["metadata"]["annotations"]["kubernetes.io/description"].count(".") <= 3


@pytest.mark.skipif(
    not ORIGINALS.is_dir(),
    reason=f"OpenShift's own files are not beside this repository ({ORIGINALS})",
)
@pytest.mark.parametrize("name", TABLE)
def test_values_equal_openshifts_own_file(name: str) -> None:
    original = yaml.safe_load((ORIGINALS / f"{name}.yaml").read_text())
    ours = _read(name)

    assert {**ours, "metadata": {"name": name}} == {**original, "metadata": {"name": name}}
    assert (
        ours["metadata"]["annotations"]["kubernetes.io/description"]
        != original["metadata"]["annotations"]["kubernetes.io/description"]
    )


def test_each_scc_has_a_role_and_two_are_granted_to_everybody() -> None:
    documents = list(yaml.safe_load_all((POLICIES / "rbac.yaml").read_text()))
    roles = {item["metadata"]["name"]: item for item in documents if item["kind"] == "ClusterRole"}
    bindings = [item for item in documents if item["kind"] != "ClusterRole"]

    assert {name: role["rules"] for name, role in roles.items()} == {
        f"system:openshift:scc:{scc}": [
            {
                "apiGroups": ["security.openshift.io"],
                "resources": ["securitycontextconstraints"],
                "resourceNames": [scc],
                "verbs": ["use"],
            }
        ]
        for scc in TABLE
    }
    assert [
        (
            item["kind"],
            item["metadata"]["name"],
            item["roleRef"]["kind"],
            item["roleRef"]["name"],
            [(subject["kind"], subject["name"]) for subject in item["subjects"]],
        )
        for item in bindings
    ] == [
        (
            "ClusterRoleBinding",
            f"system:openshift:scc:{scc}",
            "ClusterRole",
            f"system:openshift:scc:{scc}",
            [("Group", "system:authenticated")],
        )
        for scc in ("restricted-v2", "restricted-v3")
    ]


def test_the_set_loads_and_orders_as_openshift_does() -> None:
    paths = sorted(POLICIES.rglob("*.yaml"))
    policies = parse_policies({str(path.relative_to(ROOT)): path.read_text() for path in paths})

    assert [scc.name for scc in policies.sccs] == [
        "anyuid",
        "restricted-v2",
        "restricted-v3",
        "restricted",
        "nested-container",
        "nonroot-v2",
        "nonroot",
        "hostmount-anyuid",
        "hostmount-anyuid-v2",
        "hostnetwork-v2",
        "hostnetwork",
        "hostaccess",
        "privileged",
    ]
    assert policies.warnings == ()
    assert not policies.registry


def test_the_platform_file_spells_out_the_defaults() -> None:
    """A set without the file behaves as the file says, but requires no standard of anybody's pods."""
    written = parse_policies({"platform.yaml": (POLICIES / "platform.yaml").read_text()}).platform

    assert written.pod_security.require == "baseline"
    assert replace(written, pod_security=PodSecurity()) == PolicySet().platform
    assert replace(written.pod_security, require="privileged") == PodSecurity()


def _uncommented(path: Path) -> str:
    """Return what the command in the example's own first lines makes of it."""
    _, _, rest = path.read_text().partition("\n\n")
    return re.sub(r"^# ?", "", rest, flags=re.MULTILINE)


def test_the_example_of_a_tenant_loads_when_it_is_uncommented() -> None:
    text = _uncommented(EXAMPLE)
    shipped = {str(path): path.read_text() for path in sorted(POLICIES.rglob("*.yaml"))}

    policies = parse_policies({**shipped, "acme.yaml": text})

    assert list(policies.registry.tenants) == ["acme"]
    (told,) = policies.warnings
    assert "spec.cluster does not say podCIDRs, serviceCIDRs, nodeCIDRs" in told


def test_the_example_of_a_tenant_is_commented_out_whole_and_has_its_own_comments() -> None:
    lines = EXAMPLE.read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []
    assert sum(line.lstrip().startswith("#") for line in _uncommented(EXAMPLE).splitlines()) > 20


def test_the_example_of_a_tenant_shows_every_key_that_something_acts_on() -> None:
    shown = set(_keys(yaml.safe_load(_uncommented(EXAMPLE))))

    assert set(_known(SCHEMA)) - shown == set()


def _known(schema: Object, at: str = "") -> Iterator[str]:
    """Yield the paths of keys as deep as `spec.allow.hostnames`."""
    for key, below in schema.fields.items():
        path = f"{at}{key}"
        yield path
        if isinstance(below, Object) and below is not METADATA:
            yield from _known(below, f"{path}.") if path.count(".") < 2 else ()


def _keys(value: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for key, item in value.items():
        yield f"{at}{key}"
        if isinstance(item, dict):
            yield from _keys(item, f"{at}{key}.")


def test_a_container_that_names_nothing_gets_small_requests_and_in_a_tenants_namespace_limits() -> (
    None
):
    plain = Namespace("shop", {}, {"openshift.io/sa.scc.uid-range": "1/2"})
    owned = Namespace("shop", {"tenantgate.io/tenant": "acme"})

    small, limited = (_resources(where) for where in (plain, owned))

    assert small == {"requests": {"cpu": "25m", "memory": "64Mi"}}
    assert limited == {
        "requests": {"cpu": "25m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
        "limits": {"memory": "512Mi", "ephemeral-storage": "2Gi"},
    }


def test_every_tenants_namespace_is_given_what_keeps_it_apart() -> None:
    found = _received("")

    assert list(found) == [
        "ResourceQuota/platform-quota",
        "ResourceQuota/platform-no-foreign-affinity",
        "LimitRange/platform-limits",
        "NetworkPolicy/platform-default-deny",
        "NetworkPolicy/platform-allow-tenant",
        "NetworkPolicy/platform-allow-dns",
        "NetworkPolicy/platform-allow-ingress",
        "NetworkPolicy/platform-allow-internet",
        "ServiceAccount/default",
    ]
    hard = found["ResourceQuota/platform-quota"]["spec"]["hard"]
    assert hard["services.nodeports"] == "0"
    assert {"count/secrets", "count/configmaps", "count/ingresses.networking.k8s.io"} <= hard.keys()
    assert found["ResourceQuota/platform-no-foreign-affinity"]["spec"] == {
        "hard": {"pods": "0"},
        "scopes": ["CrossNamespacePodAffinity"],
    }
    assert found["NetworkPolicy/platform-default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    assert found["ServiceAccount/default"]["automountServiceAccountToken"] is False


def test_its_limits_lend_what_the_workload_defaults_lend() -> None:
    """Otherwise it would matter which of the two a pod meets first."""
    (limits, _) = _received("")["LimitRange/platform-limits"]["spec"]["limits"]
    owned = Namespace("shop", {"tenantgate.io/tenant": "acme"})

    lent = _resources(owned)

    assert lent == {"requests": limits["defaultRequest"], "limits": limits["default"]}


def test_no_pod_gets_out_to_what_the_platform_protects() -> None:
    """Nor to private networks, in which clusters usually are."""
    blocks = [
        peer["ipBlock"]
        for peer in _received("")["NetworkPolicy/platform-allow-internet"]["spec"]["egress"][0][
            "to"
        ]
    ]
    closed = [ip_network(text) for block in blocks for text in block["except"]]

    for protected in (*Platform().protected_networks, *map(ip_network, ("10.0.0.0/8", "fc00::/7"))):
        assert any(within(protected, each) for each in closed)


def test_a_tenant_changes_its_numbers_and_says_who_works_there() -> None:
    found = _received(
        "{parameters: {PODS: '7'}, roleBindings: [{clusterRole: 'tenantgate:edit', to: members}]}"
    )

    assert found["ResourceQuota/platform-quota"]["spec"]["hard"]["pods"] == "7"
    assert list(found)[-1] == "RoleBinding/platform-tenantgate:edit"


def test_namespaces_of_no_tenant_are_given_nothing() -> None:
    assert _received("", owner="") == {}


def _received(provision: str, owner: str = "acme") -> dict[str, Any]:
    """Return by kind and name what a namespace is to hold by the shipped set."""
    text = (
        "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\n"
        f"spec: {{owners: [{{kind: Group, name: leads}}], provision: {provision or '{}'}}}\n"
    )
    shipped = {str(path): path.read_text() for path in sorted(POLICIES.rglob("*.yaml"))}
    policies = parse_policies({**shipped, "acme.yaml": text})
    stamp = {"tenantgate.io/tenant": owner} if owner else {}
    where = Namespace("shop", stamp)
    found = wanted(where, policies.platform, policies.registry, policies.templates)
    assert found is not None
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in found.objects}


def _resources(namespace: Namespace) -> Any:
    """Return what the shipped defaults make of a container without resources."""
    defaults = replace(load(), sccs=())
    decision = decide(request(pod()), Facts(namespace=namespace), defaults)
    return decision.object["spec"]["containers"][0]["resources"]
