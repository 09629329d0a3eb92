"""What lasts is told as it begins, as it changes, and every ten minutes."""

from webhook.controllers.registration.reminders import AGAIN, Reminders


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_is_told_again_only_after_a_while() -> None:
    clock = Clock()
    reminders = Reminders(clock)

    assert reminders.due("a", "broken")
    assert not reminders.due("a", "broken")
    assert reminders.due("b", "broken")
    clock.now = AGAIN - 1
    assert not reminders.due("a", "broken")
    clock.now = AGAIN
    assert reminders.due("a", "broken")


def test_something_else_is_told_at_once() -> None:
    reminders = Reminders(Clock())

    assert reminders.due("a", "broken")
    assert reminders.due("a", "still broken")


def test_what_may_be_over_soon_is_told_when_it_has_lasted() -> None:
    clock = Clock()
    reminders = Reminders(clock)

    assert not reminders.due("a", "waits", patience=30)
    clock.now = 29
    assert not reminders.due("a", "waits", patience=30)
    clock.now = 30
    assert reminders.due("a", "waits", patience=30)


def test_what_was_over_begins_anew() -> None:
    reminders = Reminders(Clock())

    assert reminders.due("a", "broken")
    reminders.over("a")
    reminders.over("b")
    assert reminders.due("a", "broken")
