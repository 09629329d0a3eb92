"""The cache follows an API server, whatever that does."""

import math
import threading
from typing import Any

import pytest

from tests.cluster.process import eventually
from tests.cluster_unit.fake_api import ACCOUNTS, NAMESPACES, PATHS, RBAC
from webhook.cluster.access import AccessError
from webhook.cluster.cache import ClusterCache
from webhook.cluster.client import ClusterError
from webhook.cluster.watch import Pace, Watcher
from webhook.core.model.request import EVERYTHING, User

PACE = Pace(first=0.01, longest=0.05, page=2)
ALICE = User("alice", ("devs",))
BINDINGS, ROLES = f"{RBAC}/rolebindings", f"{RBAC}/clusterroles"


def namespace(name: str, **annotations: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"team": "x"}, "annotations": annotations}}


def role(name: str, *sccs: str) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "verbs": ["use"],
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
    }
    return {"metadata": {"name": name}, "rules": [{**rule, "resourceNames": list(sccs)}]}


def binding(name: str, role_name: str, user: str = "alice") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role_name,
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


@pytest.fixture
def follow(api):
    """Return caches that follow the fake server until the test ends."""
    made = []

    def start(pace: Pace = PACE, **options: Any) -> ClusterCache:
        cache = ClusterCache(api, pace=pace, **options)
        made.append(cache)
        cache.start()
        return cache

    yield start
    for cache in made:
        cache.stop()


@pytest.fixture
def cache(follow):
    made = follow()
    assert made.wait(5)
    return made


# From nothing to in step


def test_it_is_not_ready_before_everything_was_listed(server, follow):
    server.faults[BINDINGS] = (503, "etcd has no leader")

    cache = follow()
    eventually(lambda: len(cache.problems()) == 1 and "503" in cache.problems()["rolebindings"])

    assert not cache.synced
    assert cache.problems() == {
        "rolebindings": f"GET {server.url}{BINDINGS}: 503 etcd has no leader"
    }
    assert math.isinf(cache.ages()["rolebindings"])

    server.faults.clear()
    assert cache.wait(5)
    eventually(lambda: not cache.problems())


def test_before_the_first_answer_it_says_so(server, follow):
    server.gate.clear()

    cache = follow()

    assert set(cache.problems().values()) == {"not listed yet"}
    assert set(cache.ages().values()) == {math.inf}
    server.gate.set()


def test_a_list_of_many_pages_is_read_to_its_end(server, follow):
    for number in range(5):
        server.put(NAMESPACES, namespace(f"n{number}"))

    cache = follow()

    assert cache.wait(5)
    assert all(cache.namespace(f"n{number}") for number in range(5))
    assert [
        query.get("continue")
        for path, query in server.requests
        if path == NAMESPACES and "watch" not in query
    ] == [None, "2", "4"]


def test_only_annotations_that_are_read_are_kept(server, cache):
    kept = {
        "openshift.io/sa.scc.mcs": "s0:c1,c0",
        "tenantgate.io/provisioned": "true",
        "security.openshift.io/x": "y",
        "scheduler.alpha.kubernetes.io/node-selector": "a=b",
    }
    server.put(NAMESPACES, namespace("shop", **kept, **{"example.com/large": "x" * 9999}))

    found = eventually(lambda: cache.namespace("shop"))

    assert (found.labels, found.annotations) == ({"team": "x"}, kept)


# In step


def test_changes_and_deletions_of_namespaces_are_seen(server, cache):
    server.put(NAMESPACES, namespace("shop"))
    eventually(lambda: cache.namespace("shop"))

    server.put(NAMESPACES, namespace("shop", **{"openshift.io/sa.scc.mcs": "s0:c1,c0"}))
    eventually(lambda: cache.namespace("shop").annotations)

    server.delete(NAMESPACES, "shop")
    eventually(lambda: cache.namespace("shop") is None)


