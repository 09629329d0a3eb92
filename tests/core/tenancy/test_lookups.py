"""What a decision reads was named before: nothing can be looked up while it is made."""

from typing import Any

import pytest

from tests.core.tenancy.table import NAMESPACES, PEOPLE, TENANTS, platform, tenant
from webhook.cluster.world import OfflineWorld
from webhook.core.engine import decide, lookups
from webhook.core.model.objects import JsonObject
from webhook.core.model.request import Facts, Operation, Request, User
from webhook.core.model.world import Ref
from webhook.core.policyset import PolicySet
from webhook.core.tenancy.registry import Registry

POLICIES = PolicySet(
    platform=platform({}),
    registry=Registry.of(tenant(name, spec) for name, spec in TENANTS.items()),
)
REQUESTERS = {
    **{name: User(name, groups) for name, groups in PEOPLE.items()},
    "otto": User("otto", ("system:authenticated",)),
    "autoscaler": User.service_account("kube-system", "cluster-autoscaler"),
    "node": User("system:node:node-1", ("system:nodes",)),
    "scheduler": User("system:kube-scheduler"),
    "operator": User.service_account("acme-web", "default"),
}
AIMED: dict[str, tuple[Operation, str, str, str]] = {
    "exec": ("CONNECT", "", "pods", "exec"),
    "proxy to a service": ("CONNECT", "", "services", "proxy"),
    "proxy to a node": ("CONNECT", "", "nodes", "proxy"),
    "evict": ("CREATE", "", "pods", "eviction"),
    "bind": ("CREATE", "", "pods", "binding"),
    "mint a token": ("CREATE", "", "serviceaccounts", "token"),
    "scale": ("UPDATE", "apps", "deployments", "scale"),
    "scale another kind": ("UPDATE", "example.com", "things", "scale"),
    "approve": ("UPDATE", "certificates.k8s.io", "certificatesigningrequests", "approval"),
}
CLUSTER_WIDE = ("nodes", "certificatesigningrequests")


class Strict(OfflineWorld):
    """A cluster in which only what was named is known."""

    def __init__(self, named: frozenset[Ref]) -> None:
        super().__init__(NAMESPACES)
        self._named = named

    def get(self, ref: Ref) -> JsonObject | None:
        assert ref in self._named, f"{ref} was not named"
        return super().get(ref)


def request(who: str, what: str, namespace: str) -> Request:
    operation, group, resource, subresource = AIMED[what]
    body: Any = {"metadata": {"name": "web"}}
    return Request(
        operation=operation,
        group=group,
        resource=resource,
        subresource=subresource,
        kind="Any",
        namespace="" if resource in CLUSTER_WIDE else namespace,
        name="web",
        user=REQUESTERS[who],
        phase="validate",
        load=lambda: None if operation == "CONNECT" else body,
        load_old=lambda: body if operation == "UPDATE" else None,
    )


@pytest.mark.parametrize("what", AIMED)
@pytest.mark.parametrize("who", REQUESTERS)
def test_nothing_is_read_that_was_not_named(who: str, what: str) -> None:
    for namespace in ("acme-web", "globex-app", "sandbox", "monitoring", "kube-system"):
        asked = request(who, what, namespace)
        named = lookups(asked, POLICIES, Strict(frozenset())).refs

        decide(asked, Facts(world=Strict(frozenset(named))), POLICIES)


def named(who: str, what: str, namespace: str) -> set[str]:
    refs = lookups(request(who, what, namespace), POLICIES, Strict(frozenset())).refs
    return {ref.resource for ref in refs}


def test_what_is_scaled_in_a_tenants_namespace_may_be_the_platforms() -> None:
    for who in ("alice", "operator", "otto"):
        assert named(who, "scale another kind", "acme-web") == {"things"}


def test_what_is_nobodys_is_not_looked_up() -> None:
    """The webhook may lack the right to, and would have to refuse the request for it."""
    for what in ("scale", "scale another kind", "approve", "proxy to a node"):
        assert named("otto", what, "sandbox") == set()


def test_nor_is_anything_for_those_whom_no_rule_binds() -> None:
    for who in ("root", "admin", "system:anonymous"):
        for what in AIMED:
            assert named(who, what, "acme-web") == set()
    for what in AIMED:
        assert named("autoscaler", what, "sandbox") == set()


def test_a_pod_is_known_before_anybody_enters_it() -> None:
    for who in ("alice", "otto"):
        for namespace in ("acme-web", "sandbox"):
            assert named(who, "exec", namespace) == {"pods"}


def ingress(*hosts: str) -> JsonObject:
    return {"metadata": {"name": "web"}, "spec": {"rules": [{"host": host} for host in hosts]}}


@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        (None, ingress("a.acme.com"), True),
        (None, ingress(), False),
        (ingress("a.acme.com"), ingress("A.acme.com."), False),
        (ingress("a.acme.com"), ingress("a.acme.com", "b.acme.com"), True),
        (ingress("a.acme.com", "b.acme.com"), ingress("b.acme.com"), False),
    ],
)
def test_hosts_are_read_anew_where_one_is_taken(old: Any, new: Any, anew: bool) -> None:
    asked = Request(
        operation="UPDATE" if old else "CREATE",
        group="networking.k8s.io",
        resource="ingresses",
        kind="Ingress",
        namespace="acme-web",
        name="web",
        user=REQUESTERS["alice"],
        phase="validate",
        load=lambda: new,
        load_old=lambda: old,
    )

    assert lookups(asked, POLICIES, Strict(frozenset())).hosts is anew
