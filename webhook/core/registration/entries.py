"""The entries of the two configurations: what each is sent, and when it is registered.

SCCs alone need pods and the ways into them. Templates need new pods, which wait for their
namespace, and the objects that were made from them. Tenants need every write of everybody but
Kubernetes' own components: what lives in tenants' namespaces, what lives in no namespace, and, by an
entry of its own, what is written into the namespaces that all others leave out. One entry is always
there: it is sent the policies themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from webhook.core.model.marks import POLICIES
from webhook.core.model.objects import JsonObject
from webhook.core.model.request import Operation, Phase
from webhook.core.registration.conditions import (
    MANAGED_OBJECTS,
    NOT_JOINING_NODES,
    NOT_LEASES_AND_EVENTS,
    NOT_MASTERS,
    NOT_NAMESPACES,
    NOT_OWN_LEASES,
    NOT_SYSTEM,
    NOT_SYSTEM_DELETIONS,
    NOT_SYSTEM_STATUS,
    NOT_THE_SCHEDULERS_BINDINGS,
    is_kubernetes_own,
    not_any_of,
    not_in_groups,
    spelt,
    system_only_creates,
)
from webhook.core.registration.demand import Demand

Scope = Literal["Namespaced", "Cluster"]
Where = Literal["ordinary", "excluded", "engine", "everywhere"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook of a configuration.

    `name` and `phase` make its name, `<name>.mutate.tenantgate.io` or `<name>.validate.tenantgate.io`.
    `where`: ordinary namespaces; those that ordinary entries leave out; tenantgate's own; or
    whatever namespace, and that it must be for an entry that is sent Namespaces, as a selector would
    read the labels that their creator gives them. `labels` narrow it to objects that bear them.
    `optional` entries let a request pass while nobody answers; the others refuse it.
    """

    name: str
    phase: Phase
    rules: tuple[JsonObject, ...]
    where: Where = "ordinary"
    conditions: tuple[JsonObject, ...] = (NOT_MASTERS,)
    labels: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


def _rule(
    operations: Sequence[Operation],
    resources: Sequence[str],
    group: str = "",
    *,
    versions: Sequence[str] = ("v1",),
    scope: Scope = "Namespaced",
) -> JsonObject:
    """Return a rule for resources, in the version that tenantgate reads.

    With `matchPolicy: Equivalent` an object that is written through another version or group is
    converted to this one first, so no alias of an endpoint leads past us.
    """
    return {
        "apiGroups": [group],
        "apiVersions": list(versions),
        "operations": list(operations),
        "resources": list(resources),
        "scope": scope,
    }


_WRITES: tuple[Operation, ...] = ("CREATE", "UPDATE", "DELETE")


def _everything(scope: Scope) -> JsonObject:
    """Return the rule for every write of every resource; `*/*` includes those without a slash."""
    return _rule(_WRITES, ["*/*"], "*", versions=["*"], scope=scope)


POD_WRITES = (
    _rule(["CREATE", "UPDATE"], ["pods"]),
    _rule(["UPDATE"], ["pods/ephemeralcontainers", "pods/resize"]),
)
"""The writes that OpenShift's SCC admission judges, and that are mutated.

Subresources are named, as `pods` alone does not match them. What is left out is left out on
purpose: `pods/status`, `pods/binding`, `pods/eviction` and DELETE change nothing that an SCC reads,
and the kubelets and the scheduler need them while we are down. A kubelet does meet these entries
with its mirror pods; SCC exempts them no more than others, and one that is refused changes nothing
on the node, where the static pod runs all the same.
"""

_NEW_PODS = _rule(["CREATE"], ["pods"])
_RESIZES = _rule(["UPDATE"], ["pods/resize"])
"""What WorkloadDefaults are about: gaps of new pods, and bounds of both."""


