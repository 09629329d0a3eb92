"""An edit of tenantgate's own policies is refused when they would not load.

In a cluster the policies are the files of a mounted ConfigMap. One in tenantgate's own namespace with
the label `tenantgate.io/policies: "true"` is read as the loader will read it, on its own: it holds
a whole set. What is spread over several ConfigMaps bears no such label, and is judged by the loader
alone, which keeps the last good set.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.finding import Decision
from webhook.core.model.marks import POLICIES
from webhook.core.model.refusal import unreadable
from webhook.core.model.request import Request
from webhook.core.model.world import labels
from webhook.core.platform import Platform
from webhook.core.policyset import PolicyError, Problem, is_policy_file, parse_policies

MOST_BYTES = 2048
"""Of what is wrong, in one refusal."""

_EMPTY = (
    "no policy in it; a set holds at least one, in a key that ends in .yaml, .yml or .json and not in "
    "_test.yaml"
)
_UNWATCHED = (
    f"without the label {POLICIES}: true, later edits of this ConfigMap are not checked before "
    "they are stored"
)


def is_policy_edit(request: Request, platform: Platform) -> bool:
    """Tell whether a request writes a ConfigMap that holds tenantgate's own policies, or held them."""
    return (
        request.resource == "configmaps"
        and not request.group
        and not request.subresource
        and request.operation in ("CREATE", "UPDATE")
        and request.namespace == platform.engine_namespace
        and (_is_labelled(request.object) or _is_labelled(request.old_object))
    )


def judge(request: Request) -> Decision:
    """Refuse policies that would not load, with every mistake; warn of what is odd in others.

    An edit that leaves the files as they are passes, whatever they hold: it is no reason why they do
    not load. Taking the label off is allowed, yet not together with a mistake.
    """
    before, after = _is_labelled(request.old_object), _is_labelled(request.object)
    warnings = () if after else (_UNWATCHED,)
    if before and _files(request.object) == _files(request.old_object):
        return Decision(allowed=True, object=request.object, warnings=warnings)
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    try:
        for name, text in files_of(request.object):
            if isinstance(text, Problem):
                problems.append(text)
            else:
                texts[name] = text
    except TypeError as error:
        return unreadable(f"the object is no readable ConfigMap: {error}")
    if not texts and not problems:
        problems.append(Problem("data", 1, 1, _EMPTY))
    try:
        if not problems:
            loaded = parse_policies(texts)
            return Decision(
                allowed=True, object=request.object, warnings=(*loaded.warnings, *warnings)
            )
    except PolicyError as error:
        problems += error.problems
    # Forbidden and not Invalid, of which `kubectl edit` shows no message.
    return Decision(
        allowed=False,
        message=_refusal(request, problems),
        code=403,
        reason="Forbidden",
        object=request.object,
    )


def _is_labelled(value: Any) -> bool:
    return labels(value).get(POLICIES) == "true"


def _files(value: Any) -> tuple[Any, Any]:
    return (value.get("data"), value.get("binaryData")) if isinstance(value, dict) else (None, None)


def files_of(value: Any) -> Iterator[tuple[str, str | Problem]]:
    """Yield each policy file that a mount would show, with its text or why it has none.

    Raises:
        TypeError: this is no ConfigMap.
    """
    plain, binary = _files(value)
    for part, files in (("data", plain), ("binaryData", binary)):
        if files is not None and not isinstance(files, Mapping):
            raise TypeError(f"{part} is no object")
        for name, text in (files or {}).items():
            if not isinstance(text, str):
                raise TypeError(f"{part}[{name}] is no string")
            if is_policy_file(name):
                yield name, text.removeprefix("\ufeff") if part == "data" else _decoded(name, text)


def _decoded(name: str, text: str) -> str | Problem:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        return Problem(name, 1, 1, "is not UTF-8 text")


def _refusal(request: Request, problems: list[Problem]) -> str:
    number = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    name = request.name or "of this name"
    told = [f'the policies in ConfigMap "{name}" would not load: {number}']
    end = "Fix: correct them and apply again; until then the policies in force stay as they are."
    size = len(told[0].encode()) + len(end.encode()) + len("\n... and 100000 more\n")
    for index, problem in enumerate(sorted(problems)):
        line = str(problem)
        size += len(line.encode()) + 1
        if size > MOST_BYTES and index:
            told.append(f"... and {len(problems) - index} more")
            break
        told.append(line)
    return "\n".join((*told, end))
