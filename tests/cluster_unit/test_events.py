"""Events: told once, then counted, never too many, and nobody waits for them."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.process import eventually
from webhook.cluster.client import ApiError, ClusterError
from webhook.cluster.events import Events

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "u1"}}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}}


class Sent:
    """Takes what is sent; `fault` is raised in its place, `gate` holds it up."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, Any]] = []
        self.merges: list[tuple[str, Any]] = []
        self.fault: ClusterError | None = None
        self.attempts = 0
        self.expired = False
        self.gate = threading.Event()
        self.gate.set()

    def post(self, path: str, body: Any, *, timeout: float) -> Any:
        self._pass()
        self.posts.append((path, body))
        return body

    def merge(self, path: str, body: Any, *, timeout: float) -> Any:
        self._pass()
        if self.expired:
            raise ApiError("not found", 404)
        self.merges.append((path, body))
        return body

    def _pass(self) -> None:
        self.gate.wait(10)
        self.attempts += 1
        if self.fault:
            raise self.fault


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events(sent: Sent, clock: Clock) -> Iterator[Events]:
    made = Events(sent, instance="replica-1", clock=clock)  # type: ignore[arg-type]  # a stand-in with what is called here
    made.start()
    yield made
    sent.gate.set()
    made.stop()


def test_an_event_says_what_happened_to_what(events, sent):
    events.emit(POD, "Warning", "Refused", "privileged is true", related=NODE)
    events.stop()

    ((path, body),) = sent.posts
    assert path == "/apis/events.k8s.io/v1/namespaces/shop/events"
    assert body["metadata"]["namespace"] == "shop"
    assert body["metadata"]["name"].startswith("web.")
    assert body["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "shop",
        "name": "web",
    }
    assert body["related"] == {"apiVersion": "v1", "kind": "Node", "name": "worker"}
    assert (body["type"], body["reason"], body["note"]) == (
        "Warning",
        "Refused",
        "privileged is true",
    )
    assert (body["reportingController"], body["reportingInstance"]) == ("tenantgate", "replica-1")
    assert body["action"]
    assert body["eventTime"].endswith("Z")
    assert "series" not in body


def test_what_happened_to_a_namespace_is_told_in_it(events, sent):
    events.emit(NAMESPACE, "Normal", "Provisioned", "all there")
    events.stop()

    ((path, body),) = sent.posts
    assert path == "/apis/events.k8s.io/v1/namespaces/shop/events"
    assert body["regarding"]["namespace"] == "shop"
    assert body["regarding"]["uid"] == "u1"


def test_what_happened_to_the_cluster_is_told_in_default(events, sent):
    events.emit(NODE, "Normal", "Seen", "it is there")
    events.stop()

    assert sent.posts[0][0] == "/apis/events.k8s.io/v1/namespaces/default/events"


def test_repetitions_are_counted_in_one_event(events, sent, clock):
    events.emit(POD, "Warning", "Refused", "no")
    eventually(lambda: sent.posts)
    for _ in range(5):
        events.emit(POD, "Warning", "Refused", "no")
    clock.now += 31
    events.emit(POD, "Warning", "Refused", "no")
    ((path, body),) = eventually(lambda: sent.merges)

    assert len(sent.posts) == 1
    assert path.rpartition("/")[2] == sent.posts[0][1]["metadata"]["name"]
    assert body["series"]["count"] == 7
    assert body["series"]["lastObservedTime"].endswith("Z")


def test_after_ten_quiet_minutes_it_is_news_again(events, sent, clock):
    events.emit(POD, "Warning", "Refused", "no")
    eventually(lambda: sent.posts)
    clock.now += 601
    events.emit(POD, "Warning", "Refused", "no")

    eventually(lambda: len(sent.posts) == 2)


def test_of_one_object_and_reason_only_so_many_are_told(events, sent, clock):
    for number in range(50):
        events.emit(POD, "Warning", "Refused", f"number {number}")
        events.emit(POD, "Warning", "Other", "another reason")
    events.emit(NODE, "Warning", "Refused", "another object")
    events.stop()

    told = [body["reason"] for _, body in sent.posts]
    assert told.count("Refused") == 11
    assert told.count("Other") == 1


def test_time_lets_more_through(events, sent, clock):
    for number in range(12):
        events.emit(POD, "Warning", "Refused", f"number {number}")
    clock.now += 61
    for number in range(12, 14):
        events.emit(POD, "Warning", "Refused", f"number {number}")
    events.stop()

    assert len(sent.posts) == 11


def test_a_long_message_is_cut_between_characters(events, sent):
    events.emit(POD, "Normal", "Long", "ü" * 2000)
    events.stop()

    note = sent.posts[0][1]["note"]
    assert len(note.encode()) <= 1024
    assert note.startswith("üüü")
    assert note.endswith(" …")


def test_one_that_is_refused_is_given_up_and_the_next_is_sent(events, sent):
    sent.fault = ApiError("the namespace is being terminated", 403)
    events.emit(POD, "Normal", "First", "a")
    eventually(lambda: sent.attempts == 1)
    sent.fault = None
    events.emit(POD, "Normal", "Second", "b")
    events.stop()

    assert [body["reason"] for _, body in sent.posts] == ["Second"]


def test_one_that_could_not_be_sent_is_sent_later(events, sent, clock):
    sent.fault = ClusterError("connection refused")
    events.emit(POD, "Normal", "First", "a")
    eventually(lambda: sent.attempts == 1)
    sent.fault = None
    clock.now += 5
    events.emit(POD, "Normal", "Second", "b")
    events.stop()

    assert {body["reason"] for _, body in sent.posts} == {"First", "Second"}


def test_an_event_that_has_expired_is_begun_anew(events, sent, clock):
    events.emit(POD, "Normal", "First", "a")
    eventually(lambda: sent.posts)
    sent.expired = True
    clock.now += 31
    events.emit(POD, "Normal", "First", "a")

    eventually(lambda: len(sent.posts) == 2)


def test_nobody_waits_for_a_slow_server(events, sent):
    sent.gate.clear()
    for number in range(10_000):
        events.emit({**POD, "metadata": {"name": f"p{number}"}}, "Normal", "Many", "x")


def test_what_is_told_after_the_end_is_dropped(events, sent):
    events.stop()
    events.emit(POD, "Normal", "Late", "x")

    assert sent.posts == []
