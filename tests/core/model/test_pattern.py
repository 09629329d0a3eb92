"""Globs and regular expressions of policies, which cover a whole text or nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.pattern import glob, is_all


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a", "a"),
        ("*", ""),
        ("*", "a/b.c\n"),
        ("acme.io/*", "acme.io/"),
        ("acme.io/*", "acme.io/a/b"),
        ("*.acme.io/*", "x.acme.io/y"),
        ("a*b*c", "abbcbc"),
        ("a**c", "ac"),
        ("*ab*ab*", "abab"),
    ],
)
def test_a_glob_covers(pattern: str, text: str) -> None:
    assert glob(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a", "A"),
        ("a", "ab"),
        ("", "a"),
        ("a.c", "abc"),
        ("[ab]", "a"),
        ("acme.io/*", "acme.io"),
        ("*.acme.io", "evilacme.io"),
        ("ab*ba", "aba"),
        ("a*b*b", "ab"),
        ("*ab*ab*", "abb"),
    ],
)
def test_a_glob_does_not_cover(pattern: str, text: str) -> None:
    assert not glob(pattern, text)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_star_is_any_run_of_characters(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))

    assert glob(pattern, text) == bool(re.fullmatch(expression, text))


def test_an_expression_has_to_match_the_whole_text() -> None:
    assert is_all("cc-[0-9]{4}", "cc-0815")
    assert not is_all("cc-[0-9]{4}", "cc-08150")
    assert not is_all("cc-[0-9]{4}", "xcc-0815")
    assert not is_all("cc-[0-9]{4}", "cc-0815\n")
