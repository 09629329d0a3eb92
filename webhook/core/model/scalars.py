"""What an unquoted YAML scalar means to kubectl.

These are the rules of goyaml v2, which sigs.k8s.io/yaml is built on: YAML 1.1, but `22:22` and
dates stay strings, `0o644` is octal too, and `1e3` and `08` are numbers. PyYAML's own rules differ
in all of these.
"""

import re
import struct

from webhook.core.model.objects import Json

_WORDS: dict[str, Json] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
    | {w: True for word in ("y", "yes", "true", "on") for w in (word, word.title(), word.upper())}
    | {w: False for word in ("n", "no", "false", "off") for w in (word, word.title(), word.upper())}
)
_NUMERIC = frozenset("0123456789+-.")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_POINT_FLOAT = re.compile(r"\.\d+(?:_\d+)*(?:[eE][-+]?\d+(?:_\d+)*)?\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?\Z", re.ASCII)
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>[1-9][0-9]*|0))\Z"
)
_BASES = {"x": 16, "o": 8, "b": 2, "d": 10}
_LONGEST = 80  # characters of a 64-bit integer in base 2, and some


def plain(text: str) -> Json:
    """Return what an unquoted scalar means; a number with a point or an exponent is a float.

    Raises:
        ValueError: an infinity or a NaN, which JSON cannot carry.
    """
    if text[:1] not in _NUMERIC:
        return _WORDS.get(text, text)
    if text[0] == ".":
        if _NOT_FINITE.match(text):
            raise ValueError(text)
        return _float(text) if _POINT_FLOAT.match(text) else text
    digits = text.replace("_", "")
    if (match := _INTEGER.match(digits)) and len(digits) < _LONGEST:
        base = match.lastgroup or ""
        value = int(match["sign"] + match[base], _BASES[base])
        if -(2**63) <= value < 2**64:
            return value
    if _FLOAT.match(digits):
        return _float(digits, text)
    if _NOT_FINITE.match(text):
        raise ValueError(text)
    return text


def _float(digits: str, text: str = "") -> float | str:
    value = float(digits)
    return text or digits if value in (float("inf"), float("-inf")) else value


def integral(value: Json) -> Json:
    """Return a float without a fraction as the integer that its JSON form is read as."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def key(value: Json) -> str:
    """Return a scalar that stands as a mapping's key as the string that it becomes in JSON.

    Raises:
        ValueError: null, which kubectl takes for no key.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _short(value)
        case _:
            raise ValueError("null")


def _short(number: float) -> str:
    """Write a float as Go's `FormatFloat(number, 'g', -1, 32)` does, which kubectl's keys use."""
    try:
        single = _single(number)
    except OverflowError:
        return "-.inf" if number < 0 else ".inf"
    text = next(text for d in range(17) if _single(float(text := f"{single:.{d}e}")) == single)
    return f"{float(text):.9g}" if -4 <= int(text.partition("e")[2]) < 6 else text


def _single(number: float) -> float:
    (single,) = struct.unpack("f", struct.pack("f", number))
    return float(single)