def test_service_accounts_tell_whether_they_mount_their_token(server, cache):
    for name, mount in (("off", False), ("on", True)):
        server.put(
            ACCOUNTS,
            {
                "metadata": {"name": name, "namespace": "shop"},
                "automountServiceAccountToken": mount,
            },
        )
    server.put(ACCOUNTS, {"metadata": {"name": "silent", "namespace": "shop"}})

    eventually(lambda: cache.automount("shop", "on") is True)
    assert cache.automount("shop", "off") is False
    assert cache.automount("shop", "silent") is None
    assert cache.automount("elsewhere", "off") is None

    server.delete(ACCOUNTS, "off", "shop")
    eventually(lambda: cache.automount("shop", "off") is None)


def test_grants_come_and_go_with_their_binding(server, cache):
    server.put(ROLES, role("r", "web"))
    server.put(BINDINGS, binding("b", "r"))
    eventually(lambda: cache.access.grants(ALICE, "shop") == {"web"})
    assert cache.access.grants(ALICE, "office") == set()

    server.put(ROLES, role("r", "batch"))
    eventually(lambda: cache.access.grants(ALICE, "shop") == {"batch"})

    server.delete(BINDINGS, "b", "shop")
    eventually(lambda: cache.access.grants(ALICE, "shop") == set())


def test_an_aggregated_role_has_its_stored_rules(server, cache):
    server.put(ROLES, {**role("part", "part"), "metadata": {"name": "part", "labels": {"a": "b"}}})
    server.put(
        ROLES,
        {
            **role("whole", "stored"),
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        },
    )
    server.put(BINDINGS, binding("b", "whole"))

    eventually(lambda: cache.access.grants(ALICE, "shop") == {"stored"})


def test_an_object_that_cannot_be_read_is_named_and_grants_nothing(server, cache):
    server.put(ROLES, role("r", "web"))
    server.put(BINDINGS, binding("b", "r"))
    eventually(lambda: cache.access.grants(ALICE, "shop") == {"web"})

    broken = role("r", "web")
    broken["rules"][0]["onlyOnWeekdays"] = True
    server.put(ROLES, broken)

    problem = eventually(lambda: cache.problems().get("clusterroles"))
    assert "ClusterRole r: rules[0].onlyOnWeekdays is true" in problem
    assert cache.access.grants(ALICE, "shop") == set()
    assert cache.synced

    server.put(ROLES, role("r", "web"))
    eventually(lambda: not cache.problems())
    assert cache.access.grants(ALICE, "shop") == {"web"}


def test_in_a_list_too(server, follow):
    server.put(BINDINGS, {**binding("b", "r"), "roleRef": {"kind": "Roll", "name": "r"}})
    server.put(BINDINGS, {**binding("c", "r"), "roleRef": None})

    cache = follow()

    assert cache.wait(5)
    problem = eventually(lambda: cache.problems().get("rolebindings"))
    assert "RoleBinding shop/b: roleRef.kind is" in problem
    assert "(and 1 more objects)" in problem


# Out of step


def test_after_a_broken_connection_it_goes_on_where_it_was(server, cache):
    server.put(NAMESPACES, namespace("one"))
    eventually(lambda: cache.namespace("one"))
    seen = str(server.version)

    server.drop()
    server.put(NAMESPACES, namespace("two"))

    eventually(lambda: cache.namespace("two"))
    assert server.watches(NAMESPACES)[-1] == seen
    assert server.lists(NAMESPACES) == 1
    eventually(lambda: not cache.problems())


@pytest.mark.parametrize("where", ["the answer", "an event"])
def test_when_the_server_has_forgotten_it_lists_again(server, cache, where):
    server.put(NAMESPACES, namespace("old"))
    eventually(lambda: cache.namespace("old"))

    del server.objects[NAMESPACES]["", "old"]
    server.put(NAMESPACES, namespace("new"), told=False)
    server.forget()
    if where == "the answer":
        server.drop()
    else:
        error = b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}'
        server.version += 1
        server.say(NAMESPACES, error)

    eventually(lambda: cache.namespace("new"))
    eventually(lambda: cache.namespace("old") is None)
    eventually(lambda: not cache.problems())


