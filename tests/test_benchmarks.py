"""The benchmarks send what they say they send."""

import json

import pytest

from benchmarks.bodies import CONTEXT, SIZES, bodies, uids
from webhook.cluster.offline import OfflineCluster
from webhook.core.engine import decide
from webhook.core.model.documents import read
from webhook.core.model.review import answer, read_review
from webhook.store import load


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
