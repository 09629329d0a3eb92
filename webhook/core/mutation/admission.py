"""WorkloadDefaults on a request: which pods they touch, what they fill in, what they refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhook.core.model.finding import Filled, Finding, line
from webhook.core.model.marks import TENANT
from webhook.core.model.objects import Json
from webhook.core.model.request import Namespace, Request
from webhook.core.model.world import annotations
from webhook.core.mutation import bounds, resources, scheduling, token
from webhook.core.mutation.document import WorkloadDefaults
from webhook.core.mutation.layers import lends_to_pods, pod_layer
from webhook.core.mutation.pods import Draft, shaped
from webhook.core.platform import Platform

_NEVER = frozenset({"kube-system", "kube-node-lease"})
"""Besides the engine's own: the namespaces that the API server never asks us about."""

_MIRROR = "kubernetes.io/config.mirror"
MOST_LINES = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """The object with its gaps filled, by whom each was, and what is outside a bound.

    `undecided` says why nothing could be said; time will mend that.
    """

    object: Json
    filled: tuple[Filled, ...] = ()
    findings: tuple[Finding, ...] = ()
    undecided: str = ""

    @property
    def audit(self) -> Mapping[str, str]:
        """What was filled in by which policy, under the annotation's key `defaults`."""
        by: dict[str, list[str]] = {}
        for item in self.filled:
            by.setdefault(item.policy, []).append(str(item.path))
        told = "; ".join(f"{policy}: {', '.join(paths)}" for policy, paths in by.items())
        return {"defaults": told if len(told) <= 1024 else told[:1021] + "..."} if told else {}

    @property
    def message(self) -> str:
        """The refusal: one line for each bound that is broken."""
        number = len(self.findings)
        head = "1 bound" if number == 1 else f"{number} bounds"
        lines = [f"{head} of WorkloadDefaults {'is' if number == 1 else 'are'} broken:"]
        lines += [line(finding) for finding in self.findings[:MOST_LINES]]
        if number > MOST_LINES:
            lines.append(f"... and {number - MOST_LINES} more")
        return "\n".join(lines)


def concerns(request: Request, platform: Platform) -> bool:
    """Tell whether WorkloadDefaults have a say: in a new pod, and in one that is resized.

    Those of the platform's namespaces that a repair of the cluster needs are left alone, by name,
    whatever a policy selects: the registration leaves them out as well. Namespaces without SCCs
    are not among them.
    """
    if request.resource != "pods" or request.group:
        return False
    if request.namespace in _NEVER or request.namespace == platform.engine_namespace:
        return False
    if request.operation == "CREATE":
        return not request.subresource
    return request.operation == "UPDATE" and request.subresource == "resize"


def judge(
    request: Request,
    namespace: Namespace | None,
    tenant: str,
    defaults: Sequence[WorkloadDefaults],
    *,
    fill: bool,
) -> Outcome:
    """Fill a new pod in, then hold it to the bounds; a resized one only to what it breaks anew.

    Args:
        request: one that WorkloadDefaults are concerned with.
        namespace: where it is, None if that is not known.
        tenant: whose the namespace is, or "".
        defaults: all there are, in their order.
        fill: whether gaps are filled; else the pod is judged as it stands.

    Raises:
        ShapeError: the object is no readable pod.
    """
    if namespace is None:
        text = (
            f'namespace "{request.namespace}" is not known yet. Fix: try again; if it stays so, see '
            "whether the namespace exists"
        )
        return Outcome(request.object, undecided=text)
    labels = namespace.labels
    owner = tenant or labels.get(TENANT, "")
    policies = tuple(policy for policy in defaults if policy.match.takes_namespace(owner, labels))
    if not policies:
        return Outcome(request.object)
    if _is_mirror(request):
        return Outcome(request.object)
    if request.operation == "UPDATE":
        old, new = (
            bounds.check(shaped(each, whole=False), policies)
            for each in (request.old_object, request.object)
        )
        before = set(map(_element, old))
        found = tuple(each for each in new if _element(each) not in before)
        return Outcome(request.object, findings=found)
    whole = lends_to_pods(policies)
    draft = Draft(shaped(request.object, whole=whole))
    if fill:
        resources.fill(draft, policies)
    if fill and whole:
        layer = pod_layer(policies)
        scheduling.fill(draft, layer)
        token.fill(draft, layer)
    return Outcome(
        draft.pod if draft.filled else request.object,
        tuple(draft.filled),
        tuple(bounds.check(draft.pod, policies)),
    )


def _element(finding: Finding) -> tuple[Any, ...]:
    return finding.path, str(finding.observed), finding.rule, finding.allowed


def _is_mirror(request: Request) -> bool:
    """Tell whether a node reports a pod that it runs already, from a file of its own."""
    user = request.user
    if not (user.name.startswith("system:node:") and "system:nodes" in user.groups):
        return False
    return _MIRROR in annotations(request.object)
