"""Patches turn one object into the other, and say no more than that."""

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.patch import patch


def applied(before: Any, after: Any) -> Any:
    """Return what the operations make of a copy of `before`, by the reference library."""
    return jsonpatch.apply_patch(
        copy.deepcopy(before), [dict(operation) for operation in patch(before, after)]
    )


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a": 1}, [("add", "/a", 1)]),
        ({"a": 1}, {"a": 2}, [("replace", "/a", 2)]),
        ({"a": 1}, {"a": True}, [("replace", "/a", True)]),
        ({"a": 1}, {}, [("remove", "/a", None)]),
        ({"a": None}, {"a": 1}, [("add", "/a", 1)]),
        ({"a": None}, {}, []),
        ({}, {"a": {"b": {"c": 1}}}, [("add", "/a", {"b": {"c": 1}})]),
        ({"a": {"b": {}}}, {"a": {"b": {"c": 1}}}, [("add", "/a/b/c", 1)]),
        ({"a": {}}, {"a": []}, [("replace", "/a", [])]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("replace", "/a/1", 3)]),
        ({"a": [1]}, {"a": [1, 2]}, [("replace", "/a", [1, 2])]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, [("add", "/a/0/c", 2)]),
        ({}, {"a/b": 1}, [("add", "/a~1b", 1)]),
        ({}, {"a~b": 1}, [("add", "/a~0b", 1)]),
        ({}, {"~1/~0": 1}, [("add", "/~01~1~00", 1)]),
        ({}, {"": 1}, [("add", "/", 1)]),
        ({"a": {"": 1}}, {"a": {}}, [("remove", "/a/", None)]),
        (
            {"metadata": {"annotations": {"a.io/b": "1"}}},
            {"metadata": {"annotations": {"a.io/b": "2"}}},
            [("replace", "/metadata/annotations/a.io~1b", "2")],
        ),
        ([], {}, [("replace", "", {})]),
    ],
    ids=str,
)  # fmt: skip
def test_the_operations(before, after, operations):
    found = patch(before, after)

    assert [(op["op"], op["path"], op.get("value")) for op in found] == operations
    if before != {"a": None}:
        assert applied(before, after) == after


def test_shared_parts_are_not_walked_and_nothing_is_changed() -> None:
    shared = {"deep": [1, 2, {"x": "y"}]}
    before, after = {"a": shared, "b": 1}, {"a": shared, "b": 2}
    copies = copy.deepcopy((before, after))

    assert patch(before, after) == ({"op": "replace", "path": "/b", "value": 2},)
    assert (before, after) == copies


KEYS = st.sampled_from(["a", "b", "c", "a/b", "~", "~1", "", "é", "0"])
VALUES = st.recursive(
    st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def same(a: Any, b: Any) -> bool:
    """Tell whether two values are the same JSON, where 1 is not true."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@given(before=OBJECTS, after=OBJECTS)
def test_the_patch_turns_before_into_after(before: Any, after: Any) -> None:
    assert same(applied(before, after), after)


@given(value=OBJECTS)
def test_there_is_nothing_to_say_of_equal_objects(value: Any) -> None:
    assert patch(value, copy.deepcopy(value)) == ()