def _templates(operations: Sequence[Operation]) -> tuple[JsonObject, ...]:
    """Return the rules for every kind that makes pods from a template."""
    return (
        _rule(operations, ["podtemplates", "replicationcontrollers"]),
        _rule(operations, ["daemonsets", "deployments", "replicasets", "statefulsets"], "apps"),
        _rule(operations, ["cronjobs", "jobs"], "batch"),
    )


WORKLOAD_WRITES = (
    _rule(_WRITES, ["pods"]),
    _rule(["UPDATE"], ["pods/ephemeralcontainers", "pods/resize", "pods/status"]),
    _rule(["CREATE"], ["bindings", "pods/binding", "pods/eviction"]),
    *_templates(_WRITES),
)
"""The writes of pods and of what makes them, as isolation rules judge them."""

ENTERING = _rule(["CONNECT"], ["pods/exec", "pods/attach"])
"""The two ways into a pod that OpenShift guards. CONNECT has no object, so it cannot be mutated."""

REACHING = _rule(
    ["CONNECT"],
    ["pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"],
)
REACHING_NODES = _rule(["CONNECT"], ["nodes/proxy"], scope="Cluster")

_OF_ITS_OWN_ACCORD = frozenset(
    {
        *("/configmaps", "/endpoints", "/events", "/namespaces", "/secrets", "/serviceaccounts"),
        *("discovery.k8s.io/endpointslices", "events.k8s.io/events"),
    }
)
"""What the control plane makes for no tenant's asking."""

_NEW_NAMESPACES = _rule(["CREATE"], ["namespaces"], scope="Cluster")
_NAMESPACE_WRITES = (
    _rule(_WRITES, ["namespaces"], scope="Cluster"),
    # Both accept new labels.
    _rule(["UPDATE"], ["namespaces/status", "namespaces/finalize"], scope="Cluster"),
)

_DEFAULTED = (
    _rule(["CREATE"], ["persistentvolumeclaims", "services"]),
    _rule(["CREATE"], ["ingresses"], "networking.k8s.io"),
    # Whichever are installed. Their fields are the same in every version.
    _rule(
        ["CREATE"],
        ["destinationrules", "serviceentries", "virtualservices"],
        "networking.istio.io",
        versions=["*"],
    ),
)


def _names(rules: Sequence[JsonObject]) -> tuple[str, ...]:
    """Return the resources that rules are about, as match conditions spell them."""
    return tuple(
        dict.fromkeys(
            spelt(group, resource)
            for rule in rules
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        )
    )


def _made_for_others() -> list[str]:
    """Return the kinds of Kubernetes' own that its components make because somebody asks for it.

    A claim that a StatefulSet describes is made by a controller in `kube-system`, and is judged
    like one that a tenant makes. That holds for all that a namespace rule judges by name, as other
    controllers may run there.
    """
    from webhook.core.tenancy.rules import RULES  # sixty modules, for those who have tenants

    judged = {
        spelt(group, resource)
        for rule in RULES
        if rule.family == "namespace"
        for intercept in rule.intercepts
        if "C" in intercept.operations
        for group in intercept.groups
        if is_kubernetes_own(group)
        for resource in intercept.resources
        if "*" not in resource and "/" not in resource
    }
    return sorted(judged - _OF_ITS_OWN_ACCORD - set(_names(WORKLOAD_WRITES)))


def entries(demand: Demand) -> Iterator[Entry]:
    """Yield every entry that is needed, in the order in which they are written."""
    yield from _for_tenants(demand) if demand.tenants else _for_pods(demand)
    # By anybody, cluster administrators included; and whatever happens, the loader keeps the last
    # good set. That somebody could take the label off is no way around a rule: there is none.
    yield Entry(
        "policies",
        "validate",
        (_rule(["CREATE", "UPDATE"], ["configmaps"]),),
        "engine",
        conditions=(),
        labels={POLICIES: "true"},
        optional=True,
    )


