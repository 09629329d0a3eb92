"""The smallest valid objects, and tweaks to them by path."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.request import Access, Facts, Grants, Namespace, Operation, Request, User
from webhook.core.platform import Platform, SccSettings
from webhook.core.policyset import PolicySet
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.document import read_scc
from webhook.core.scc.order import in_order

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"containers": [{"name": "app", "image": "registry.example.com/app:1"}]},
}
SCC: dict[str, Any] = {
    "apiVersion": "security.openshift.io/v1",
    "kind": "SecurityContextConstraints",
    "metadata": {"name": "plain"},
    "runAsUser": {"type": "RunAsAny"},
    "seLinuxContext": {"type": "RunAsAny"},
}
UID_RANGE = "openshift.io/sa.scc.uid-range"
GROUPS = "openshift.io/sa.scc.supplemental-groups"
MCS = "openshift.io/sa.scc.mcs"
ANNOTATIONS: dict[str, str] = {UID_RANGE: "1/3", GROUPS: "2/3", MCS: "s0:c1,c0"}

ALICE = User("alice", ("devs", "system:authenticated"))
ROBOT = "system:serviceaccount:shop:robot"

STRICT: dict[str, Any] = {
    "metadata": {"name": "strict"},
    "runAsUser": {"type": "MustRunAs", "uid": 999},
    "seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"level": "s9:z0,z1"}},
    "fsGroup": {"type": "MustRunAs", "ranges": [{"min": 999, "max": 999}]},
    "supplementalGroups": {"type": "MustRunAs", "ranges": [{"min": 999, "max": 999}]},
    "volumes": [],
}
LAX: dict[str, Any] = {
    "metadata": {"name": "lax"},
    "allowPrivilegedContainer": True,
    "allowHostDirVolumePlugin": True,
    "allowHostNetwork": True,
    "allowHostPorts": True,
    "allowHostPID": True,
    "allowHostIPC": True,
    "allowedCapabilities": ["*"],
    "seccompProfiles": ["*"],
}
FROM_NAMESPACE: dict[str, Any] = {
    "metadata": {"name": "from-namespace"},
    "runAsUser": {"type": "MustRunAsRange"},
    "seLinuxContext": {"type": "MustRunAs"},
    "fsGroup": {"type": "MustRunAs"},
    "supplementalGroups": {"type": "MustRunAs"},
}
"""The three are laid over `SCC`: one set of ids only, everything, and what the namespace gives."""


def put(target: Any, path: str, value: Any) -> None:
    """Set what stands at a path, creating its parents; None takes it away.

    A container that has to be created gets a name.
    """
    *parents, last = FieldPath.parse(path)
    steps = [*parents, last]
    for step, following in zip(parents, steps[1:], strict=True):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(target, list) and step == len(target):
            target.append({"name": f"c{step}"} if isinstance(following, str) else empty)
        elif isinstance(target, dict):
            target.setdefault(step, empty)
        target = target[step]
    if value is None:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value


def changed(value: Any, changes: Mapping[str, Any]) -> Any:
    """Return a copy with every change made, path by path."""
    result = copy.deepcopy(value)
    for path, item in changes.items():
        put(result, path, copy.deepcopy(item))
    return result


def pod(changes: Mapping[str, Any] | None = None) -> Any:
    """Return the smallest valid pod, changed at the given paths."""
    return changed(POD, changes or {})


def scc(name: str = "", /, **fields: Any) -> Constraint:
    """Return the smallest valid SCC with some fields given, as the policy loader builds it."""
    document = {**copy.deepcopy(SCC), **copy.deepcopy(fields)}
    if name:
        document["metadata"] = {"name": name}
    constraint, mistakes, _ = read_scc(document)
    assert constraint is not None, mistakes
    return constraint


def policies(*sccs: Constraint, **settings: Any) -> PolicySet:
    """Return a set of SCCs; `settings` are the Platform's, those of its `scc` part included."""
    own = {key: settings.pop(key) for key in ("enforcement", "engine_namespace") if key in settings}
    if "exempt_namespaces" in settings:
        settings["exempt_namespaces"] = frozenset(settings["exempt_namespaces"])
    return PolicySet(
        sccs=in_order(list(sccs)), platform=Platform(scc=SccSettings(**settings), **own)
    )


class Granted:
    """RBAC in a table: a user's or a group's name to the SCCs that it may use."""

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self.table = table

    def grants(self, user: User, namespace: str) -> Grants:
        names = (user.name, *user.groups)
        return frozenset(scc for name in names for scc in self.table.get(name, ()))


EVERYBODY = "system:authenticated"


def may_use(*sccs: Constraint | str) -> Access:
    """Return the RBAC by which every authenticated user may use some SCCs."""
    return Granted({EVERYBODY: [scc if isinstance(scc, str) else scc.name for scc in sccs]})


def namespace(**annotations: str | None) -> Namespace:
    """Return the namespace `shop`; annotations by their last word, None takes one away."""
    keys = {"uid_range": UID_RANGE, "supplemental_groups": GROUPS, "mcs": MCS}
    own: dict[str, str | None] = {
        **ANNOTATIONS,
        **{keys[key]: value for key, value in annotations.items()},
    }
    return Namespace("shop", {}, {key: text for key, text in own.items() if text is not None})


def facts(access: Access, **more: Any) -> Facts:
    """Return what is known of the namespace `shop`."""
    return Facts(**{"namespace": namespace(), "access": access, **more})


def request(
    sent: Any, operation: Operation = "CREATE", *, old: Any = None, user: User = ALICE, **more: Any
) -> Request:
    """Return a request about a pod in the namespace `shop`, to be mutated unless told otherwise."""
    asked = Request(
        operation=operation,
        resource="pods",
        kind="Pod",
        namespace="shop",
        user=user,
        load=lambda: sent,
        load_old=lambda: old,
    )
    return replace(asked, **more)
