"""Kubernetes quantities: `100m`, `0.5`, `64Mi`, `1e3`, compared by value."""

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:([KMGTPE]i|[numkMGTPE]?)|[eE]([+-]?[0-9]{1,3}))\Z"
)
_SUFFIX: dict[str, Fraction] = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(1000),
    **{unit: Fraction(1000 ** (i + 2)) for i, unit in enumerate("MGTPE")},
    **{unit + "i": Fraction(1024 ** (i + 1)) for i, unit in enumerate("KMGTPE")},
}


def quantity(value: object) -> Fraction | None:
    """Return the value of a quantity, exactly; None for what is no quantity.

    Accepts the serialisation of k8s.io/apimachinery's `resource.Quantity`, and plain numbers, as
    the API server does.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(Decimal(repr(value)))
    return _read(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)  # everybody writes the same few
def _read(text: str) -> Fraction | None:
    match = _QUANTITY.match(text)
    if not match:
        return None
    number, suffix, exponent = match.groups()
    scale = _SUFFIX[suffix] if exponent is None else Fraction(10) ** int(exponent)
    return Fraction(number) * scale


_EXPONENTS: dict[int, str] = {
    **{0: "", -3: "m", -6: "u", -9: "n"},
    **{3 * i: unit for i, unit in enumerate("kMGTPE", 1)},
}


def canonical(value: object) -> str:
    """Return a quantity as the API server prints it: `0.5` as `500m`, `1024Mi` as `1Gi`.

    That is a whole number with the largest unit of its own family (powers of 1000, powers of 1024,
    or an exponent) that loses nothing. What is no quantity is returned as text.
    """
    amount = quantity(value)
    if amount is None:
        return str(value)
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    suffix, exponent = match.group(2, 3) if match else ("", None)
    if suffix and suffix.endswith("i"):
        return printed(amount, binary=True)
    return printed(amount, scientific=exponent is not None)


def printed(amount: Fraction, *, binary: bool = False, scientific: bool = False) -> str:
    """Return an amount as a quantity; beyond a billionth it is rounded up, as the API server does.

    Args:
        amount: the value.
        binary: with units of 1024, where it is whole and at least that much.
        scientific: with an exponent in place of a unit.
    """
    billionths = -(-amount * 10**9 // 1) if amount > 0 else amount * 10**9 // 1
    if not billionths:
        return "0"
    if binary and abs(amount) >= 1024 and amount.denominator == 1:
        whole, power = amount.numerator, 0
        while whole % 1024 == 0 and power < 6:
            whole, power = whole // 1024, power + 1
        return f"{whole}{'KMGTPE'[power - 1]}i" if power else str(whole)
    number, unit = int(billionths), -9
    while number % 1000 == 0 and (scientific or unit < 18):
        number, unit = number // 1000, unit + 3
    if scientific:
        return f"{number}e{unit}" if unit else str(number)
    return f"{number}{_EXPONENTS[unit]}"
