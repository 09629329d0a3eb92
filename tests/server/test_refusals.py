"""Events about refusals: at whose object, and never more than anybody could read."""

from typing import Any

import pytest

from tests.cluster.process import eventually
from tests.server.parts import Stand
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request, User
from webhook.server import refusals
from webhook.server.refusals import BURST, REFILL, Refusals, about

REPLICA_SET = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "name": "web-5d4",
    "uid": "1-2",
    "controller": True,
    "blockOwnerDeletion": True,
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


class Heard:
    """Takes Events, and keeps them."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def emit(self, *told: Any) -> None:
        self.told.append(told)


def refused(message: str = "no pod for you", **fields: Any) -> Decision:
    return Decision(**{"allowed": False, "message": message, "code": 403, **fields})


def request(value: Any = None, **fields: Any) -> Request:
    return Request(
        **{
            "operation": "CREATE",
            "resource": "pods",
            "kind": "Pod",
            "user": User("alice"),
            "namespace": "shop",
            "load": lambda: value,
            "load_old": lambda: value,
            **fields,
        }
    )


def owned(*owners: Any) -> Any:
    return {"metadata": {"generateName": "web-5d4-", "ownerReferences": list(owners)}}


@pytest.fixture
def heard() -> Heard:
    return Heard()


def told(heard: Heard, *asked: tuple[Request, Decision]) -> list[tuple[Any, ...]]:
    """Return the Events about some decisions."""
    telling = Refusals(heard, Stand().metrics)
    telling.start()
    started = heard.running
    for each in asked:
        telling.tell(*each)
    telling.stop()
    assert (started, heard.running) == (True, False)
    return heard.told


def test_a_refused_pod_is_told_of_at_the_controller_that_wanted_it(heard: Heard) -> None:
    found = told(heard, (request(owned({"kind": "Other"}, REPLICA_SET)), refused()))

    involved = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web-5d4", "uid": "1-2", "namespace": "shop"},
    }
    text = "refused to create Pod web-5d4-: no pod for you"
    assert found == [(involved, "Warning", "PolicyViolation", text)]


@pytest.mark.parametrize(
    "asked",
    [
        request({"metadata": {"name": "web"}}),
        request(owned({**REPLICA_SET, "controller": False})),
        request(owned({**REPLICA_SET, "uid": ""}, "nonsense")),
        request({"metadata": {"ownerReferences": {}}}),
        request([]),
        request(resource="namespaces", kind="Namespace", operation="UPDATE"),
        request(resource="deployments", kind="Scale", subresource="scale", operation="UPDATE"),
    ],
)
def test_what_nobody_owns_is_told_of_at_its_namespace(asked: Request) -> None:
    assert about(asked) == NAMESPACE


@pytest.mark.parametrize(
    ("asked", "kind", "uid"),
    [
        (
            request({"metadata": {"uid": "3"}}, operation="UPDATE", name="web"),
            "Pod",
            "3",
        ),
        (
            request({"metadata": {"uid": "3"}}, operation="DELETE", name="web"),
            "Pod",
            "3",
        ),
        (
            request(operation="CONNECT", kind="PodExecOptions", subresource="exec", name="web"),
            "Pod",
            None,
        ),
    ],
)
def test_a_change_is_told_of_at_the_object_itself(
    asked: Request, kind: str, uid: str | None
) -> None:
    assert about(asked) == {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": uid},
    }


@pytest.mark.parametrize(
    ("asked", "decision"),
    [
        (request(), Decision(True)),
        (request(dry_run=True), refused()),
        (request(), refused(code=429, evaluated=False)),
        (request(), refused(code=500, evaluated=False)),
        (request(namespace="", resource="clusterroles"), refused()),
        (request(resource="namespaces", kind="Namespace"), refused()),
    ],
)
def test_of_anything_else_nobody_is_told(heard: Heard, asked: Request, decision: Decision) -> None:
    assert told(heard, (asked, decision)) == []


def test_owners_that_somebody_made_up_do_not_make_for_more_events(heard: Heard) -> None:
    now = 0.0
    stand = Stand()
    telling = Refusals(heard, stand.metrics, clock=lambda: now)
    telling.start()
    for number in range(2 * BURST):
        telling.tell(request(owned({**REPLICA_SET, "name": f"rs-{number}"})), refused())
    eventually(lambda: stand.count("tenantgate_events_dropped_total") == BURST)
    assert len(heard.told) == BURST

    telling.tell(request(owned(REPLICA_SET), namespace="other"), refused())
    eventually(lambda: len(heard.told) == BURST + 1)
    now = REFILL
    telling.tell(request(owned(REPLICA_SET)), refused())
    telling.tell(request(owned(REPLICA_SET)), refused())
    telling.stop()

    assert len(heard.told) == BURST + 2
    assert stand.count("tenantgate_events_dropped_total") == BURST + 1


def test_what_waits_is_bounded_and_the_rest_is_counted(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_WAITING", 3)
    stand = Stand()
    telling = Refusals(heard, stand.metrics)
    for _ in range(5):
        telling.tell(request(), refused())

    assert stand.count("tenantgate_events_dropped_total") == 2
    telling.start()
    telling.stop()
    assert len(heard.told) == 3


def test_a_teller_that_fails_is_no_reason_to_stop(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = Refusals(heard, Stand().metrics)
    telling.start()
    with monkeypatch.context() as patched:
        patched.setattr(heard, "emit", None)
        telling.tell(request(), refused("first"))
        eventually(lambda: telling._waiting.empty())
    telling.tell(request(), refused("second"))
    telling.stop()

    assert [text.partition(": ")[2] for *_, text in heard.told][-1:] == ["second"]
