"""What is asked of the cluster, and when a thread has to wait for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from tests.server.parts import POLICIES, body, pod, review
from webhook.cluster.access import AccessReviews
from webhook.cluster.live import HostIndex
from webhook.cluster.offline import MCS, UID_RANGE
from webhook.core.engine import decide
from webhook.core.model.objects import JsonObject, Pod
from webhook.core.model.request import Facts, Grants, Namespace, NoAccess, Request, User
from webhook.core.model.review import read_review
from webhook.core.model.world import NoWorld, Ref, World
from webhook.core.policyset import parse_policies
from webhook.server.gather import NotSynced, WouldBlock, gather

SCC = """\
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: plain}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""
READY = {UID_RANGE: "1000660000/10000", MCS: "s0:c26,c5"}


class Live:
    """A cluster as the webhook sees it; it notes what it was asked live."""

    def __init__(self, cached: Namespace | None, stored: Namespace | None = None) -> None:
        self.access = NoAccess()
        self.synced = True
        self.tenancy_synced = True
        self.asked: list[str] = []
        self.pods: dict[str, Any] = {}
        self._cached = cached
        self._stored = stored

    def namespace(self, name: str) -> Namespace | None:
        return self._cached

    def read_namespace(self, name: str) -> Namespace | None:
        self.asked.append(f"namespace {name}")
        return self._stored

    def pod(self, namespace: str, name: str) -> Pod | None:
        self.asked.append(f"pod {namespace}/{name}")
        return self.pods.get(name)

    def read(self, ref: Ref) -> JsonObject | None:
        self.asked.append(f"{ref.resource} {ref.namespace}/{ref.name}")
        return None

    def read_namespaces_of(self, tenant: str) -> Sequence[str]:
        self.asked.append(f"namespaces of {tenant}")
        return []

    def read_hosts(self) -> HostIndex | None:
        self.asked.append("hosts")
        return None

    def world(
        self,
        fetched: Mapping[Ref, JsonObject | None],
        counts: Mapping[str, Sequence[str]],
        hosts: HostIndex | None = None,
    ) -> World:
        return NoWorld()

    def automount(self, namespace: str, service_account: str) -> bool | None:
        return False


def read(value: Any, path: str = "/mutate") -> Request:
    return read_review(path, body(value))


def ask(cluster: Live, request: Request, *, wait: bool, **more: Any) -> Facts:
    return gather(request, POLICIES, cluster, wait=wait, **more)


def test_a_cached_namespace_needs_no_live_read():
    cluster = Live(Namespace("shop", {}, READY))

    assert ask(cluster, read(review()), wait=False).namespace == Namespace("shop", {}, READY)
    assert cluster.asked == []


@pytest.mark.parametrize(
    "cached",
    [
        None,
        Namespace("shop"),
        Namespace("shop", {}, {UID_RANGE: "1/2"}),
        Namespace("shop", {}, {MCS: "s0"}),
    ],
)
def test_a_namespace_that_is_new_is_read_live_once(cached: Namespace | None):
    cluster = Live(cached, Namespace("shop", {}, READY))

    with pytest.raises(WouldBlock):
        ask(cluster, read(review()), wait=False)
    assert cluster.asked == []
    assert ask(cluster, read(review()), wait=True).namespace == Namespace("shop", {}, READY)
    assert cluster.asked == ["namespace shop"]


def test_defaults_need_a_namespaces_labels_and_not_its_ranges():
    policies = parse_policies(
        {
            "defaults.yaml": """\
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec: {}
""",
            "scc.yaml": SCC,
        }
    )
    request = read(review(namespace="default"))
    known, unknown = Live(Namespace("default", {"a": "b"})), Live(None, Namespace("default"))

    facts = gather(request, policies, known, wait=False)
    gather(request, policies, unknown, wait=True)

    assert facts.namespace == Namespace("default", {"a": "b"})
    assert (known.asked, unknown.asked) == ([], ["namespace default"])


def test_a_namespace_that_does_not_exist_is_a_fact():
    assert ask(Live(None, None), read(review()), wait=True).namespace is None


def test_what_no_policy_judges_asks_nothing():
    cluster = Live(None)
    config_map = review(
        kind={"version": "v1", "kind": "ConfigMap"},
        resource={"version": "v1", "resource": "configmaps"},
    )
    for value in (config_map, review(operation="DELETE"), review(namespace="kube-system")):
        ask(cluster, read(value), wait=False)

    assert cluster.asked == []


def test_the_pod_of_an_exec_is_read_live():
    cluster = Live(Namespace("shop", {}, READY))
    cluster.pods["web"] = pod()
    request = read(
        review(
            {"kind": "PodExecOptions"},
            operation="CONNECT",
            subResource="exec",
            kind={"version": "v1", "kind": "PodExecOptions"},
        )
    )

    with pytest.raises(WouldBlock):
        ask(cluster, request, wait=False)
    assert ask(cluster, request, wait=True).pod == pod()
    assert cluster.asked == ["pod shop/web"]


