"""Can somebody leave, by a label? Is something kept in that a repair needs?"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.hook import NAME_KEY, Hook
from webhook.core.doctor.scene import Scene
from webhook.core.model.loose import mapping
from webhook.core.model.marks import PROTECTED_NAMESPACE_KEYS
from webhook.core.model.pattern import any_glob

CHECK = "selectors"

_AGAIN = "register what `tenantgate render webhooks` prints, or leave it to the controller"


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Judge the selectors of our own entries."""
    for hook in scene.ours:
        wanted = scene.wanted.get(hook.name)
        if wanted is None:
            continue
        found = [*_objects(hook, wanted), *_namespaces(hook, wanted, scene)]
        yield from found
        if not found:
            seen = "no label that anybody writes lets a request pass it by"
            yield Diagnosis(CHECK, "ok", hook.place, seen)


def _objects(hook: Hook, wanted: Hook) -> Iterator[Diagnosis]:
    seen, asked = hook.entry.get("objectSelector") or {}, wanted.entry.get("objectSelector") or {}
    if seen != asked:
        keys = ", ".join(key for key, _ in _terms(seen)) or "nothing"
        yield _told(
            *(
                "fail",
                hook,
                f"objectSelector asks for {keys}: who writes an object chooses its labels",
            ),
            "none" if not asked else f"the one for {', '.join(key for key, _ in _terms(asked))}",
        )


def _namespaces(hook: Hook, wanted: Hook, scene: Scene) -> Iterator[Diagnosis]:
    seen = mapping(hook.entry.get("namespaceSelector"))
    asked = mapping(wanted.entry.get("namespaceSelector"))
    if seen and not asked:
        yield _told(
            *("fail", hook, "namespaceSelector is set, and is held against the labels that a new "),
            "none: who creates a Namespace writes them",
        )
        return
    for key, term in _terms(seen):
        if key != NAME_KEY:
            yield _label(hook, key, scene)
        elif term is None or term.get("operator") not in ("In", "NotIn"):
            yield _told("fail", hook, f"namespaceSelector wants {key} otherwise", _shown(asked))
    operator, names = _named(seen)
    asked_operator, asked_names = _named(asked)
    if operator != asked_operator:
        yield _told("fail", hook, f"namespaceSelector is {_shown(seen)}", _shown(asked))
        return
    more, less = names - asked_names, asked_names - names
    out, into = (more, less) if operator == "NotIn" else (less, more)
    if out:
        harmless = out <= scene.policies.platform.namespaces
        level: Level = "warn" if harmless else "fail"
        yield _told(level, hook, f"nothing is judged in {_listed(out)}", _shown(asked))
    if into:
        seen_text = f"what happens in {_listed(into)} waits for it, and a repair with it"
        yield _told("fail", hook, seen_text, _shown(asked))


def _label(hook: Hook, key: str, scene: Scene) -> Diagnosis:
    keys = (*PROTECTED_NAMESPACE_KEYS, *scene.policies.platform.protected_labels)
    if any_glob(keys, key) and scene.policies.registry:
        seen = f"namespaceSelector asks for {key}, which others than tenants may write"
        return _told("warn", hook, seen, f"{NAME_KEY} alone")
    seen = f"namespaceSelector asks for {key}: who may label a namespace can take it out"
    return _told("fail", hook, seen, f"{NAME_KEY} alone, which the API server itself sets")


def _told(level: Level, hook: Hook, seen: str, allowed: str) -> Diagnosis:
    return Diagnosis(CHECK, level, hook.place, seen, allowed, _AGAIN)


def _terms(selector: Any) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Yield the keys that a selector asks for, with the expression if it is one."""
    for key in mapping(mapping(selector).get("matchLabels")):
        yield str(key), None
    for term in mapping(selector).get("matchExpressions") or ():
        yield str(mapping(term).get("key")), mapping(term)


def _named(selector: Any) -> tuple[str, frozenset[str]]:
    """Return how a selector narrows down the names of namespaces, and which it names."""
    for key, term in _terms(selector):
        if key == NAME_KEY and term is not None:
            return str(term.get("operator")), frozenset(map(str, term.get("values") or ()))
    return "NotIn", frozenset()


def _shown(selector: Any) -> str:
    operator, names = _named(selector)
    return f"{NAME_KEY} {operator} {_listed(names)}" if names else "every namespace"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
