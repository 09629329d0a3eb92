"""The cache stays in step with a real API server, through its outages."""

from collections.abc import Iterator

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster, service_account
from tests.cluster.process import eventually
from webhook.cluster.access import AccessReviews
from webhook.cluster.cache import ClusterCache
from webhook.cluster.client import Api, ClusterError, connect
from webhook.cluster.watch import Pace
from webhook.core.model.request import User

GROUP = "rbac.authorization.k8s.io"
RANGE = "openshift.io/sa.scc.uid-range"


@pytest.fixture
def api(cluster: Cluster) -> Iterator[Api]:
    made = connect(cluster.kubeconfig(ADMIN))
    yield made
    made.close()


@pytest.fixture
def cache(api: Api) -> Iterator[ClusterCache]:
    made = ClusterCache(api, pace=Pace(longest=1, page=20))
    assert not made.synced
    made.start()
    assert made.wait(20)
    yield made
    made.stop()


def grant(cluster: Cluster, user: str, namespace: str) -> None:
    """Let a user use the SCC `special` in the namespace, and only there."""
    rule = {
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
        "resourceNames": ["special"],
        "verbs": ["use"],
    }
    role = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "use-special"}
    subject = {"apiGroup": GROUP, "kind": "User", "name": user}
    cluster.apply(
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "use-special"},
            "rules": [rule],
        },
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "special", "namespace": namespace},
            "roleRef": role,
            "subjects": [subject],
        },
    )


def may_use(cache: ClusterCache, user: User, namespace: str) -> frozenset[str]:
    return cache.access.grants(user, namespace)


def test_a_new_namespace_and_its_account_are_seen(cluster, cache):
    name = cluster.namespace("seen", labels={"team": "x"})

    found = eventually(lambda: cache.namespace(name))

    assert found.labels["team"] == "x"
    assert found.annotations[RANGE] == "1000660000/10000"
    assert cache.automount(name, "default") is None
    assert set(cache.ages()) == {
        "namespaces",
        "serviceaccounts",
        "roles",
        "rolebindings",
        "clusterroles",
        "clusterrolebindings",
    }


def test_a_changed_and_a_deleted_account_are_seen(cluster, cache):
    name = cluster.namespace("accounts")
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "quiet", "namespace": name},
        "automountServiceAccountToken": False,
    }
    cluster.create(account)
    eventually(lambda: cache.automount(name, "quiet") is False)

    cluster.apply({**account, "automountServiceAccountToken": True})
    eventually(lambda: cache.automount(name, "quiet") is True)

    cluster.kubectl("delete", "serviceaccount", "quiet", "-n", name, user=ADMIN)
    eventually(lambda: cache.automount(name, "quiet") is None)


def test_grants_are_seen_as_they_come_and_go(cluster, cache):
    name = cluster.namespace("grants")
    robot = User.service_account(name, "default")
    grant(cluster, service_account(name, "default"), name)

    eventually(lambda: may_use(cache, robot, name) == {"special"})
    assert may_use(cache, robot, "default") == set()

    cluster.kubectl("delete", "rolebindings", "--all", "-n", name, user=ADMIN)
    eventually(lambda: may_use(cache, robot, name) == set())


def test_both_ways_of_asking_agree(cluster, api, cache):
    name = cluster.namespace("agree")
    grant(cluster, ALICE, name)
    alice = User(ALICE, ("system:authenticated",))
    eventually(lambda: "special" in may_use(cache, alice, name))
    sccs = ("special", "privileged", "restricted-v2")
    reviews = AccessReviews(api, timeout=10)

    for user in (alice, User("bob"), User("root", ("system:masters",))):
        for namespace in (name, "default"):
            granted = may_use(cache, user, namespace)
            asked = reviews.ask(user, namespace, sccs)
            assert asked == {scc for scc in sccs if scc in granted}
            assert reviews.cached(user, namespace, sccs) == asked
    reviews.close()


def test_live_reads(cluster, cache):
    name = cluster.namespace("live")

    assert cache.read_namespace(name).annotations[RANGE]
    assert cache.namespace(name)
    assert cache.read_namespace("nobody-made-this") is None
    assert cache.pod(name, "nobody-made-this") is None


def test_what_happened_during_an_outage_is_seen_after_it(cluster, api, cache):
    kept, lost = cluster.namespace("kept"), cluster.namespace("lost")
    for namespace in (kept, lost):
        grant(cluster, ALICE, namespace)
    alice = User(ALICE)
    eventually(lambda: may_use(cache, alice, kept) and may_use(cache, alice, lost))

    cluster.plane.stop_api()
    eventually(lambda: len(cache.problems()) == 6)
    assert cache.synced
    assert cache.namespace(kept)
    assert may_use(cache, alice, lost) == {"special"}
    with pytest.raises(ClusterError, match="Connection refused"):
        cache.read_namespace(kept)

    cluster.plane.start_api()
    # The cache may still be waiting for its next attempt, which then has all of this to catch up.
    made = cluster.namespace("made")
    cluster.kubectl("delete", "rolebindings", "--all", "-n", lost, user=ADMIN)

    eventually(lambda: cache.namespace(made))
    eventually(lambda: may_use(cache, alice, lost) == set())
    assert may_use(cache, alice, kept) == {"special"}
    eventually(lambda: not cache.problems())


def test_an_identity_without_rights_is_told_which(cluster):
    api = connect(cluster.kubeconfig("nobody"))
    made = ClusterCache(api)
    made.start()

    eventually(lambda: "cannot list resource" in made.problems()["rolebindings"])

    assert not made.synced
    made.stop()
    api.close()
