"""Do match conditions let anybody off who should be judged, and everybody whom a repair needs?"""

import re
from collections.abc import Iterator

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.hook import Hook
from webhook.core.doctor.scene import Scene

CHECK = "conditions"

_AGAIN = "register what `tenantgate render webhooks` prints, or leave it to the controller"
_WIDE = ("system:authenticated", "system:serviceaccounts", "system:unauthenticated")
_PREFIX = re.compile(r"userInfo\.username\s*\.\s*(startsWith|endsWith|contains|matches)")
_WRITTEN = re.compile(r"(?<!\w)(object|oldObject)\s*\.\s*metadata\s*\.\s*(labels|annotations|name)")
_ANY_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Judge the match conditions of our own entries, held against those that they should have."""
    for hook in scene.ours:
        wanted = scene.wanted.get(hook.name)
        if wanted is None:
            continue
        asked = {str(each.get("expression")): str(each.get("name")) for each in wanted.conditions}
        found = {str(each.get("expression")): str(each.get("name")) for each in hook.conditions}
        told = [
            *(_foreign(hook, name, text) for text, name in found.items() if text not in asked),
            *(_missing(hook, name) for text, name in asked.items() if text not in found),
        ]
        yield from told
        if not told:
            seen = f"{len(found)} match conditions, as they should be"
            yield Diagnosis(CHECK, "ok", hook.place, seen)


def _foreign(hook: Hook, name: str, expression: str) -> Diagnosis:
    level: Level = "fail"
    texts = {one or other for one, other in _ANY_TEXT.findall(expression)}
    if expression.strip() == "false":
        seen = "is always false: nothing at all is judged"
    elif _PREFIX.search(expression):
        seen = "tells people by a part of their name, which others may give themselves"
    elif wide := sorted(texts & set(_WIDE)):
        seen = f"lets off {', '.join(wide)}, which is nearly everybody"
    elif _WRITTEN.search(expression):
        seen = "reads what the requester writes, who can so let himself off"
    else:
        level, seen = "warn", "lets off requests that the policies judge"
    return Diagnosis(
        *(CHECK, level, hook.place, f'match condition "{name}" {seen}'),
        *("the conditions of tenantgate's own", _AGAIN),
    )


def _missing(hook: Hook, name: str) -> Diagnosis:
    """Tell what is not let off: a request more than should be waits while nobody answers."""
    level: Level = "fail" if hook.fails_closed else "warn"
    seen = f'match condition "{name}" is missing: whom it lets off waits while nobody answers'
    return Diagnosis(CHECK, level, hook.place, seen, "all of tenantgate's own", _AGAIN)
