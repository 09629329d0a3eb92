"""How values and findings read."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import UNSET, Finding, line, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (UNSET, "not set"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-1.5, "-1.5"),
        ("", '""'),
        ("a", '"a"'),
        ('say "a"', '"say \\"a\\""'),
        ("a\\b", '"a\\\\b"'),
        ("a\nb", '"a\\nb"'),
        ([], "[]"),
        ([1, "a", None], '[1, "a", null]'),
        ({}, "{}"),
        ({"a": [True], "b": {"c": ""}}, '{a: [true], b: {c: ""}}'),
    ],
    ids=str,
)
def test_a_value_is_shown_on_one_line(value, text):
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 1000) == '"' + "x" * 252 + "..."
    assert len(shown([1] * 1000)) == 256


def test_a_long_annotation_is_told_by_its_size_alone() -> None:
    """It may be all of an object, a Secret's data with it."""
    value = "hunter2 " + "ü" * 300
    finding = Finding(
        path=FieldPath.parse("metadata.annotations[a.io/b]"),
        observed=value,
        allowed="not set",
        fix=f"drop {value.replace(' ', '')} there",
        rule="r",
        why=f"The annotation says {value}",
    )

    assert line(finding) == (
        "The annotation says (a text of 608 bytes): metadata.annotations[a.io/b] is a text of 608 "
        "bytes; allowed: not set. Fix: drop (a text of 607 bytes) there. [r]"
    )
    assert "hunter2" in line(replace(finding, path=FieldPath.parse("spec.host")))


def test_a_finding_says_where_what_and_how_to_mend_it() -> None:
    finding = Finding(
        path=FieldPath.parse("spec.containers[0].ports[0].hostPort"),
        observed=80,
        allowed="none",
        fix="remove hostPort",
        rule="host-ports",
        policy="restricted",
    )

    assert line(finding) == (
        "restricted/host-ports: spec.containers[0].ports[0].hostPort is 80; allowed: none. "
        "Fix: remove hostPort."
    )


def test_a_finding_on_the_whole_object() -> None:
    finding = Finding(ROOT, UNSET, "a name", "give it one", policy="scc")

    assert line(finding) == "scc: the object is not set; allowed: a name. Fix: give it one."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(value=JSON)
def test_whatever_was_seen_is_short(value: Any) -> None:
    assert len(shown(value)) <= 256