def _for_pods(demand: Demand) -> Iterator[Entry]:
    """Yield the entries of a set without tenants."""
    # UPDATE too: an SCC is chosen again, and recorded in the pod's two result annotations.
    if filled := POD_WRITES if demand.sccs else (_NEW_PODS,) if demand.defaults else ():
        yield Entry("workloads", "mutate", filled)
    # Once more after every other webhook has had its way with the pod.
    if demand.sccs or demand.floor:
        yield Entry("workloads", "validate", POD_WRITES)
    elif demand.defaults:
        yield Entry("workloads", "validate", (_NEW_PODS, _RESIZES))
    elif demand.templates:
        yield Entry("workloads", "validate", (_NEW_PODS,))
    if demand.sccs:
        yield Entry("connect", "validate", (ENTERING,))
    if demand.templates:
        yield Entry(
            "namespaces",
            "validate",
            _NAMESPACE_WRITES,
            "everywhere",
            conditions=(NOT_MASTERS, NOT_SYSTEM),
        )
        yield Entry(
            "objects",
            "validate",
            (_everything("Namespaced"),),
            conditions=(NOT_MASTERS, NOT_SYSTEM, NOT_LEASES_AND_EVENTS, MANAGED_OBJECTS),
        )
    if demand.warned:
        # A warning for people, so it refuses nothing and nobody waits for it: controllers, which
        # write most of these objects, are not asked, and the entry is passed by when we do not answer.
        yield Entry(
            "templates",
            "validate",
            _templates(["CREATE", "UPDATE"]),
            conditions=(NOT_MASTERS, NOT_SYSTEM),
            optional=True,
        )


def _for_tenants(demand: Demand) -> Iterator[Entry]:
    engine = not_in_groups(
        "not-tenantgate",
        [f"system:serviceaccounts:{namespace}" for namespace in sorted(demand.engine)],
    )
    yield Entry("workloads", "mutate", POD_WRITES)
    yield Entry(
        "namespaces",
        "mutate",
        (_NEW_NAMESPACES,),
        "everywhere",
        conditions=(NOT_MASTERS, NOT_SYSTEM),
    )
    # Claims that controllers make get their class as others do.
    yield Entry("defaults", "mutate", _DEFAULTED)
    yield Entry(
        "workloads",
        "validate",
        WORKLOAD_WRITES,
        conditions=(
            NOT_MASTERS,
            NOT_SYSTEM_DELETIONS,
            NOT_SYSTEM_STATUS,
            NOT_THE_SCHEDULERS_BINDINGS,
        ),
    )
    yield Entry("connect", "validate", (REACHING, REACHING_NODES))
    yield Entry(
        "namespaces",
        "validate",
        _NAMESPACE_WRITES,
        "everywhere",
        conditions=(NOT_MASTERS, NOT_SYSTEM),
    )
    yield Entry(
        "objects",
        "validate",
        (_everything("Namespaced"),),
        conditions=(
            NOT_MASTERS,
            not_any_of("not-in-workloads", _names(WORKLOAD_WRITES)),
            NOT_OWN_LEASES,
            system_only_creates(_made_for_others()),
        ),
    )
    # Whom a repair of these namespaces needs passes by; who else writes there is judged.
    yield Entry(
        "objects-system",
        "validate",
        (_everything("Namespaced"), REACHING),
        "excluded",
        conditions=(
            NOT_MASTERS,
            NOT_LEASES_AND_EVENTS,
            NOT_SYSTEM,
            not_in_groups("not-platform-admins", sorted(demand.admins)),
            engine,
        ),
    )
    # Our own access reviews are cluster-wide objects, too: they would wait for ourselves.
    yield Entry(
        "cluster",
        "validate",
        (_everything("Cluster"),),
        "everywhere",
        conditions=(NOT_MASTERS, NOT_NAMESPACES, NOT_SYSTEM, NOT_JOINING_NODES, engine),
    )
