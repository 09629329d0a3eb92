"""Parameters: what is found, what is replaced, and what a value can never bring in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.provisioning.templates.parameters import Values, is_name, references, substitute

VALUES = Values.of({"PODS": "100", "LIST": '["a", 1]', "EMPTY": "", "WORD": "plain"}, {"WHO": "7"})


@pytest.mark.parametrize(
    ("raw", "replaced"),
    [
        ("${PODS}", "100"),
        ("${{PODS}}", 100),
        ("a-${PODS}-${WORD}", "a-100-plain"),
        ("${{LIST}}", ["a", 1]),
        ("${{WORD}}", "plain"),
        ("${EMPTY}${{EMPTY}}", "${{EMPTY}}"),
        ("${{EMPTY}}", ""),
        ("${UNKNOWN} ${{UNKNOWN}}", "${UNKNOWN} ${{UNKNOWN}}"),
        ("${PODS:-1} $PODS $${PODS}", "${PODS:-1} $PODS $100"),
        ({"${WORD}": ["${PODS}", 1, None, True]}, {"plain": ["100", 1, None, True]}),
    ],
)
def test_what_is_replaced(raw: Any, replaced: Any) -> None:
    assert substitute(raw, VALUES) == replaced


def test_a_value_that_follows_from_the_namespace_stays_a_string_even_as_a_whole() -> None:
    """Whoever calls himself `{"kind": "Group"}` brings no object into a namespace."""
    mean = '{"kind": "Group", "name": "system:masters"}'
    values = Values.of({}, {"REQUESTER": mean})

    assert substitute({"subject": "${{REQUESTER}}"}, values) == {"subject": mean}


def test_what_a_value_brings_in_is_not_searched_again() -> None:
    values = Values.of({"A": "${B}", "B": "secret"}, {"REQUESTER": "${B}"})

    assert substitute("${A} ${REQUESTER}", values) == "${B} ${B}"


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e999", "[" * 100_000, "010", "yes", "{", "'a'"]
)
def test_what_is_no_json_is_a_string(text: str) -> None:
    assert substitute("${{X}}", Values.of({"X": text}, {})) == text


def test_references_are_told_with_their_places_and_misplaced_ones_as_such() -> None:
    found = references({"a": ["${X}", "${{Y}}"], "${K}": "b ${{Y}}", "${{K}}": "${no-name}"})

    assert [(str(path), name, misplaced) for path, name, misplaced in found] == [
        ("a[0]", "X", False),
        ("a[1]", "Y", False),
        ("[${K}]", "K", False),
        ("[${K}]", "Y", True),
        ("[${{K}}]", "K", True),
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [("PODS", True), ("p_1", True), ("_", True), ("", False), ("a-b", False), ("é", False)],
)
def test_names(text: str, named: bool) -> None:
    assert is_name(text) is named


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_what_holds_no_parameter_is_returned_as_it_is(value: Any) -> None:
    if not list(references(value)):
        assert substitute(value, VALUES) is value


@given(json_values, st.text())
def test_a_text_with_any_value_in_it_is_a_string_that_begins_and_ends_as_written(
    value: Any, around: str
) -> None:
    text = json.dumps(value)
    found = substitute("<${X}>", Values.of({"X": text + around}, {}))

    assert found == f"<{text}{around}>"


@given(json_values)
def test_a_whole_value_is_what_its_json_spells(value: Any) -> None:
    assert substitute({"a": ["${{X}}"]}, Values.of({"X": json.dumps(value)}, {})) == {"a": [value]}
