"""Kubernetes quantities: `100m`, `0.5`, `64Mi`, `1e3`, compared by value."""

import re
from decimal import Decimal
from fractions import Fraction

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
    if not isinstance(value, str) or not (match := _QUANTITY.match(value)):
        return None
    number, suffix, exponent = match.groups()
    scale = _SUFFIX[suffix] if exponent is None else Fraction(10) ** int(exponent)
    return Fraction(number) * scale
