"""Minimum, maximum and ratio: what a container's requests and limits are held to."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.quantity import canonical, printed, quantity
from webhook.core.mutation.document import KIND, Amount, WorkloadDefaults
from webhook.core.mutation.layers import Policies, bounding
from webhook.core.mutation.pods import KINDS
from webhook.core.mutation.resources import covering

_SPEC = FieldPath(("spec",))


class _Value(NamedTuple):
    """A request or a limit in force: where it stands, and what it is; None is not set."""

    path: FieldPath
    text: str
    amount: Fraction | None


def check(pod: Mapping[str, Any], policies: Policies) -> Iterator[Finding]:
    """Yield everything that is outside a bound of any of the policies, each place once."""
    policies = bounding(policies)
    if not policies:
        return
    spec = pod.get("spec") or {}
    seen: set[tuple[FieldPath, str, str]] = set()
    for kind in KINDS:
        for index, container in enumerate(spec.get(kind) or ()):
            holder = _Holder(container, _SPEC / kind / index, spec)
            for policy in covering(container, policies):
                for finding in _findings(holder, policy):
                    key = (finding.path, finding.rule, finding.allowed)
                    if key not in seen:  # a value of the pod's counts for several containers
                        seen.add(key)
                        yield finding


class _Holder:
    """A container whose requests and limits are asked for.

    What it does not name itself, it shares with the pod, where that names it; a limit that comes
    without a request is the request as well.
    """

    def __init__(
        self, container: Mapping[str, Any], path: FieldPath, spec: Mapping[str, Any]
    ) -> None:
        self.name = container.get("name") or ""
        self._path = path / "resources"
        self._own: Mapping[str, Any] = container.get("resources") or {}
        self._shared: Mapping[str, Any] = spec.get("resources") or {}

    def value(self, resource: str, *parts: str, shared: bool = True) -> _Value:
        """Return the first of some parts (`requests`, `limits`) that is set for a resource."""
        places = [(self._own, self._path)]
        if shared:
            places.append((self._shared, _SPEC / "resources"))
        for resources, path in places:
            for part in parts:
                text = (resources.get(part) or {}).get(resource)
                if text is not None:
                    return _Value(path / part / resource, canonical(text), quantity(text))
        return _Value(self._path / parts[0] / resource, "", None)


def _findings(holder: _Holder, policy: WorkloadDefaults) -> Iterator[Finding]:
    for resource, least in policy.least.items():
        request = holder.value(resource, "requests", "limits")
        if request.amount is None or request.amount < least.value:
            yield _outside(holder, request, "at least", f"{least.text} or more", least, policy)
    for resource, most in policy.most.items():
        limit = holder.value(resource, "limits")
        if limit.amount is None or limit.amount > most.value:
            yield _outside(holder, limit, "at most", f"{most.text} or less", most, policy)
    for resource, ratio in policy.ratio.items():
        request = holder.value(resource, "requests", "limits", shared=False)
        limit = holder.value(resource, "limits", shared=False)
        if request.amount is not None and limit.amount is not None:
            highest = request.amount * ratio.value
            if limit.amount > highest:
                yield _stretched(limit, request, ratio, highest, policy)


def _outside(
    holder: _Holder, seen: _Value, word: str, wanted: str, bound: Amount, policy: WorkloadDefaults
) -> Finding:
    part, resource = seen.path[-2:]
    return Finding(
        path=seen.path,
        observed=seen.text if seen.amount is not None else UNSET,
        allowed=f"{word} {bound.text}",
        fix=f'set the {str(part)[:-1]} for {resource} of container "{holder.name}" to {wanted}',
        policy=KIND,
        rule=policy.name,
    )


def _stretched(
    limit: _Value, request: _Value, ratio: Amount, highest: Fraction, policy: WorkloadDefaults
) -> Finding:
    text = printed(highest, binary=limit.text.endswith("i"))
    return Finding(
        path=limit.path,
        observed=limit.text,
        allowed=f"at most {ratio.text} times the request of {request.text}, which is {text}",
        fix="lower the limit, or raise the request",
        policy=KIND,
        rule=policy.name,
    )
