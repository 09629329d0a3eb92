"""Pull policy: images are pulled as the tenant's policy says, such as always.

With a policy other than Always a node runs what it has cached, so a pod can run another tenant's
private image by knowing its name. Where Always alone is allowed, it is filled in.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import (
    CREATED,
    EPHEMERAL,
    containers,
    image_volumes,
    is_pod,
    pod_in,
    with_spec,
)
from webhook.core.tenancy.rule import Case, Place, Rule, items, mapping, text

_ALWAYS = "Always"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def mutate(value: Any, case: Case) -> Any:
    """Set Always in a pod where nothing else is allowed; of a running pod, in what is added.

    Templates stay as they are written: their pods are repaired when they are made.
    """
    place = pod_in(value, case)
    if place is None or not is_pod(case) or not _is_always_alone(case):
        return value
    kept = _running(case)
    kinds = _CONTAINERS[-1:] if case.request.subresource else _CONTAINERS
    changes: dict[str, Any] = {}
    for kind in kinds:
        old = items(place.spec.get(kind))
        new = [_with_always(item, "imagePullPolicy", kept) for item in old]
        if any(a is not b for a, b in zip(old, new, strict=True)):
            changes[kind] = new
    if not case.request.subresource:
        old = items(place.spec.get("volumes"))
        new = [_volume_with_always(item) for item in old]
        if any(a is not b for a, b in zip(old, new, strict=True)):
            changes["volumes"] = new
    return with_spec(value, changes) if changes else value


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse other policies than the tenant's, once those are listed."""
    allowed = case.tenant.allow.pull_policies if case.tenant else None
    place = pod_in(value, case)
    if allowed is None or place is None or (_is_always_alone(case) and not is_pod(case)):
        return
    for path, policy, user in _policies(place):
        if policy not in allowed:
            yield Finding(
                path=path,
                observed=policy,
                allowed=", ".join(allowed) or "none",
                fix=f"set {path[-1]} to {allowed[0]}" if allowed else "ask the platform team",
                why="Images may not be pulled by this policy here",
                element=f"{user}={policy}",
            )


def _is_always_alone(case: Case) -> bool:
    return case.tenant is not None and case.tenant.allow.pull_policies == (_ALWAYS,)


def _running(case: Case) -> frozenset[str]:
    """Return the names of the ephemeral containers that run already, which nobody can change."""
    old = pod_in(case.request.old_object, case)
    found = items(old.spec.get("ephemeralContainers")) if old is not None else ()
    return frozenset(text(mapping(item).get("name")) for item in found)


def _with_always(part: Any, key: str, kept: frozenset[str] = frozenset()) -> Any:
    if not isinstance(part, Mapping) or part.get(key) == _ALWAYS:
        return part
    return part if text(part.get("name")) in kept else {**part, key: _ALWAYS}


def _volume_with_always(volume: Any) -> Any:
    source = mapping(volume).get("image")
    if not isinstance(source, Mapping):
        return volume
    changed = _with_always(source, "pullPolicy")
    return volume if changed is source else {**volume, "image": changed}


def _policies(place: Place) -> Iterator[tuple[FieldPath, str, str]]:
    """Yield every pull policy with its path and the container or volume that it is for."""
    for path, container in containers(place):
        policy = text(container.get("imagePullPolicy")) or _default(text(container.get("image")))
        yield path / "imagePullPolicy", policy, text(container.get("name"))
    for path, source in image_volumes(place):
        policy = text(source.get("pullPolicy")) or _default(text(source.get("reference")))
        yield path / "pullPolicy", policy, "volume"


def _default(image: str) -> str:
    """Return what the API server fills in: Always for `latest`, which is also what no tag means."""
    name, digest, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return _ALWAYS if tag == "latest" or not (tag or digest) else "IfNotPresent"


RULE = Rule(
    id="T-WL-7",
    family="namespace",
    intercepts=(*CREATED, EPHEMERAL),
    check=check,
    mutate=mutate,
)