def test_the_service_account_of_a_template_counts():
    request = read(
        review(
            {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": pod()}},
            kind={"group": "apps", "version": "v1", "kind": "Deployment"},
            resource={"group": "apps", "version": "v1", "resource": "deployments"},
        ),
        "/validate",
    )

    assert ask(Live(Namespace("shop", {}, READY)), request, wait=False).automount is False


def test_before_the_caches_are_filled_nothing_can_be_told():
    cluster = Live(Namespace("shop", {}, READY))
    cluster.synced = False

    with pytest.raises(NotSynced):
        ask(cluster, read(review()), wait=True)


class Reviews(AccessReviews):
    """Access reviews that note who was asked about, and then remember."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._known: set[str] = set()

    def cached(self, user: User, namespace: str, names: Iterable[str]) -> Grants | None:
        return frozenset(("restricted-v2",)) if user.name in self._known else None

    def ask(self, user: User, namespace: str, names: Iterable[str]) -> Grants:
        assert set(names) == {scc.name for scc in POLICIES.sccs}
        self.asked.append(user.name)
        self._known.add(user.name)
        return frozenset(("restricted-v2",))


def test_access_reviews_are_asked_once_for_each_identity():
    cluster, reviews = Live(Namespace("shop", {}, READY)), Reviews()
    request = read(review())

    with pytest.raises(WouldBlock):
        ask(cluster, request, wait=False, reviews=reviews)
    facts = ask(cluster, request, wait=True, reviews=reviews)

    assert reviews.asked == ["system:serviceaccount:shop:default", "alice"]
    assert decide(request, facts, POLICIES).scc == "restricted-v2"
    assert decide(request, ask(cluster, request, wait=False, reviews=reviews), POLICIES).allowed


def test_access_reviews_of_an_exec_concern_the_account_of_the_stored_pod():
    cluster, reviews = Live(Namespace("shop", {}, READY)), Reviews()
    cluster.pods["web"] = pod(serviceAccountName="builder")
    request = read(review({}, operation="CONNECT", subResource="exec"))

    ask(cluster, request, wait=True, reviews=reviews)

    assert reviews.asked == ["system:serviceaccount:shop:builder", "alice"]


def test_nobody_is_asked_about_what_needs_no_grant():
    reviews = Reviews()

    ask(Live(None), read(review(operation="DELETE")), wait=False, reviews=reviews)

    assert reviews.asked == []


class TestTenants:
    """Where there are tenants, nearly every request hangs on whose a namespace is."""

    POLICIES = parse_policies(
        {
            "tenant.yaml": "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\n"
            "spec: {owners: [{kind: Group, name: acme-leads}]}\n"
        }
    )

    def ask(self, cluster: Live, *, wait: bool, **request: Any) -> None:
        config_map = {
            "kind": {"version": "v1", "kind": "ConfigMap"},
            "resource": {"version": "v1", "resource": "configmaps"},
        }
        asked = read(review({}, **{**config_map, **request}), "/validate")
        gather(asked, self.POLICIES, cluster, wait=wait)

    def test_a_namespace_that_is_known_is_not_read(self):
        cluster = Live(Namespace("shop"))

        self.ask(cluster, wait=False)

        assert cluster.asked == []

    def test_one_that_is_not_was_made_a_moment_ago_perhaps(self):
        cluster = Live(None, Namespace("shop"))

        with pytest.raises(WouldBlock):
            self.ask(cluster, wait=False)
        self.ask(cluster, wait=True)

        assert cluster.asked == ["namespace shop"]

    def test_so_was_that_of_a_service_account(self):
        """Of which tenant it is hangs on its own namespace."""
        cluster = Live(None)
        groups = ["system:serviceaccounts", "system:serviceaccounts:depot"]
        user = {"username": "system:serviceaccount:depot:default", "groups": groups}

        self.ask(cluster, wait=True, userInfo=user)

        assert sorted(cluster.asked) == ["namespace depot", "namespace shop"]

    def test_a_namespace_that_is_only_being_made_is_not_looked_for(self):
        cluster = Live(None)
        kind = {"version": "v1", "kind": "Namespace"}

        self.ask(
            cluster, wait=False, kind=kind, resource={"version": "v1", "resource": "namespaces"}
        )

        assert cluster.asked == []

    def test_before_the_caches_are_filled_nothing_can_be_told(self):
        cluster = Live(Namespace("shop"))
        cluster.tenancy_synced = False

        with pytest.raises(NotSynced):
            self.ask(cluster, wait=True)
