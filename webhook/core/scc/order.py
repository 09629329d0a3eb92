"""In which order SCCs are tried: priority, then restrictiveness, then name.

Equals OpenShift's `ByPriority` sort with its point scores; every comparison carries its reason.
"""

from webhook.core.scc.constraint import Constraint

PRIVILEGED = 1_600_000
HOST_PORTS = 800_000
HOST_NETWORK = 400_000
HOST_VOLUME = 200_000
NONTRIVIAL_VOLUME = 100_000
RUN_AS_ANY = 40_000
RUN_AS_NON_ROOT = 30_000
RUN_AS_RANGE = 20_000
RUN_AS_ONE = 10_000
CAPABILITIES = 5_000
CAPABILITIES_CAP = 9_999

_TRIVIAL_VOLUMES = frozenset(
    {"secret", "configMap", "emptyDir", "downwardAPI", "projected", "none"}
)
_USER = {
    "RunAsAny": RUN_AS_ANY,
    "MustRunAsNonRoot": RUN_AS_NON_ROOT,
    "MustRunAsRange": RUN_AS_RANGE,
    "MustRunAs": RUN_AS_ONE,
}
_CONTEXT = {"RunAsAny": RUN_AS_ANY, "MustRunAs": RUN_AS_ONE}
_PHRASES = (
    (PRIVILEGED, "forbids privileged"),
    (HOST_PORTS, "forbids host ports"),
    (HOST_NETWORK, "forbids host networking"),
    (HOST_VOLUME, "forbids host volume mounts"),
    (NONTRIVIAL_VOLUME, "forbids non-trivial volume mounts"),
)


def score(scc: Constraint) -> int:
    """Return how lax an SCC is, in OpenShift's points: lower is stricter."""
    points = _USER.get(scc.run_as_user.type, 0) + _CONTEXT.get(scc.se_linux.type, 0)
    if scc.allow_privileged_container:
        points += PRIVILEGED
    if scc.allow_host_ports:
        points += HOST_PORTS
    if scc.allow_host_network:
        points += HOST_NETWORK
    if scc.volumes & {"hostPath", "*"}:
        points += HOST_VOLUME
    elif scc.volumes - _TRIVIAL_VOLUMES:
        points += NONTRIVIAL_VOLUME
    return points + _capability_score(scc)


def _capability_score(scc: Constraint) -> int:
    points = CAPABILITIES + 300 * len(scc.default_add_capabilities)
    if any(name == "*" or name.upper() == "ALL" for name in scc.allowed_capabilities):
        points += 4000
    else:
        points += 10 * len(scc.allowed_capabilities)
    if any(name.upper() == "ALL" for name in scc.required_drop_capabilities):
        points -= 3000
    else:
        points -= 50 * len(scc.required_drop_capabilities)
    return min(max(points, 0), CAPABILITIES_CAP)


def in_order(sccs: "list[Constraint] | tuple[Constraint, ...]") -> tuple[Constraint, ...]:
    """Return SCCs as they are tried: priority falling, score rising, name rising by bytes."""
    return tuple(sorted(sccs, key=lambda scc: (-scc.priority, score(scc), scc.name.encode())))


def reason(first: Constraint, second: Constraint) -> str:
    """Say why `first` is tried before `second`, in OpenShift's phrases."""
    if first.priority != second.priority:
        return "has higher priority"
    strict, lax = score(first), score(second)
    for weight, phrase in _PHRASES:
        has_strict, has_lax = strict >= weight, lax >= weight
        if has_lax and not has_strict:
            return phrase
        if has_lax and has_strict:
            strict, lax = strict - weight, lax - weight
    if strict // 10_000 != lax // 10_000:
        return "permits less runAs strategies"
    if strict % 10_000 != lax % 10_000:
        return "permits less capabilities"
    return "ordered by name"
