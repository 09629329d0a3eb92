"""Access reviews: what is asked, what is remembered, and what is no answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.process import eventually
from tests.cluster_unit.fake_api import REVIEWS
from webhook.cluster.access import AccessError, AccessReviews, Answers
from webhook.cluster.client import ClusterError
from webhook.core.model.request import User

ALICE = User("alice", ("devs", "system:authenticated"), "u-1", {"scopes": ("a", "b")})
NAMES = ("web", "batch", "privileged")


@pytest.fixture
def reviews(api):
    made = AccessReviews(api)
    yield made
    made.close()


def allow(*names: str):
    return lambda spec: {"allowed": spec["resourceAttributes"]["name"] in names}


def test_the_usable_ones_are_found_and_remembered(server, reviews):
    server.review = allow("web", "batch")

    assert reviews.cached(ALICE, "shop", NAMES) is None
    assert reviews.ask(ALICE, "shop", NAMES) == {"web", "batch"}
    assert reviews.cached(ALICE, "shop", NAMES) == {"web", "batch"}
    assert reviews.cached(ALICE, "shop", ("privileged",)) == set()


def test_the_whole_identity_is_passed_on(server, reviews):
    reviews.ask(ALICE, "shop", ["web"])

    assert server.reviews == [
        {
            "user": "alice",
            "groups": ["devs", "system:authenticated"],
            "uid": "u-1",
            "extra": {"scopes": ["a", "b"]},
            "resourceAttributes": {
                "verb": "use",
                "group": "security.openshift.io",
                "resource": "securitycontextconstraints",
                "namespace": "shop",
                "name": "web",
            },
        }
    ]


def test_a_pods_service_account_has_its_two_groups_only(server, reviews):
    reviews.ask(User.service_account("shop", "robot"), "shop", ["web"])

    [spec] = server.reviews
    assert spec["user"] == "system:serviceaccount:shop:robot"
    assert spec["groups"] == ["system:serviceaccounts", "system:serviceaccounts:shop"]
    assert spec.keys() == {"user", "groups", "resourceAttributes"}


def test_only_what_is_not_remembered_is_asked(server, reviews):
    reviews.ask(ALICE, "shop", ["web"])
    reviews.ask(ALICE, "shop", NAMES)

    asked = [spec["resourceAttributes"]["name"] for spec in server.reviews]
    assert sorted(asked) == sorted(NAMES)


@pytest.mark.parametrize(
    ("user", "namespace"),
    [
        (ALICE, "office"),
        (User("bob", ALICE.groups, ALICE.uid, ALICE.extra), "shop"),
        (User("alice", ("devs",), ALICE.uid, ALICE.extra), "shop"),
        (User("alice", ALICE.groups, "u-2", ALICE.extra), "shop"),
        (User("alice", ALICE.groups, ALICE.uid, {"scopes": ("a",)}), "shop"),
    ],
    ids=["namespace", "name", "groups", "uid", "extra"],
)
def test_an_answer_counts_for_its_question_alone(server, reviews, user, namespace):
    server.review = allow(*NAMES)
    reviews.ask(ALICE, "shop", NAMES)

    assert reviews.cached(user, namespace, NAMES) is None


def test_answers_are_forgotten_after_a_while(server, api):
    server.review = allow("web")
    reviews = AccessReviews(api, remember=0)
    assert reviews.ask(ALICE, "shop", NAMES) == {"web"}

    server.review = allow()

    assert reviews.cached(ALICE, "shop", NAMES) is None
    assert reviews.ask(ALICE, "shop", NAMES) == set()
    reviews.close()


def test_no_opinion_is_a_no(server, reviews):
    server.review = lambda spec: {}

    assert reviews.ask(ALICE, "shop", NAMES) == set()


def test_a_reason_is_no_error(server, reviews):
    server.review = lambda spec: {"allowed": False, "reason": "role not found"}

    assert reviews.ask(ALICE, "shop", NAMES) == set()


@pytest.mark.parametrize(
    "status",
    [
        {"allowed": False, "evaluationError": "authorizer is down"},
        {"evaluationError": "authorizer is down"},
        {"allowed": "yes"},
        None,
    ],
)
def test_an_error_is_no_answer_and_not_remembered(server, reviews, status):
    server.review = lambda spec: status

    with pytest.raises(AccessError, match='whether "alice" may use SCC "web" in namespace "shop"'):
        reviews.ask(ALICE, "shop", ["web"])

    assert reviews.cached(ALICE, "shop", ["web"]) is None
    server.review = allow("web")
    assert reviews.ask(ALICE, "shop", ["web"]) == {"web"}


def test_an_error_beside_a_yes_is_a_yes(server, reviews):
    server.review = lambda spec: {"allowed": True, "evaluationError": "one authorizer is down"}

    assert reviews.ask(ALICE, "shop", ["web"]) == {"web"}


def test_a_server_that_refuses_to_review_is_no_answer(server, reviews):
    server.faults[REVIEWS] = (403, "tenantgate cannot create subjectaccessreviews")

    with pytest.raises(ClusterError, match="403 tenantgate cannot create"):
        reviews.ask(ALICE, "shop", NAMES)


def test_a_server_that_is_slow_is_no_answer(server, api):
    reviews = AccessReviews(api, timeout=0.1)
    server.gate.clear()

    with pytest.raises(ClusterError, match=r"no answer in time|was not answered in 0\.1 s"):
        reviews.ask(ALICE, "shop", NAMES)

    server.gate.set()
    reviews.close()


def test_questions_that_nobody_waits_for_are_not_sent(server, api):
    reviews = AccessReviews(api, timeout=0.1, concurrency=1)
    server.gate.clear()
    with pytest.raises(ClusterError):
        reviews.ask(ALICE, "shop", [f"scc-{number}" for number in range(50)])

    server.gate.set()
    eventually(lambda: _answered(reviews))

    names = [spec["resourceAttributes"]["name"] for spec in server.reviews]
    assert len([name for name in names if name.startswith("scc-")]) < 5
    reviews.close()


def _answered(reviews: AccessReviews) -> bool:
    try:
        reviews.ask(ALICE, "shop", ["web"])
    except ClusterError:
        return False
    return True


def test_one_question_is_sent_once_however_many_ask_it(server, reviews):
    server.review = allow("web")
    server.gate.clear()
    with ThreadPoolExecutor(10) as callers:
        started = threading.Barrier(11)

        def ask():
            started.wait()
            return reviews.ask(ALICE, "shop", ["web"])

        answers = [callers.submit(ask) for _ in range(10)]
        started.wait()
        eventually(lambda: server.reviews)
        server.gate.set()

        assert [answer.result() for answer in answers] == [{"web"}] * 10
    assert len(server.reviews) == 1


def test_only_so_many_reviews_are_under_way_at_once(server, api):
    reviews = AccessReviews(api, concurrency=2)
    lock, busy, most = threading.Lock(), 0, 0

    def review(spec):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.01)
        with lock:
            busy -= 1
        return {"allowed": False}

    server.review = review
    reviews.ask(ALICE, "shop", [f"scc-{number}" for number in range(20)])

    assert most == 2
    reviews.close()


def test_gathered_answers_know_what_was_asked_and_nothing_else():
    answers = Answers({(ALICE, "shop"): frozenset({"web"})})

    assert answers.grants(ALICE, "shop") == {"web"}
    with pytest.raises(AccessError, match='not asked what "alice" may use in namespace "office"'):
        answers.grants(ALICE, "office")
