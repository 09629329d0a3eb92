"""The work queue: nothing is lost, nothing is worked on twice at once."""

import threading

import pytest

from webhook.controllers.queue import BackOff, Queue


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return Queue(BackOff(first=1, longest=60), clock=clock, dice=lambda: 0.0)


def take(queue: Queue) -> str | None:
    return queue.get(timeout=0)


def test_keys_come_in_their_order_and_once(queue):
    for key in ("a", "b", "a"):
        queue.add(key)

    assert [take(queue), take(queue), take(queue)] == ["a", "b", None]


def test_a_key_in_hand_is_not_handed_out_again_before_it_is_done(queue):
    queue.add("a")
    assert take(queue) == "a"
    queue.add("a")

    assert take(queue) is None
    queue.done("a")
    assert take(queue) == "a"
    queue.done("a")
    assert take(queue) is None


def test_a_delayed_key_is_due_when_its_time_has_come(queue, clock):
    queue.add_after("a", 5)
    assert take(queue) is None
    assert len(queue) == 0

    clock.now += 5
    assert len(queue) == 1
    assert take(queue) == "a"


def test_of_two_delays_the_shorter_counts(queue, clock):
    queue.add_after("a", 50)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    clock.now += 5
    assert take(queue) == "a"
    queue.done("a")

    clock.now += 100
    assert take(queue) is None


def test_failures_wait_longer_each_time_up_to_the_most(queue):
    assert [queue.retry("a") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    queue.forget("a")
    assert queue.retry("a") == 1


def test_part_of_the_wait_is_left_to_chance(clock):
    queue = Queue(BackOff(first=1, longest=60), clock=clock, dice=lambda: 1.0)

    assert queue.retry("a") == 0.5


def test_what_the_server_asks_for_is_waited_for(queue):
    assert queue.retry("a", 30) == 30


def test_idle_keys_come_after_all_others(queue):
    queue.add_idle("everything")
    queue.add_idle("changed")
    queue.add("new")
    queue.add("changed")

    assert [take(queue) for _ in range(4)] == ["new", "changed", "everything", None]


def test_an_idle_key_in_hand_waits_until_it_is_done(queue):
    queue.add("a")
    take(queue)
    queue.add_idle("a")

    assert take(queue) is None
    queue.done("a")
    assert take(queue) == "a"


def test_at_the_end_nothing_is_handed_out_and_whoever_waits_is_woken(queue):
    taken: list[str | None] = ["not yet"]
    waiting = threading.Thread(target=lambda: taken.append(queue.get()))
    waiting.start()
    queue.end()
    waiting.join(5)

    assert taken == ["not yet", None]
    queue.add("a")
    assert queue.get() is None


def test_threads_share_it_and_no_change_is_missed():
    """Each change is followed by a look at it: the last look begins after the last change."""
    queue = Queue()
    changed, seen, busy = dict.fromkeys("abcde", 0), dict.fromkeys("abcde", 0), set()
    guard = threading.Lock()

    def work() -> None:
        while (key := queue.get()) is not None:
            with guard:
                assert key not in busy
                busy.add(key)
                seen[key] = changed[key]
            with guard:
                busy.discard(key)
            queue.done(key)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for number in range(2000):
        key = "abcde"[number % 5]
        with guard:
            changed[key] += 1
        queue.add(key)
    while len(queue) or busy:
        threading.Event().wait(0.01)
    queue.end()
    for worker in workers:
        worker.join(5)

    assert seen == changed
