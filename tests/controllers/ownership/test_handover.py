"""The restart of pods after a transfer: which are evicted, in what order, and when it is over."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from webhook.cluster.client import Api, ApiError, ClusterError
from webhook.controllers.ownership.handover import BATCH, Restarts, contents

PODS = "/api/v1/namespaces/home/pods"


class PodsApi:
    """The pods of a namespace; those in `kept` have a budget, those in `broken` an error."""

    def __init__(self, *names: str) -> None:
        self.pods = {name: name for name in names}
        self.kept: set[str] = set()
        self.broken: dict[str, int] = {}
        self.evicted: list[str] = []

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, timeout: float) -> Any:
        if path != PODS:
            raise ApiError("not served", 404)
        names = sorted(self.pods)
        first = names.index(query["continue"]) if query and "continue" in query else 0
        page = names[first : first + 3]
        rest = names[first + 3 : first + 4]
        owner = {"kind": "ReplicaSet", "controller": True}
        items = [
            {"metadata": {"name": name, "uid": self.pods[name], "ownerReferences": [owner]}}
            for name in page
        ]
        return {"metadata": {"continue": rest[0]} if rest else {}, "items": items}

    def post(self, path: str, body: Mapping[str, Any], *, timeout: float) -> Any:
        name = body["metadata"]["name"]
        assert path == f"{PODS}/{name}/eviction"
        assert body["deleteOptions"]["preconditions"]["uid"] == self.pods[name]
        self.evicted.append(name)
        if name in self.broken:
            raise ApiError("broken", self.broken[name])
        if name in self.kept:
            raise ApiError("would violate the pod's disruption budget", 429)
        del self.pods[name]


@pytest.fixture
def many() -> tuple[PodsApi, Restarts]:
    api = PodsApi(*(f"p{number:03}" for number in range(2 * BATCH + 5)))
    return api, Restarts(cast(Api, api))


def test_pods_go_a_few_at_a_time(many):
    api, restarts = many

    left = [restarts.round("home").left for _ in range(4)]

    assert left == [2 * BATCH + 5, BATCH + 5, 5, 0]
    assert api.pods == {}


def test_what_comes_in_their_place_has_started_anew(many):
    api, restarts = many
    restarts.round("home")
    api.pods |= {f"new{number}": f"new{number}" for number in range(BATCH)}

    while restarts.round("home").left:
        pass

    assert len(api.pods) == BATCH
    assert not any(name.startswith("new") for name in api.evicted)


def test_pods_that_may_not_go_keep_no_others_from_going(many):
    api, restarts = many
    api.kept = {f"p{number:03}" for number in range(BATCH)}

    assert len(restarts.round("home").refused) == BATCH
    assert restarts.round("home").refused == ()
    for _ in range(3):
        last = restarts.round("home")

    assert (last.left, len(last.refused)) == (BATCH, BATCH)
    assert api.pods.keys() == api.kept
    api.kept = set()
    restarts.round("home")
    assert restarts.round("home").left == 0


@pytest.mark.parametrize("status", [404, 409])
def test_a_pod_that_has_gone_by_itself_is_no_error(status):
    api = PodsApi("web")
    api.broken = {"web": status}

    assert Restarts(cast(Api, api)).round("home").refused == ()


def test_another_answer_is_an_error():
    api = PodsApi("web")
    api.broken = {"web": 403}

    with pytest.raises(ClusterError):
        Restarts(cast(Api, api)).round("home")


def test_who_takes_over_begins_with_the_pods_that_are_there(many):
    api, _ = many

    assert Restarts(cast(Api, api)).round("home").left == len(api.pods) + BATCH


def test_kinds_that_are_not_served_hold_nothing() -> None:
    found = contents(cast(Api, PodsApi()), "home", ["other"])

    assert (found.hosts, found.bindings, found.outside) == ([], [], [])
