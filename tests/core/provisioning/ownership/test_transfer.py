"""What stands in the way of a transfer, and which pods start anew after it."""

from typing import Any

import pytest

from tests.core.tenancy.table import NAMESPACES, TENANTS, Cluster, laid_over, platform, tenant
from webhook.core.model.world import Namespace
from webhook.core.provisioning.ownership.transfer import (
    Contents,
    Transfer,
    is_settled,
    plan,
    remains,
)
from webhook.core.provisioning.wanted import Wanted
from webhook.core.tenancy.registry import Registry

ACCEPT = "tenantgate.io/accept-rolebindings"
RBAC = "rbac.authorization.k8s.io/v1"


def named(apiVersion: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "acme-web", **fields.pop("metadata", {})}
    return {"apiVersion": apiVersion, "kind": kind, "metadata": metadata, **fields}


def ingress(host: str, **metadata: Any) -> dict[str, Any]:
    spec = {"rules": [{"host": host}], "tls": [{"hosts": [host]}]}
    return named("networking.k8s.io/v1", "Ingress", "web", spec=spec, metadata=metadata)


def route(*hosts: str) -> dict[str, Any]:
    parents = [{"name": "shared", "namespace": "ingress-nginx"}]
    spec = {"hostnames": list(hosts), "parentRefs": parents}
    return named("gateway.networking.k8s.io/v1", "HTTPRoute", "web", spec=spec)


def role_binding(kind: str, subject: str, home: str = "", **metadata: Any) -> dict[str, Any]:
    who = {"kind": kind, "name": subject, **({"namespace": home} if home else {})}
    ref = {"apiGroup": RBAC, "kind": "Role", "name": "x"}
    given = {"name": "crew", **metadata}
    return named(RBAC, "RoleBinding", given["name"], roleRef=ref, subjects=[who], metadata=given)


def transfer(
    contents: Contents | None = None,
    annotations: dict[str, str] | None = None,
    world: tuple[dict[str, Any], ...] = (),
    platform_spec: dict[str, Any] | None = None,
    **globex: Any,
) -> Transfer | None:
    """Plan the transfer of acme-web to globex, whose spec has more laid over."""
    specs = laid_over(TENANTS, {"globex": {"namespaces": {"names": ["acme-web"]}}})
    specs = laid_over(specs, {"globex": globex})
    return plan(
        Namespace("acme-web", {"tenantgate.io/tenant": "acme"}, annotations or {}),
        contents or Contents(),
        Cluster([*NAMESPACES, *world]),
        platform(platform_spec),
        Registry.of(tenant(name, spec) for name, spec in specs.items()),
        (),
    )


def obstacles(*args: Any, **kwargs: Any) -> list[str]:
    found = transfer(*args, **kwargs)
    assert found is not None
    return list(found.obstacles)


def test_an_empty_namespace_goes() -> None:
    assert transfer() == Transfer("acme-web", "acme", "globex")


def test_nothing_is_planned_for_whom_no_other_file_names() -> None:
    specs = Registry.of(tenant(name, spec) for name, spec in TENANTS.items())
    here = Namespace("acme-web", {"tenantgate.io/tenant": "acme"})

    assert plan(here, Contents(), Cluster(NAMESPACES), platform(), specs, ()) is None


def test_the_swap_is_one_patch_of_one_version() -> None:
    found = transfer()
    assert found is not None

    assert found.swap("7") == {
        "metadata": {
            "resourceVersion": "7",
            "labels": {"tenantgate.io/tenant": "globex"},
            "annotations": {
                "tenantgate.io/transferring": "acme",
                "tenantgate.io/provisioned": None,
            },
        }
    }


@pytest.mark.parametrize(("quota", "blocked"), [(0, True), (1, True), (2, False)])
def test_the_receiver_has_room_for_one_more(quota: int, blocked: bool) -> None:
    found = obstacles(namespaces={"quota": quota})

    assert bool(found) is blocked
    assert not found or f"uses 1 of {quota} namespaces; raise its namespaces.quota to 2" in found[0]


@pytest.mark.parametrize(
    ("value", "globex", "words"),
    [
        pytest.param(ingress("shop.com"), {}, [], id="a host of nobody"),
        pytest.param(
            ingress("shop.com"), {"allow": {"hostnames": ["shop.com"]}}, [], id="one of its own"
        ),
        pytest.param(
            ingress("shop.com"),
            {"allow": {"hostnames": ["globex.com"]}},
            ["Ingress web", "Host shop.com is not granted to globex", "spec.rules[0].host"],
            id="a host that is not granted",
        ),
        pytest.param(
            ingress("console.example.com"), {}, ["reserved by the platform"], id="the platform's"
        ),
        pytest.param(
            ingress("*.shop.com"), {}, ["Wildcard hosts are not available"], id="a wildcard"
        ),
        pytest.param(
            ingress("console.example.com", labels={"tenantgate.io/managed": "true"}),
            {},
            [],
            id="what the platform keeps there goes by itself",
        ),
        pytest.param(
            route("shop.com"),
            {"allow": {"hostnames": ["globex.com"]}},
            ["HTTPRoute web", "Host shop.com is not granted to globex", "spec.hostnames[0]"],
            id="a route's host",
        ),
        pytest.param(route("shop.com"), {}, [], id="a route's gateway is not looked at"),
    ],
)
def test_hosts_have_to_be_the_receivers(value, globex, words):
    found = obstacles(Contents(hosts=[value]), **globex)

    assert len(found) == bool(words)
    assert all(word in found[0] for word in words)


