"""Quantities are compared by their exact value."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.quantity import canonical, printed, quantity


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0", "0"),
        ("0Gi", "0"),
        ("0.5", "500m"),
        (0.5, "500m"),
        (2, "2"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000Mi", "1000Mi"),
        ("1023", "1023"),
        ("0.5Ki", "512"),
        ("0.1Ki", "102400m"),
        ("2048Ei", "2048Ei"),
        ("128974848", "128974848"),
        ("129e6", "129e6"),
        ("12e5", "1200e3"),
        ("1e-3", "1e-3"),
        ("1000E", "1000E"),
        ("0.1n", "1n"),
        ("-0.5", "-500m"),
        ("lots", "lots"),
    ],
)
def test_a_quantity_is_told_as_the_api_server_tells_it(text, told):
    assert canonical(text) == told


def test_an_amount_is_told_in_the_units_of_what_it_is_compared_with():
    assert printed(Fraction(2 * 1024**3), binary=True) == "2Gi"
    assert printed(Fraction(5, 2)) == "2500m"


@given(number=st.integers(1, 10**9), unit=st.sampled_from(["m", "", "k", "M", "Ki", "Mi", "e3"]))
def test_the_canonical_form_has_the_same_value_and_is_its_own(number: int, unit: str) -> None:
    told = canonical(f"{number}{unit}")

    assert quantity(told) == quantity(f"{number}{unit}")
    assert canonical(told) == told
