"""Where in an object a value stands: `spec.containers[0].image`.

Paths are written and parsed here only.
"""

import re
from typing import Self

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")
_TOKEN = re.compile(r"\.?([A-Za-z_$][A-Za-z0-9_$-]*)|\[([0-9]+)\]|\[([^\]]+)\]")


class FieldPath(tuple[str | int, ...]):
    """A path as its steps: a key is a string, a list index is an int.

    `FieldPath.parse("spec.containers[0]") / "image"` is `spec.containers[0].image`. A key that is
    no plain word, such as an annotation's, stands in brackets: `metadata.annotations[a.io/b]`.
    """

    __slots__ = ()

    def __truediv__(self, step: str | int) -> Self:
        """Return the path one step further down."""
        return type(self)((*self, step))

    def __str__(self) -> str:
        text = ""
        for step in self:
            if isinstance(step, int) or not _PLAIN.match(step):
                text += f"[{step}]"
            else:
                text += f".{step}" if text else step
        return text

    def pointer(self) -> str:
        """Return the path as an RFC 6901 JSON Pointer."""
        return "".join(f"/{step if isinstance(step, int) else escaped(step)}" for step in self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a path in the spelling of `str(path)`.

        Raises:
            ValueError: the text is not a path.
        """
        steps: list[str | int] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise ValueError(f"not a field path: {text!r} (at character {at})")
            word, index, key = match.groups()
            steps.append(int(index) if index is not None else word if word is not None else key)
            at = match.end()
        return cls(steps)


def escaped(key: str) -> str:
    """Return a key as one step of a JSON Pointer: `~` is `~0`, `/` is `~1` (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


ROOT = FieldPath()
"""The whole object."""