def test_a_host_that_stays_in_use_at_the_giver_holds_it_up() -> None:
    other = ingress("shop.com", name="other", namespace="acme-ci")

    assert (
        "is in use by somebody else"
        in obstacles(Contents(hosts=[ingress("shop.com")]), world=(other, ingress("shop.com")))[0]
    )
    assert not obstacles(Contents(hosts=[ingress("shop.com")]), world=(ingress("shop.com"),))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(role_binding("Group", "acme-leads"), "Group acme-leads", id="the old owners"),
        pytest.param(role_binding("Group", "acme-devs"), "Group acme-devs", id="the old members"),
        pytest.param(
            role_binding("ServiceAccount", "deployer", "acme-ci"),
            "Service account acme-ci/deployer",
            id="an account of another of its namespaces",
        ),
        pytest.param(role_binding("User", "eve"), "User eve", id="whoever else was granted"),
        pytest.param(role_binding("Group", "globex-devs"), "", id="the new members"),
        pytest.param(role_binding("ServiceAccount", "web", "acme-web"), "", id="its own account"),
        pytest.param(
            role_binding("Group", "acme-devs", labels={"tenantgate.io/managed": "true"}),
            "",
            id="the platform's own binding",
        ),
    ],
)
def test_bindings_of_others_hold_it_up(value, why):
    found = obstacles(Contents(bindings=[value]))

    assert bool(found) is bool(why)
    if why:
        assert found[0].endswith(f"kubectl annotate --overwrite namespace acme-web {ACCEPT}=crew")
        assert found[1] == f"RoleBinding crew: {why} can't be bound in acme-web"


@pytest.mark.parametrize(
    "value",
    [
        role_binding("ServiceAccount", "web", "acme-web", namespace="acme-ci"),
        role_binding("Group", "system:serviceaccounts:acme-web", namespace="acme-ci"),
        role_binding("User", "system:serviceaccount:acme-web:web", namespace="acme-ci"),
    ],
)
def test_ways_back_into_the_givers_other_namespaces_hold_it_up(value):
    found = obstacles(Contents(outside=[value]))

    assert found[0].endswith(f"{ACCEPT}=acme-ci/crew")
    assert found[1].startswith("RoleBinding acme-ci/crew: ")
    assert found[1].endswith("can enter acme's acme-ci")


def test_bindings_can_be_accepted_by_name() -> None:
    contents = Contents(
        bindings=[role_binding("User", "eve"), role_binding("User", "mallory", name="more")],
        outside=[role_binding("ServiceAccount", "web", "acme-web", namespace="acme-ci")],
    )

    assert not obstacles(contents, {ACCEPT: "crew, more,acme-ci/crew"})
    left = obstacles(contents, {ACCEPT: "crew,old"})
    assert left[0].startswith("2 RoleBindings")
    assert left[0].endswith(f"{ACCEPT}=crew,more,acme-ci/crew")
    assert [text.split(":")[0] for text in left[1:]] == [
        "RoleBinding more",
        "RoleBinding acme-ci/crew",
    ]


OBJECTS = {"tenantgate.io/objects": '{"rbac.authorization.k8s.io/v1/RoleBinding": ["platform-x"]}'}


def test_what_nothing_would_replace_holds_it_up() -> None:
    shorthand = {"provision": {"networkPolicy": "default-deny"}}

    (text,) = obstacles(annotations=OBJECTS)
    assert text.startswith("no template serves tenant globex, so 1 provisioned objects of acme")
    assert not obstacles(annotations=OBJECTS, **shorthand)


@pytest.mark.parametrize(
    ("annotations", "settled"),
    [
        ({**OBJECTS, "tenantgate.io/provisioned": "h"}, True),
        ({**OBJECTS, "tenantgate.io/provisioned": "old"}, False),
        (OBJECTS, False),
        ({"tenantgate.io/provisioned": "h"}, False),
        (
            {
                "tenantgate.io/objects": '{"rbac.authorization.k8s.io/v1/RoleBinding": '
                '["platform-x"], "v1/Secret": ["theirs"]}',
                "tenantgate.io/provisioned": "h",
            },
            False,
        ),
    ],
)
def test_a_namespace_is_settled_once_it_holds_what_is_wanted_and_no_more(annotations, settled):
    content = Wanted(objects=(role_binding("User", "x", name="platform-x"),), hash="h")

    assert is_settled(Namespace("acme-web", {}, annotations), content) is settled


def test_every_obstacle_is_told_at_once() -> None:
    contents = Contents([ingress("console.example.com")], [role_binding("User", "eve")])

    assert len(obstacles(contents, namespaces={"quota": 1})) == 4


def test_what_came_in_the_last_moment_is_found_afterwards() -> None:
    tenants = Registry.of(tenant(name, spec) for name, spec in TENANTS.items())
    late = Contents(
        [ingress("console.example.com")],
        [role_binding("Group", "acme-leads"), role_binding("Group", "globex-leads", name="own")],
        [role_binding("Group", "system:serviceaccounts:acme-web", namespace="acme-ci")],
    )
    stamped = {"tenantgate.io/tenant": "globex"}
    marks = {"tenantgate.io/transferring": "acme", ACCEPT: "acme-ci/crew"}

    found = remains(
        Namespace("acme-web", stamped, marks), late, Cluster(NAMESPACES), platform(), tenants
    )

    assert [text.partition(":")[0] for text in found[1:]] == ["RoleBinding crew", "Ingress web"]


def test_observing_only_does_not_let_a_transfer_through() -> None:
    contents = Contents([ingress("console.example.com")])

    assert obstacles(contents, platform_spec={"enforcement": "audit"})
    assert not obstacles(contents, platform_spec={"rules": {"T-ING-2": "off"}})
