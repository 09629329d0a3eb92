"""Quantities are compared by their exact value."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.quantity import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("0.50", Fraction(1, 2)),
        ("100m", Fraction(1, 10)),
        ("1500m", Fraction(3, 2)),
        ("1u", Fraction(1, 10**6)),
        ("1n", Fraction(1, 10**9)),
        ("1k", 1000),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("1Ki", 1024),
        ("1.5Gi", 1536 * 1024**2),
        ("1Mi", 1024**2),
        ("1Ti", 1024**4),
        ("1Pi", 1024**5),
        ("1Ei", 1024**6),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e+3", 1000),
        ("12E-1", Fraction(6, 5)),
        (5, 5),
        (0.1, Fraction(1, 10)),
    ],
)
def test_a_quantity(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "1 ", " 1", "1ki", "1K", "1mi", "1e", "1e3m", "m", ".", "1,5", "0x10", "1_000", "1\n",
     "٣", "--1", "NaN", True, None, [], {}],
)  # fmt: skip
def test_what_is_no_quantity(text):
    assert quantity(text) is None


@given(number=st.integers(-(10**6), 10**6))
def test_a_quantity_in_thousandths_is_a_thousandth_of_it(number: int) -> None:
    assert quantity(f"{number}m") == Fraction(number, 1000)
    assert quantity(str(number)) == quantity(f"{number * 1000}m") == quantity(number)
