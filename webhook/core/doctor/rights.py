"""Who may delete or change the registration? No webhook is asked about that, only RBAC is."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.scene import Scene
from webhook.core.model.objects import JsonObject
from webhook.core.platform import Platform
from webhook.core.rbac import Binding, RbacError, Role, read_rbac
from webhook.core.rbac.rules import Rule

if TYPE_CHECKING:
    from webhook.core.tenancy.tenant import Subject

CHECK = "rights"

_GROUP = "admissionregistration.k8s.io"
_RESOURCES = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
_VERBS = ("create", "update", "patch", "delete", "deletecollection")
_EVERYBODY = ("Group:system:authenticated", "Group:system:unauthenticated", "User:system:anonymous")
_ACCOUNTS = "Group:system:serviceaccounts"
_CONTROL_PLANE = frozenset(
    {"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"}
)


def check(scene: Scene) -> Iterator[Diagnosis]:
    """List whoever is not platform and may write webhook configurations."""
    if scene.rbac is None:
        return
    roles: dict[tuple[str, str], tuple[Rule, ...]] = {}
    bindings: list[Binding] = []
    for obj in scene.rbac:
        record = _read(obj)
        if isinstance(record, Role):
            roles[record.key] = record.permissions.rules
        elif isinstance(record, Binding) and record.kind == "ClusterRoleBinding":
            bindings.append(record)
    told: Mapping[str, Diagnosis] = {
        subject: _told(subject, binding, verbs, scene)
        for binding in bindings
        if (verbs := _verbs(roles.get(binding.role, ())))
        for subject in binding.subjects
        if not _is_platform(subject, scene)
    }
    yield from told.values()
    if not told:
        seen = "nobody but the platform may write webhook configurations"
        yield Diagnosis(CHECK, "ok", "RBAC", seen)


def _verbs(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """Return what rules allow to do with our configurations, or with new ones."""
    return tuple(
        verb
        for verb in _VERBS
        if any(
            rule.allows(verb, _GROUP, resource, "tenantgate")
            for rule in rules
            for resource in _RESOURCES
        )
    )


def _told(subject: str, binding: Binding, verbs: tuple[str, ...], scene: Scene) -> Diagnosis:
    kind, _, name = subject.partition(":")
    level: Level = "warn"
    if subject in _EVERYBODY or subject == _ACCOUNTS or _is_tenants(subject, scene):
        level = "fail"
    return Diagnosis(
        *(CHECK, level, f"ClusterRoleBinding {binding.name}"),
        f"{kind} {name} may {', '.join(verbs)} webhook configurations, and so switch all of it off",
        "the platform's own people and components",
        "take the right away, or name who holds it in spec.admins of the Platform",
    )


def _is_tenants(subject: str, scene: Scene) -> bool:
    """Tell whether a subject belongs to a tenant, by its file or by its namespace."""
    for tenant in scene.policies.registry.tenants.values():
        if any(_key(each) == subject for each in (*tenant.owners, *tenant.members)):
            return True
    namespace = _namespace(subject.partition(":")[2])
    if not namespace:
        return False
    stamped = scene.labels_of(namespace).get("tenantgate.io/tenant")
    return bool(stamped)


def _key(subject: "Subject") -> str:
    if subject.kind == "ServiceAccount":
        return f"User:system:serviceaccount:{subject.namespace}:{subject.name}"
    return f"{subject.kind}:{subject.name}"


def _is_platform(subject: str, scene: Scene) -> bool:
    kind, _, name = subject.partition(":")
    platform = scene.policies.platform
    if kind == "Group":
        own = f"system:serviceaccounts:{platform.engine_namespace}"
        return name in platform.admins.groups or name in ("system:masters", "system:nodes", own)
    if (namespace := _namespace(name)) in ("kube-system", platform.engine_namespace):
        return True
    if namespace:
        return _is_listed(namespace, name.rpartition(":")[2], platform)
    return name in platform.admins.users or name in _CONTROL_PLANE


def _is_listed(namespace: str, name: str, platform: Platform) -> bool:
    accounts = platform.admins.service_accounts
    return f"{namespace}/{name}" in accounts or f"{namespace}/*" in accounts


def _namespace(name: str) -> str:
    """Return the namespace of a service account, or of a group of all that are in one."""
    for prefix in ("system:serviceaccount:", "system:serviceaccounts:"):
        if name.startswith(prefix):
            return name[len(prefix) :].partition(":")[0]
    return ""


def _read(obj: JsonObject) -> Role | Binding | None:
    try:
        return read_rbac(obj)
    except RbacError:
        return None
