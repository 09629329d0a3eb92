"""Leader election: one leads at a time, on clocks that need not agree."""

import copy
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webhook.cluster.client import ApiError, ClusterError
from webhook.controllers.lease import Election, Timing

TIMING = Timing(duration=10, deadline=7, retry=1.5)


class LeaseApi:
    """Keeps one Lease, as an API server does; `down` refuses to answer, `lost` loses answers."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.down = self.lost = False

    def find(self, path: str, *, timeout: float) -> Any:
        self._up()
        return copy.deepcopy(self.lease)

    def post(self, path: str, body: dict[str, Any], *, timeout: float) -> Any:
        self._up()
        if self.lease is not None:
            raise ApiError("already exists", 409)
        return self._keep(body)

    def put(self, path: str, body: dict[str, Any], *, timeout: float) -> Any:
        self._up()
        if self.lease is None:
            raise ApiError("not found", 404)
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError("it has changed", 409)
        return self._keep(body)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        found: dict[str, Any] = self.lease["spec"]
        return found

    def _keep(self, body: dict[str, Any]) -> Any:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self.lease = copy.deepcopy({**body, "metadata": metadata})
        if self.lost:
            raise ClusterError("no answer in time")
        return copy.deepcopy(self.lease)

    def _up(self) -> None:
        if self.down:
            raise ClusterError("connection refused")


class Machine:
    """A candidate with a clock of its own."""

    def __init__(self, api: LeaseApi, name: str, clock: float, day: int) -> None:
        self.clock = clock
        self.election = Election(
            api,  # type: ignore[arg-type]  # a stand-in with what is called here
            "tenantgate-system",
            name,
            timing=TIMING,
            clock=lambda: self.clock,
            now=lambda: datetime(2026, 1, day, 12, tzinfo=UTC) + timedelta(seconds=self.clock),
        )


@pytest.fixture
def api() -> LeaseApi:
    return LeaseApi()


@pytest.fixture
def one(api) -> Machine:
    return Machine(api, "one", clock=5, day=1)


@pytest.fixture
def two(api) -> Machine:
    """Its clock tells another time, and its calendar another day."""
    return Machine(api, "two", clock=90_000, day=9)


def after(seconds: float, *machines: Machine) -> None:
    for machine in machines:
        machine.clock += seconds


def test_the_first_takes_the_lease(api, one):
    assert one.election.attempt()

    assert one.election.leading
    assert api.spec == {
        "holderIdentity": "one",
        "leaseDurationSeconds": 10,
        "acquireTime": "2026-01-01T12:00:05.000000Z",
        "renewTime": "2026-01-01T12:00:05.000000Z",
        "leaseTransitions": 0,
    }


def test_the_second_stands_by_while_the_first_renews(api, one, two):
    one.election.attempt()
    for _ in range(30):
        assert not two.election.attempt()
        after(1.5, one, two)
        assert one.election.attempt()

    assert two.election.holder == "one"
    assert not two.election.leading


def test_the_second_takes_over_when_it_has_seen_no_renewal_for_the_duration(api, one, two):
    one.election.attempt()
    assert not two.election.attempt()
    after(9.9, two)
    assert not two.election.attempt()
    after(0.2, two)
    assert two.election.attempt()

    assert api.spec["holderIdentity"] == "two"
    assert api.spec["leaseTransitions"] == 1


def test_it_does_not_wait_longer_than_the_lease_lasts(api, one, two):
    one.election.attempt()
    two.election.attempt()
    after(9.5, two)

    assert two.election.pause() == pytest.approx(0.5)


def test_a_leader_that_cannot_renew_stops_before_another_may_begin(api, one, two):
    one.election.attempt()
    two.election.attempt()
    api.down = True
    after(6.9, one, two)
    assert not one.election.attempt()
    assert one.election.leading
    after(0.2, one, two)

    assert not one.election.leading
    api.down = False
    assert not two.election.attempt()


def test_a_renewal_whose_answer_was_lost_counts_from_before(api, one):
    one.election.attempt()
    after(3, one)
    api.lost = True
    assert not one.election.attempt()
    api.lost = False
    after(3.9, one)
    assert one.election.leading
    assert not one.election.attempt()  # it is not as we saw it: looked at anew
    assert one.election.attempt()


def test_one_that_lost_the_lease_does_not_take_it_back(api, one, two):
    one.election.attempt()
    two.election.attempt()
    after(11, two)
    two.election.attempt()
    after(5, one)

    assert not one.election.attempt()
    assert not one.election.leading
    assert one.election.holder == "two"


def test_hold_ends_when_somebody_else_has_it(api, one, two):
    one.election.attempt()
    two.election.attempt()
    after(11, two)
    two.election.attempt()
    one.clock += 6.95  # so that it need not wait

    assert one.election.hold(threading.Event()) is False


def test_a_lease_that_was_given_back_is_free_at_once(api, one, two):
    one.election.attempt()
    two.election.attempt()
    one.election.release()
    assert "holderIdentity" not in api.spec

    assert two.election.attempt()
    assert not one.election.leading


def test_only_the_holder_gives_it_back(api, one, two):
    one.election.attempt()
    two.election.attempt()
    two.election.release()

    assert api.spec["holderIdentity"] == "one"


def test_one_that_comes_back_under_its_name_goes_on(api, one):
    one.election.attempt()
    again = Machine(api, "one", clock=0, day=2)

    assert again.election.attempt()
    assert api.spec["leaseTransitions"] == 0


def test_of_two_at_once_one_wins(api, one, two):
    one.election.attempt()
    one.election.release()
    two.election._note(api.find("", timeout=1))  # both have seen it free
    assert one.election.attempt()

    assert not two.election._renew()
    assert api.spec["holderIdentity"] == "one"


def test_why_nobody_can_be_asked_is_told(api, one):
    api.down = True
    assert not one.election.attempt()

    assert one.election.problem == "connection refused"


def test_acquire_ends_when_told_to(api, one, two):
    one.election.attempt()
    stopping = threading.Event()
    stopping.set()

    assert two.election.acquire(stopping) is False
