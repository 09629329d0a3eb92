"""What is done about the registration, and above all what is not, at three in the morning."""

import copy
from typing import Any

import pytest

from webhook.core.registration import Service, registration
from webhook.core.registration.keeping import Mode, Seen, steps
from webhook.store import load

MADE = registration(load(), Service("tenantgate-system", "tenantgate"))
WANTED = {str(each["kind"]): each for each in MADE}
MUTATING, VALIDATING = WANTED
BOTH = frozenset(WANTED)
DOWN = "nobody is there"


def edited(**fields: Any) -> dict[str, Any]:
    """Return both configurations with an edit of the first entry of each."""
    stored: dict[str, Any] = copy.deepcopy(WANTED)
    for each in stored.values():
        each["webhooks"][0].update(fields)
    return stored


def moves(
    stored: dict[str, Any],
    before: frozenset[str] = frozenset(),
    silence: str = "",
    mode: Mode = "managed",
) -> list[str]:
    return [step.move for step in steps(WANTED, Seen(stored, before, silence), mode)]


NOTHING: dict[str, Any] = {MUTATING: None, VALIDATING: None}


def test_what_was_never_there_is_created_once_somebody_answers() -> None:
    assert moves(NOTHING, silence=DOWN) == ["wait", "wait"]
    assert moves(NOTHING) == ["create", "create"]


def test_what_is_as_it_should_be_is_kept_whoever_answers() -> None:
    assert moves(dict(WANTED), BOTH) == ["keep", "keep"]
    assert moves(dict(WANTED), BOTH, DOWN) == ["keep", "keep"]


def test_an_edit_is_put_right() -> None:
    found = steps(WANTED, Seen(edited(failurePolicy="Ignore"), BOTH))

    assert [step.move for step in found] == ["repair", "repair"]
    assert [str(each.path[-1]) for step in found for each in step.differences] == [
        "failurePolicy",
        "failurePolicy",
    ]


def test_while_nobody_answers_nothing_is_made_stricter() -> None:
    """Somebody may have loosened it for that very reason."""
    assert moves(edited(failurePolicy="Ignore"), BOTH, DOWN) == ["wait", "wait"]


@pytest.mark.parametrize("silence", ["", DOWN])
def test_what_was_deleted_by_hand_stays_deleted(silence: str) -> None:
    assert moves(NOTHING, BOTH, silence) == ["leave", "leave"]
    assert moves({**WANTED, VALIDATING: None}, BOTH, silence) == ["keep", "leave"]


def test_what_was_deleted_can_be_asked_back() -> None:
    """Whoever deletes the note, deletes that it was there."""
    assert moves(NOTHING, frozenset()) == ["create", "create"]


def test_what_somebody_registers_again_is_kept_again() -> None:
    assert moves(edited(timeoutSeconds=1), BOTH) == ["repair", "repair"]


@pytest.mark.parametrize("silence", ["", DOWN])
def test_what_others_keep_is_only_reported(silence: str) -> None:
    assert moves(NOTHING, BOTH, silence, "external") == ["report", "report"]
    assert moves(edited(failurePolicy="Ignore"), BOTH, silence, "external") == ["report", "report"]
    assert moves(dict(WANTED), BOTH, silence, "external") == ["keep", "keep"]
