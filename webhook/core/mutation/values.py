"""What the API server would refuse in a pod, or what contradicts itself, is refused in a policy."""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.marks import in_domain
from webhook.core.model.metadata import is_subdomain, label_mistakes
from webhook.core.model.quantity import canonical, quantity
from webhook.core.model.schema import Mistake
from webhook.core.model.selector import SelectorError, read_selector

_PLAIN = ("cpu", "memory", "ephemeral-storage")
_HUGE_PAGES = re.compile(r"hugepages-[0-9]+[KMG]i\Z")
_QUALIFIED = re.compile(
    r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/"
    r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z"
)


def overcommits(resource: str) -> bool:
    """Tell whether a limit may be above its request: not of huge pages and extended resources."""
    return resource in _PLAIN


def match_mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with `match`."""
    if (selector := spec.get("namespaceSelector")) is not None:
        yield from _selector_mistakes(selector, path / "namespaceSelector")


def container_mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with `containers`: names, quantities, and values that contradict others."""
    maps = ("defaultRequest", "default", "min", "max", "maxLimitRequestRatio")
    values: dict[str, dict[str, Fraction]] = {}
    found = False
    for key in maps:
        for resource, text in (spec.get(key) or {}).items():
            at = path / key / resource
            value = quantity(text)
            if problem := _resource_problem(resource):
                found = True
                yield Mistake(at, f"{at}: {problem}")
            elif value is None or value < 0:
                found = True
                allowed = "a quantity of 0 or more, such as 500m, 2 or 64Mi"
                yield Mistake(at, f"{at} is {shown(text)}; allowed: {allowed}")
            else:
                values.setdefault(resource, {})[key] = value
    if found:
        return
    for resource, known in values.items():
        yield from _contradictions(resource, known, spec, path)


def pod_mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with `pod`."""
    name = spec.get("priorityClassName")
    if name and not is_subdomain(name):
        at = path / "priorityClassName"
        yield Mistake(at, f'{at} is "{name}"; allowed: the name of a PriorityClass')
    for key in ("nodeSelector", "labels"):
        yield from label_mistakes(spec.get(key) or {}, path / key)
    for label in spec.get("labels") or {}:
        if in_domain(label):
            at = path / "labels" / label
            yield Mistake(at, f"{at}: allowed: any label but tenantgate's own")
    for index, item in enumerate(spec.get("tolerations") or ()):
        yield from _toleration_mistakes(item, path / "tolerations" / index)
    seen: set[tuple[Any, Any]] = set()
    for index, item in enumerate(spec.get("topologySpreadConstraints") or ()):
        at = path / "topologySpreadConstraints" / index
        yield from _spread_mistakes(item, at)
        identity = (item["topologyKey"], item["whenUnsatisfiable"])
        if identity in seen:
            yield Mistake(
                at, f"{at} is a second one for {' with '.join(identity)}; a pod has one at most"
            )
        seen.add(identity)


def _resource_problem(resource: str) -> str:
    if overcommits(resource) or _HUGE_PAGES.match(resource) or _QUALIFIED.match(resource):
        return ""
    from difflib import get_close_matches  # only for a mistake: it is slow to import

    near = get_close_matches(resource.lower(), _PLAIN, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return (
        f'"{resource}" is no resource of a container; allowed: {", ".join(_PLAIN)}, '
        f"hugepages-2Mi and the like, and names such as example.com/gpu.{hint}"
    )


def _contradictions(
    resource: str, known: Mapping[str, Fraction], spec: Mapping[str, Any], path: FieldPath
) -> Iterator[Mistake]:
    for lower, upper in (
        ("min", "max"),
        ("min", "defaultRequest"),
        ("min", "default"),
        ("defaultRequest", "default"),
        ("defaultRequest", "max"),
        ("default", "max"),
    ):
        if lower in known and upper in known and known[lower] > known[upper]:
            # Told at the default; of two defaults or two bounds, at the first.
            wrong, other = (upper, lower) if lower == "min" and upper != "max" else (lower, upper)
            at, word = path / wrong / resource, "at most" if wrong == lower else "at least"
            yield Mistake(
                at,
                f"{at} is {canonical(spec[wrong][resource])}; allowed: {word} "
                f"{canonical(spec[other][resource])}, as {path / other / resource} says",
            )
    yield from _ratio_contradictions(resource, known, spec, path)
    request = known.get("defaultRequest")
    if request is not None and not overcommits(resource) and request != known.get("default"):
        at = path / "defaultRequest" / resource
        yield Mistake(
            at,
            f"{at} is {canonical(spec['defaultRequest'][resource])}; allowed: the same as "
            f"{path / 'default' / resource}, as Kubernetes does not overcommit {resource}",
        )


def _ratio_contradictions(
    resource: str, known: Mapping[str, Fraction], spec: Mapping[str, Any], path: FieldPath
) -> Iterator[Mistake]:
    ratio = known.get("maxLimitRequestRatio")
    if ratio is None:
        return
    at = path / "maxLimitRequestRatio" / resource
    text = canonical(spec["maxLimitRequestRatio"][resource])
    if ratio < 1:
        yield Mistake(at, f"{at} is {text}; allowed: 1 or more, as no limit is below its request")
        return
    request, limit = known.get("defaultRequest"), known.get("default")
    if request is not None and limit is not None and limit > request * ratio:
        yield Mistake(
            path / "default" / resource,
            f"{path / 'default' / resource} is {canonical(spec['default'][resource])}; allowed: at "
            f"most {text} times {path / 'defaultRequest' / resource}, as {at} says",
        )


def _selector_mistakes(selector: Any, path: FieldPath) -> Iterator[Mistake]:
    try:
        read_selector(selector, path)
    except SelectorError as error:
        yield Mistake(
            error.path,
            f"{error.path} is {shown(error.observed)}; allowed: {error.allowed}. Fix: {error.fix}.",
        )


def _toleration_mistakes(item: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    key, operator = item.get("key") or "", item.get("operator") or "Equal"
    if key:
        yield from label_mistakes({key: ""}, path)
    elif operator != "Exists":
        yield Mistake(path, f"{path} has no key; allowed: only with operator Exists")
    if operator == "Exists" and item.get("value"):
        at = path / "value"
        yield Mistake(at, f"{at} is {shown(item['value'])}; allowed: none with operator Exists")
    if item.get("tolerationSeconds") is not None and item.get("effect") != "NoExecute":
        at = path / "tolerationSeconds"
        yield Mistake(at, f"{at}: allowed: only with effect NoExecute")


def _spread_mistakes(item: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    for key in ("maxSkew", "minDomains"):
        if item.get(key) is not None and item[key] < 1:
            at = path / key
            yield Mistake(at, f"{at} is {item[key]}; allowed: 1 or more")
    if item.get("minDomains") is not None and item["whenUnsatisfiable"] != "DoNotSchedule":
        at = path / "minDomains"
        yield Mistake(at, f"{at}: allowed: only with whenUnsatisfiable: DoNotSchedule")
    yield from label_mistakes({item["topologyKey"]: ""}, path / "topologyKey")
    selector = item.get("labelSelector")
    if selector is not None:
        yield from _selector_mistakes(selector, path / "labelSelector")
    elif item.get("matchLabelKeys"):
        at = path / "matchLabelKeys"
        yield Mistake(at, f"{at}: allowed: only with a labelSelector, which may be {{}}")
