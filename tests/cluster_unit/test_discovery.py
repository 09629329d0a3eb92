"""Where kinds are served: asked once, and again when something was missing."""

from typing import Any

import pytest

from tests.cluster_unit.fake_api import FakeApi
from webhook.cluster.client import Api, ApiError
from webhook.cluster.discovery import ABSENT, LIFETIME, Discovery, Resource

ALL = ["get", "list", "watch", "create", "patch"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discovery(server: FakeApi, api: Api, clock: Clock) -> Discovery:
    server.single["/api/v1"] = resources(
        ("configmaps", "ConfigMap", True, ALL),
        ("namespaces", "Namespace", False, ALL),
        ("pods/eviction", "Eviction", True, ["create"]),
        ("bindings", "Binding", True, ["create"]),
    )
    server.single["/apis/networking.k8s.io/v1"] = resources(
        ("networkpolicies", "NetworkPolicy", True, ALL)
    )
    return Discovery(api, clock=clock)


def resources(*rows: tuple[str, str, bool, list[str]]) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "resources": [
            {"name": name, "kind": kind, "namespaced": namespaced, "verbs": verbs}
            for name, kind, namespaced, verbs in rows
        ],
    }


def test_a_kind_has_a_path(discovery):
    policy = discovery.find("networking.k8s.io/v1", "NetworkPolicy")

    assert policy == Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True)
    assert policy.api_version == "networking.k8s.io/v1"
    assert policy.collection() == "/apis/networking.k8s.io/v1/networkpolicies"
    assert policy.path("shop", "a b") == (
        "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/a%20b"
    )


def test_the_core_group_has_no_name(discovery):
    config = discovery.find("v1", "ConfigMap")

    assert config is not None
    assert config.api_version == "v1"
    assert config.path("shop", "x") == "/api/v1/namespaces/shop/configmaps/x"
    namespace = discovery.find("v1", "Namespace")
    assert namespace is not None
    assert not namespace.namespaced
    assert namespace.path("", "shop") == "/api/v1/namespaces/shop"


def test_what_cannot_be_stored_is_no_kind(discovery):
    assert discovery.find("v1", "Eviction") is None
    assert discovery.find("v1", "Binding") is None


def test_it_is_asked_once(discovery, server):
    for _ in range(5):
        discovery.find("v1", "ConfigMap")
        discovery.find("v1", "Namespace")

    assert len(server.requests) == 1


def test_a_kind_that_is_not_there_is_looked_for_again_soon(discovery, server, clock):
    assert discovery.find("example.com/v1", "Widget") is None
    assert discovery.find("example.com/v1", "Widget") is None
    assert len(server.requests) == 1

    server.single["/apis/example.com/v1"] = resources(("widgets", "Widget", True, ALL))
    clock.now += ABSENT
    found = discovery.find("example.com/v1", "Widget")

    assert found is not None
    assert found.plural == "widgets"


def test_a_kind_that_is_there_is_believed_in_for_a_while(discovery, server, clock):
    discovery.find("v1", "ConfigMap")
    clock.now += LIFETIME - 1
    discovery.find("v1", "ConfigMap")
    assert len(server.requests) == 1

    clock.now += 1
    discovery.find("v1", "ConfigMap")
    assert len(server.requests) == 2


def test_no_answer_is_no_absence(discovery, server):
    server.faults["/api/v1"] = (500, "etcd is away")

    with pytest.raises(ApiError, match="etcd is away"):
        discovery.find("v1", "ConfigMap")
    server.faults.clear()
    assert discovery.find("v1", "ConfigMap") is not None