@pytest.mark.parametrize(
    "line",
    [
        b"{not json",
        b"[]",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}',
        b'{"type":"EXPLODED","object":{"metadata":{"name":"x","resourceVersion":"1"}}}',
        b'{"type":"ERROR","object":{"code":500,"message":"boom"}}',
    ],
)
def test_what_cannot_be_understood_is_a_problem_until_it_goes_away(server, cache, line):
    eventually(lambda: not cache.problems())
    server.version += 1
    server.gate.clear()

    server.say(NAMESPACES, line)

    problem = eventually(lambda: cache.problems().get("namespaces"))
    assert "watch of namespaces" in problem or "the server sent" in problem
    server.gate.set()
    server.put(NAMESPACES, namespace("later"))
    eventually(lambda: cache.namespace("later"))
    eventually(lambda: not cache.problems())


def test_a_silent_watch_is_opened_anew(server, follow):
    cache = follow(Pace(first=0.01, longest=0.05, silence=0.1))
    assert cache.wait(5)

    eventually(lambda: len(server.watches(NAMESPACES)) > 3)

    assert len(set(server.watches(NAMESPACES))) == 1
    assert server.lists(NAMESPACES) == 1
    assert not cache.problems()


def test_a_lost_event_is_made_up_for_by_the_next_list(server, follow):
    cache = follow(Pace(first=0.01, longest=0.05, silence=0.1, relist=0.1))
    assert cache.wait(5)

    server.put(NAMESPACES, namespace("unheard"), told=False)

    eventually(lambda: cache.namespace("unheard"))


def test_while_the_server_is_away_the_last_state_stays(server, cache):
    server.put(NAMESPACES, namespace("shop"))
    server.put(ROLES, role("r", "web"))
    server.put(BINDINGS, binding("b", "r"))
    eventually(lambda: cache.namespace("shop") and cache.access.grants(ALICE, "shop"))

    server.stop()
    eventually(lambda: len(cache.problems()) == len(PATHS))

    assert cache.synced
    assert "Connection refused" in cache.problems()["namespaces"]
    assert cache.namespace("shop")
    assert cache.access.grants(ALICE, "shop") == {"web"}
    assert all(math.isfinite(age) for age in cache.ages().values())

    server.put(NAMESPACES, namespace("made-meanwhile"), told=False)
    del server.objects[BINDINGS]["shop", "b"]
    server.forget()
    server.start()

    eventually(lambda: cache.namespace("made-meanwhile"))
    eventually(lambda: cache.access.grants(ALICE, "shop") == set())
    eventually(lambda: not cache.problems())


def test_a_server_restored_to_an_earlier_state_is_believed(server, cache):
    server.put(NAMESPACES, namespace("lost"))
    eventually(lambda: cache.namespace("lost"))

    server.stop()
    server.restore(50)
    server.put(NAMESPACES, namespace("restored"), told=False)
    server.start()

    eventually(lambda: cache.namespace("restored"))
    assert cache.namespace("lost") is None


def test_a_watch_that_is_not_allowed_is_a_problem_that_says_so(server, follow):
    server.faults[f"WATCH {BINDINGS}"] = (403, "tenantgate cannot watch resource rolebindings")
    server.put(ROLES, role("r", "web"))
    server.put(BINDINGS, binding("b", "r"))

    cache = follow()

    assert cache.wait(5)
    eventually(lambda: "cannot watch" in cache.problems().get("rolebindings", ""))
    assert cache.access.grants(ALICE, "shop") == {"web"}


def test_stopping_ends_its_threads(server, follow):
    cache = follow()
    assert cache.wait(5)
    eventually(lambda: all(server.watches(path) for path in PATHS))

    cache.stop()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch-")]


