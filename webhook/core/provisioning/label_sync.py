"""Pod Security labels that follow the SCCs which a namespace's service accounts may use.

Equals OpenShift's pod-security label synchronisation. What level the SCCs amount to is settled in
`webhook.core.pss.sync`; here, which namespaces take part and which labels are written. Who owns a
label is read from the namespace's `managedFields`: what somebody else has set is theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook.core.model.marks import LABEL_SYNC, MINIMUM_STANDARD
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import UID_RANGE
from webhook.core.model.world import Namespace
from webhook.core.platform import Level, Platform
from webhook.core.pss.labels import MODES, PREFIX

MANAGER = "pod-security-admission-label-synchronization-controller"
"""The field manager under which the labels are written, OpenShift's own."""

_OURS = frozenset({MANAGER, "cluster-policy-controller"})
_LEVEL_LABELS = tuple(f"{PREFIX}{mode}" for mode in MODES)
_VERSION_LABELS = tuple(f"{PREFIX}{mode}-version" for mode in MODES)
LABELS = (*_LEVEL_LABELS, *_VERSION_LABELS)
"""The six labels of Pod Security admission."""

_PAYLOAD = """
    apiserver apiserver-operator authentication authentication-operator cloud-controller-manager
    cloud-controller-manager-operator cloud-credential-operator cloud-network-config-controller
    cluster-csi-drivers cluster-machine-approver cluster-node-tuning-operator
    cluster-samples-operator cluster-storage-operator cluster-version config config-managed
    config-operator console console-operator console-user-settings controller-manager
    controller-manager-operator dns dns-operator etcd etcd-operator host-network image-registry
    infra ingress ingress-canary ingress-operator insights kni-infra kube-apiserver
    kube-apiserver-operator kube-controller-manager kube-controller-manager-operator kube-scheduler
    kube-scheduler-operator kube-storage-version-migrator kube-storage-version-migrator-operator
    machine-api machine-config-operator marketplace monitoring multus network-diagnostics
    network-operator node nutanix-infra oauth-apiserver openstack-infra operator-lifecycle-manager
    ovirt-infra sdn service-ca service-ca-operator user-workload-monitoring vsphere-infra
"""
NEVER = frozenset(
    {
        *("default", "kube-node-lease", "kube-public", "kube-system", "openshift"),
        *(f"openshift-{name}" for name in _PAYLOAD.split()),
    }
)
"""Namespaces that are never synchronised, whatever their labels say."""

Owners = Mapping[str, frozenset[str]]
"""The field managers of each of the labels, and of the annotation, that has any."""


@dataclass(frozen=True, slots=True)
class Sync:
    """What is applied to a namespace; `force` takes labels over from others."""

    labels: Mapping[str, str]
    level: Level
    force: bool

    def body(self, namespace: str, uid: str) -> JsonObject:
        """Return it for server-side apply; the uid keeps a deleted namespace from coming back."""
        return {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "uid": uid,
                "labels": dict(self.labels),
                "annotations": {MINIMUM_STANDARD: self.level},
            },
        }


def owners(namespace: JsonObject) -> Owners:
    """Return who owns what is synchronised, from the `managedFields` of a Namespace object."""
    found: dict[str, set[str]] = {}
    for entry in _part(namespace, "metadata").get("managedFields") or ():
        metadata = _part(_part(entry, "fieldsV1"), "f:metadata")
        for field, keys in (("f:labels", LABELS), ("f:annotations", (MINIMUM_STANDARD,))):
            held = _part(metadata, field)
            for key in keys:
                if f"f:{key}" in held:
                    found.setdefault(key, set()).add(str(entry.get("manager")))
    return {key: frozenset(managers) for key, managers in found.items()}


def _part(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def is_synced(namespace: Namespace, owned: Owners, platform: Platform) -> bool:
    """Tell whether a namespace's labels are kept in step.

    Not while it ends, or before it has its uid range. Where the platform enforces no SCC, what may
    be used says nothing of what runs, so those namespaces are left out as well.
    """
    name = namespace.name
    unjudged = name in platform.scc.exempt_namespaces or name == platform.engine_namespace
    if name in NEVER or unjudged or namespace.terminating:
        return False
    if not namespace.annotations.get(UID_RANGE):
        return False
    match namespace.labels.get(LABEL_SYNC):
        case "true":
            return True
        case "false":
            return False
        case _:
            free = any(_is_free(key, namespace, owned) for key in LABELS)
            return free and not name.startswith("openshift-")


def plan(namespace: Namespace, owned: Owners, level: Level) -> Sync | None:
    """Return what is to be written to a namespace that is synchronised; None if all is as it should be."""
    force = namespace.labels.get(LABEL_SYNC) == "true"
    values = dict.fromkeys(_LEVEL_LABELS, level) | dict.fromkeys(_VERSION_LABELS, "latest")
    wanted = {
        key: str(value) for key, value in values.items() if force or _is_free(key, namespace, owned)
    }
    held = {key for key in LABELS if MANAGER in owned.get(key, ())}
    if (
        held == wanted.keys()
        and all(namespace.labels.get(key) == value for key, value in wanted.items())
        and namespace.annotations.get(MINIMUM_STANDARD) == level
        and MANAGER in owned.get(MINIMUM_STANDARD, ())
    ):
        return None
    return Sync(wanted, level, force)


def forced_labels(namespace: Namespace, platform: Platform) -> frozenset[str]:
    """Return the labels that a template leaves out, as the synchronisation is told to have them.

    Where the sync label is `true` it takes every label by force; a second one who does so would
    never end.
    """
    forced = platform.pod_security.label_sync and namespace.labels.get(LABEL_SYNC) == "true"
    return frozenset(LABELS) if forced and is_synced(namespace, {}, platform) else frozenset()


def _is_free(key: str, namespace: Namespace, owned: Owners) -> bool:
    """Tell whether a label is nobody's, or the synchronisation's own."""
    managers = owned.get(key, frozenset())
    return key not in namespace.labels or (bool(managers) and managers <= _OURS)
