"""Match conditions: what an entry leaves out, in the CEL that the API server evaluates.

They are there for load and against lock-out, never for isolation. Who is meant is told by exact
groups and by whole names of the control plane, which no tenant can hold; a prefix of a name could be
imitated. A condition that fails to evaluate refuses the request, so for what may be absent there is
a `has` in front.
"""

import json
from collections.abc import Iterable

from webhook.core.model.marks import MANAGED
from webhook.core.model.objects import JsonObject


def _condition(name: str, expression: str) -> JsonObject:
    return {"name": name, "expression": expression}


def _texts(values: Iterable[str]) -> str:
    """Return strings as a list in CEL, whose escapes are those of JSON."""
    return json.dumps(list(values), ensure_ascii=False)


def _member_of(groups: Iterable[str]) -> str:
    return (
        "has(request.userInfo.groups) && "
        f"request.userInfo.groups.exists(group, group in {_texts(groups)})"
    )


_SYSTEM = (
    f"({_member_of(['system:nodes', 'system:serviceaccounts:kube-system'])}) || "
    "(has(request.userInfo.username) && request.userInfo.username in "
    '["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"])'
)
"""Holds for Kubernetes' own components; the three names are in no group of their own."""


def _bears(variable: str) -> str:
    """Return what holds for an object with the label of what the platform maintains."""
    labels = f"{variable}.metadata.labels"
    return (
        f"({variable} != null && has({variable}.metadata) && has({labels}) && "
        f'"{MANAGED}" in {labels})'
    )


_SUBRESOURCE = '(has(request.subResource) ? request.subResource : "")'
_RESOURCE = (
    'request.resource.group + "/" + request.resource.resource + '
    f'({_SUBRESOURCE} == "" ? "" : "/" + {_SUBRESOURCE})'
)
"""What is written to, as `spelt` spells it."""


def spelt(group: str, resource: str) -> str:
    """Return how conditions name a resource: `/pods/status`, `apps/deployments`."""
    return f"{group}/{resource}"


NOT_MASTERS = _condition(
    "not-system-masters",
    '!has(request.userInfo.groups) || !("system:masters" in request.userInfo.groups)',
)
"""Break-glass: a cluster administrator can act while tenantgate is down.

Every entry that fails closed has it, and so these requests are neither judged nor mutated.
"""

NOT_SYSTEM = _condition("not-system-requesters", f"!({_SYSTEM})")
"""Requests of Kubernetes' own components.

It must not stand on an entry that judges pods: the pods of a Deployment are created by a controller
in `kube-system`, and would go unjudged.
"""

NOT_SYSTEM_DELETIONS = _condition(
    "not-system-deletions", f'request.operation != "DELETE" || !({_SYSTEM})'
)
"""What controllers, the garbage collector, the scheduler and kubelets delete."""

NOT_SYSTEM_STATUS = _condition("not-system-status", f'{_SUBRESOURCE} != "status" || !({_SYSTEM})')
"""What kubelets, the scheduler and controllers report of a pod."""

NOT_THE_SCHEDULERS_BINDINGS = _condition(
    "not-the-schedulers-bindings",
    '!has(request.userInfo.username) || request.userInfo.username != "system:kube-scheduler" || '
    f'!(request.resource.resource == "bindings" || {_SUBRESOURCE} == "binding")',
)

NOT_NAMESPACES = _condition(
    "not-namespaces",
    'request.resource.group != "" || request.resource.resource != "namespaces"',
)
"""Namespaces have an entry of their own."""

NOT_JOINING_NODES = _condition(
    "not-joining-nodes",
    f'request.resource.group != "certificates.k8s.io" || !({_member_of(["system:bootstrappers"])})',
)
"""The certificate request of a node that joins by a bootstrap token: it is no node's name yet."""

NOT_LEASES_AND_EVENTS = _condition(
    "not-leases-and-events",
    f'!({_RESOURCE} in ["coordination.k8s.io/leases", "/events", "events.k8s.io/events"])',
)
"""Leader elections, heartbeats and reports of whoever works in the namespaces of the platform."""

NOT_OWN_LEASES = _condition(
    "not-own-leases",
    f'{_RESOURCE} != "coordination.k8s.io/leases" || !has(request.namespace) || '
    "!has(request.userInfo.groups) || "
    '!(("system:serviceaccounts:" + request.namespace) in request.userInfo.groups)',
)
"""Leader elections of service accounts in their own namespace, which reach nobody else's.

Otherwise an outage of ours would stop every operator that has a leader.
"""


MANAGED_OBJECTS = _condition(
    "managed-objects",
    f'!({_SUBRESOURCE} in ["", "status", "ephemeralcontainers", "resize"]) || '
    f"{_bears('object')} || {_bears('oldObject')}",
)
"""What is made from a template, by its label before and after the write.

The body of a write to other subresources (`scale`, `eviction`, …) bears no labels of the object's;
whose it is has to be looked up.
"""


def not_any_of(name: str, resources: Iterable[str]) -> JsonObject:
    """Leave out resources, spelt as `spelt` does: another entry is sent them."""
    return _condition(name, f"!({_RESOURCE} in {_texts(resources)})")


def is_kubernetes_own(group: str) -> bool:
    """Tell whether an API group is Kubernetes' own: all but the oldest end in `k8s.io`."""
    return group != "*" and ("." not in group or group.endswith("k8s.io"))


def system_only_creates(resources: Iterable[str]) -> JsonObject:
    """Of what Kubernetes' own components write, keep what they create for somebody else.

    These are the given resources, and all kinds that are not Kubernetes' own.
    """
    custom = (
        'request.resource.group.contains(".") && !request.resource.group.endsWith("k8s.io") && '
        f'{_SUBRESOURCE} == ""'
    )
    return _condition(
        "not-system-bookkeeping",
        f'!({_SYSTEM}) || (request.operation == "CREATE" && '
        f"({_RESOURCE} in {_texts(resources)} || ({custom})))",
    )


def not_in_groups(name: str, groups: Iterable[str]) -> JsonObject:
    """Leave out the members of groups, named in full."""
    return _condition(name, f"!({_member_of(groups)})")
