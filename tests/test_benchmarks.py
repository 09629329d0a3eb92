"""The benchmarks send what they say they send."""

import json
import random
from typing import cast

import pytest

from benchmarks import memory
from benchmarks.bodies import CONTEXT, SIZES, bodies, uids
from benchmarks.population import KINDS, Population, policies
from benchmarks.tenants import answered
from tests.cluster.process import eventually
from webhook.cluster.cache import ClusterCache
from webhook.cluster.client import Api
from webhook.cluster.offline import OfflineCluster
from webhook.core.engine import decide
from webhook.core.model.documents import read
from webhook.core.model.review import answer, read_review
from webhook.core.policyset import parse_policies
from webhook.store import SHIPPED, load


@pytest.mark.parametrize("size", SIZES)
def test_reviews_have_their_size_and_are_the_same_for_the_same_seed(size: str) -> None:
    made = bodies(size, 1)

    assert all(abs(len(body) - SIZES[size]) < 150 for body in made)
    assert made == bodies(size, 1)
    assert made != bodies(size, 2)


def test_each_request_has_a_uid_of_its_own() -> None:
    names, body = uids(1), bodies("4", 1)[0]
    requests = [json.loads(body.with_uid(next(names)))["request"] for _ in range(10)]

    assert len({request["uid"] for request in requests}) == 10
    assert len({json.dumps({**request, "uid": ""}) for request in requests}) == 1


@pytest.mark.parametrize("size", SIZES)
def test_the_webhook_gives_the_verdict_that_is_due(size: str) -> None:
    policies = load()
    cluster = OfflineCluster([item.value for item in read(CONTEXT, "context")], policies.rbac)
    for body in bodies(size, 1):
        request = read_review("/mutate", body.with_uid(b"1234"))
        decision = decide(request, cluster.facts(request, policies), policies)

        assert decision.evaluated
        assert decision.allowed is body.allowed
        assert json.loads(answer(request, decision))["response"]["allowed"] is body.allowed


def test_a_population_of_tenants_asks_what_it_says() -> None:
    loaded = parse_policies(policies(3))
    population = Population(3)
    population.rbac.set()
    cache = ClusterCache(cast(Api, population))
    cache.start()
    cache.follow_tenancy()
    try:
        assert cache.wait(10)
        eventually(lambda: cache.tenancy_synced)
        rng = random.Random(1)  # noqa: S311 - says which namespace
        decisions = {
            kind: answered(made.make(2, rng), loaded, cache) for kind, made in KINDS.items()
        }
    finally:
        cache.stop()

    assert loaded.warnings == ()
    assert len(cache.world({}, {}).namespaces_of("t00002")) == 10
    assert {kind: decision.allowed for kind, decision in decisions.items()} == {
        kind: made.allowed for kind, made in KINDS.items()
    }
    assert [each.requester for each in decisions.values()] == [
        *("system", "tenant", "tenant", "tenant", "other", "tenant")
    ]


def test_reviews_that_are_to_show_growth_are_unlike_each_other_and_right() -> None:
    policies = load([SHIPPED])
    described = [item.value for item in read(memory.context(), "context")]
    cluster = OfflineCluster(described, policies.rbac)
    names = uids(1)
    for body in memory.bodies()[:8]:
        first, second = body.with_uid(next(names)), body.with_uid(next(names))
        request = read_review("/mutate", first)
        decision = decide(request, cluster.facts(request, policies), policies)

        assert len(first) == len(second) == len(body)
        assert first != second
        assert decision.allowed is body.allowed