def test_an_error_of_our_own_does_not_end_the_watch(server, api):
    """Whatever goes wrong with one object: a dead thread would leave a stale state for ever."""

    class Sink:
        faulty, seen = True, 0

        def read(self, obj):
            return obj

        def replace(self, records):
            if self.faulty:
                raise RuntimeError("a bug")
            self.seen = len(records)

        def put(self, record): ...

        def delete(self, namespace, name, version): ...

    sink = Sink()
    server.put(NAMESPACES, namespace("shop"))
    watcher = Watcher(api, "namespaces", NAMESPACES, sink, PACE)
    watcher.start()
    eventually(lambda: watcher.problem == "unexpected RuntimeError: a bug")

    sink.faulty = False

    eventually(lambda: sink.seen == 1 and not watcher.problem)
    watcher.stop()
    watcher.join(5)


# Live reads


def test_a_namespace_that_the_cache_lacks_can_be_read_live(server, cache):
    server.put(NAMESPACES, namespace("fresh"), told=False)
    assert cache.namespace("fresh") is None

    assert cache.read_namespace("fresh").name == "fresh"
    assert cache.namespace("fresh").name == "fresh"
    assert cache.read_namespace("missing") is None


def test_a_late_answer_does_not_undo_what_is_known_already(server, cache):
    server.put(NAMESPACES, namespace("shop", **{"tenantgate.io/step": "1"}))
    late = server.objects[NAMESPACES]["", "shop"]
    server.put(NAMESPACES, namespace("shop", **{"tenantgate.io/step": "2"}))
    eventually(lambda: cache.namespace("shop"))
    eventually(lambda: cache.namespace("shop").annotations["tenantgate.io/step"] == "2")

    server.objects[NAMESPACES]["", "shop"] = late
    assert cache.read_namespace("shop").annotations["tenantgate.io/step"] == "1"

    assert cache.namespace("shop").annotations["tenantgate.io/step"] == "2"


def test_a_live_read_is_bounded_in_time(server, follow):
    cache = follow(timeout=0.1)
    assert cache.wait(5)
    server.gate.clear()

    with pytest.raises(ClusterError, match="/api/v1/namespaces/shop: no answer in time"):
        cache.read_namespace("shop")


def test_hosts_in_use_are_read_live(server, cache):
    path = "/apis/networking.k8s.io/v1/ingresses"
    web = {"metadata": {"namespace": "shop", "name": "web"}}
    server.single[path] = {"items": [{**web, "spec": {"rules": [{"host": "Shop.example.com"}]}}]}

    read = cache.read_hosts()
    assert [use.ref.name for use in read.of("shop.example.com")] == ["web"]
    assert list(cache.world({}, {}).host_uses("shop.example.com")) == []
    assert len(list(cache.world({}, {}, read).host_uses("shop.example.com"))) == 1


def test_pods_are_read_live(server, cache):
    pod = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": []}}
    server.single["/api/v1/namespaces/shop/pods/web"] = pod

    assert cache.pod("shop", "web") == pod
    assert cache.pod("shop", "gone") is None

    server.faults["/api/v1/namespaces/shop/pods/web"] = (403, "tenantgate cannot get pods")
    with pytest.raises(ClusterError, match="403 tenantgate cannot get pods"):
        cache.pod("shop", "web")


def test_names_are_escaped_on_their_way(server, cache):
    assert cache.pod("shop", "../../secrets?x") is None
    assert server.requests[-1][0] == "/api/v1/namespaces/shop/pods/..%2F..%2Fsecrets%3Fx"


# Without RBAC


def test_without_rbac_no_grant_is_made_up(server, follow):
    cache = follow(rbac=False)

    assert cache.wait(5)
    assert set(cache.ages()) == {"namespaces", "serviceaccounts"}
    with pytest.raises(AccessError):
        cache.access.grants(ALICE, "shop")


def test_with_rbac_superusers_need_no_binding(cache):
    assert cache.access.grants(User("root", ("system:masters",)), "shop") is EVERYTHING
