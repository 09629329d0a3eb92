"""Somebody undoes our repairs: noticed after five, and fought slowly."""

import pytest

from webhook.controllers.fights import Fights

KEY = ("shop", "", "ResourceQuota", "platform-quota")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fights(clock: Clock) -> Fights:
    return Fights(clock=clock)


def test_five_repairs_in_ten_minutes_are_borne_and_the_sixth_is_a_fight(fights):
    assert [fights.repaired(KEY) for _ in range(6)] == [False] * 5 + [True]
    assert fights.fighting() == 1


def test_repairs_now_and_then_are_no_fight(fights, clock):
    for _ in range(50):
        assert not fights.repaired(KEY)
        clock.now += 150

    assert fights.wait(KEY) == 0
    assert fights.fighting() == 0


def test_in_a_fight_the_next_repair_waits_longer_each_time(fights, clock):
    waits = []
    for number in range(12):
        fights.repaired(KEY)
        if number > 4:
            waits.append(fights.wait(KEY))
            clock.now += fights.wait(KEY)

    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert fights.wait(KEY) == 0  # and then it is repaired again: it is never given up


def test_it_is_over_after_ten_quiet_minutes(fights, clock):
    for _ in range(8):
        fights.repaired(KEY)
    clock.now += 601

    assert fights.fighting() == 0
    assert not fights.repaired(KEY)
    assert fights.wait(KEY) == 0


def test_another_object_is_not_concerned(fights):
    for _ in range(8):
        fights.repaired(KEY)

    assert fights.wait(("shop", "", "ResourceQuota", "other")) == 0


def test_a_namespace_that_is_gone_is_forgotten(fights):
    for _ in range(8):
        fights.repaired(KEY)
    fights.forget("shop")

    assert fights.fighting() == 0
