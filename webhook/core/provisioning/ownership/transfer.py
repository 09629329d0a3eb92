"""Transfer: a namespace goes from one tenant to another, with everything that runs in it.

What the receiver could not have made itself stands in the way: host names that are not its own, and
RoleBindings by which somebody else keeps access. Nothing changes until the way is clear.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from webhook.core.model.finding import Finding
from webhook.core.model.marks import (
    ACCEPT_ROLE_BINDINGS,
    MANAGED,
    PROVISIONED,
    TENANT,
    TRANSFERRING,
)
from webhook.core.model.objects import JsonObject
from webhook.core.model.request import Request, User
from webhook.core.model.world import Namespace, World, labels, plural
from webhook.core.platform import Platform
from webhook.core.provisioning.choice import is_served
from webhook.core.provisioning.ownership.stamps import receiver
from webhook.core.provisioning.reconciliation import inventory
from webhook.core.provisioning.templates.document import NamespaceTemplate
from webhook.core.provisioning.wanted import Wanted
from webhook.core.tenancy.admission import judge
from webhook.core.tenancy.registry import Registry
from webhook.core.tenancy.requester import Requester
from webhook.core.tenancy.rule import Case, items, mapping, text
from webhook.core.tenancy.tenant import Tenant

_HOST_RULES = ("T-ING-2", "T-ING-3", "T-ING-4", "T-GW-2")
_BINDING_RULES = ("T-RBAC-1",)
_ACCOUNT, _ACCOUNTS = "system:serviceaccount:", "system:serviceaccounts:"


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a namespace that is to be handed over, or leads out of it; whole objects.

    `hosts` are its Ingresses and routes, `bindings` its RoleBindings, and `outside` the
    RoleBindings of the giver's other namespaces.
    """

    hosts: Sequence[JsonObject] = ()
    bindings: Sequence[JsonObject] = ()
    outside: Sequence[JsonObject] = ()


@dataclass(frozen=True, slots=True)
class Transfer:
    """A namespace on its way from one tenant to another; each obstacle says how to mend it."""

    namespace: str
    giver: str
    receiver: str
    obstacles: tuple[str, ...] = ()

    def swap(self, version: str) -> JsonObject:
        """Return the merge patch that hands the namespace over, at one resourceVersion only.

        With the stamp goes the mark that all provisioned objects are there: pods that come from now
        on wait for the receiver's. The annotation tells whoever takes over after a crash that the
        pods from before are still to be restarted.
        """
        return {
            "metadata": {
                "resourceVersion": version,
                "labels": {TENANT: self.receiver},
                "annotations": {TRANSFERRING: self.giver, PROVISIONED: None},
            }
        }


def plan(
    namespace: Namespace,
    contents: Contents,
    world: World,
    platform: Platform,
    registry: Registry,
    templates: Sequence[NamespaceTemplate],
) -> Transfer | None:
    """Return what is to be done about a namespace; None where nobody else's file lists it.

    The rules on hosts and on bound subjects are asked about what is there as if the receiver made
    it now. A rule that the Platform turns off, or down, holds nothing up; `enforcement` does not
    count, as a transfer happens once.

    Args:
        namespace: the namespace as it is now.
        contents: what is in it.
        world: the cluster, with all hosts in use and the receiver's namespaces as they are now.
        platform: what holds for the whole cluster.
        registry: all tenants.
        templates: all templates, in their order.
    """
    to = receiver(namespace, registry)
    if not to:
        return None
    giver = namespace.labels[TENANT]
    court = _Court(namespace, giver, registry.get(to), world, platform, registry)
    obstacles = (
        *_quota(court),
        *_leftovers(court, templates),
        *_bindings(court, contents),
        *_hosts(court, contents.hosts),
    )
    return Transfer(namespace.name, giver, to, obstacles)


def remains(
    namespace: Namespace, contents: Contents, world: World, platform: Platform, registry: Registry
) -> tuple[str, ...]:
    """Return what is wrong in a namespace that has been handed over: what came in the last moment.

    Somebody of the giver's can have written between the look at what is there and the moment in
    which every replica of the webhook knew of the new stamp.

    Args: as for `plan`.
    """
    giver, tenant = namespace.annotations[TRANSFERRING], registry.get(namespace.labels[TENANT])
    court = _Court(namespace, giver, tenant, world, platform, registry)
    return (*_bindings(court, contents), *_hosts(court, contents.hosts))


@dataclass(frozen=True, slots=True)
class _Court:
    """Where objects are judged as if the receiver had them."""

    namespace: Namespace
    giver: str
    receiver: Tenant
    world: World
    platform: Platform
    registry: Registry

    def denied(self, value: JsonObject, rules: Sequence[str]) -> list[Finding]:
        """Return why an object of the namespace would be refused; what is the platform's, never."""
        if _is_managed(value):
            return []
        kind = text(value.get("kind"))
        request = Request(
            operation="CREATE",
            resource=plural(kind),
            kind=kind,
            group=text(value.get("apiVersion")).rpartition("/")[0],
            user=User("tenantgate"),
            namespace=self.namespace.name,
            name=_name(value),
            phase="validate",
            load=lambda: value,
        )
        platform = replace(self.platform, enforcement="deny")
        case = Case(
            *(request, Requester("other"), platform, self.registry, self.world),
            *(self.namespace, self.receiver),
        )
        return [item for item in judge(case, rules).findings if item.action == "deny"]


def _quota(court: _Court) -> Iterator[str]:
    name, quota = court.receiver.name, court.receiver.namespaces.quota
    used = len(court.world.namespaces_of(name))
    if quota is not None and used >= quota:
        yield (
            f"tenant {name} uses {used} of {quota} namespaces; raise its namespaces.quota to "
            f"{used + 1}, or delete one of them"
        )


def _leftovers(court: _Court, templates: Sequence[NamespaceTemplate]) -> Iterator[str]:
    """Yield what the giver was provisioned with, where nothing would take its place."""
    name, marks = court.receiver.name, {TENANT: court.receiver.name}
    to_be = replace(court.namespace, labels={**court.namespace.labels, **marks})
    kept = inventory.read(court.namespace.annotations)
    if kept and not is_served(to_be, court.platform, court.registry, templates):
        yield (
            f"no template serves tenant {name}, so {len(kept)} provisioned objects of "
            f"{court.giver} would stay; let one match {name}, with or without "
            "objects"
        )


def _hosts(court: _Court, objects: Iterable[JsonObject]) -> Iterator[str]:
    for value in objects:
        told: dict[str, Finding] = {}
        for finding in court.denied(value, _HOST_RULES):
            if finding.rule != "T-GW-2" or "hostnames" in finding.path:
                told.setdefault(finding.why, finding)
        for why, finding in told.items():
            yield (
                f"{value.get('kind')} {_name(value)}: {why} ({finding.path}); change it, or allow "
                f"it to {court.receiver.name}"
            )


def _bindings(court: _Court, contents: Contents) -> Iterator[str]:
    namespace = court.namespace
    found: dict[str, list[str]] = {}
    for value in contents.bindings:
        if foreign := [item.why for item in court.denied(value, _BINDING_RULES)]:
            found[_name(value)] = foreign
    for value in contents.outside:
        if not _is_managed(value) and (ours := list(_accounts_of(namespace.name, value))):
            home = text(mapping(value.get("metadata")).get("namespace"))
            why = [f"{who} can enter {court.giver}'s {home}" for who in ours]
            found[f"{home}/{_name(value)}"] = why
    written = namespace.annotations.get(ACCEPT_ROLE_BINDINGS, "").split(",")
    accepted = {name.strip() for name in written}
    left = {name: why for name, why in found.items() if name not in accepted}
    if left:
        yield (
            f"{len(left)} RoleBindings of others; delete them, or accept them by kubectl annotate "
            f"--overwrite namespace {namespace.name} {ACCEPT_ROLE_BINDINGS}={','.join(found)}"
        )
    for name, reasons in left.items():
        yield f"RoleBinding {name}: {', '.join(reasons)}"


def _accounts_of(namespace: str, binding: JsonObject) -> Iterator[str]:
    """Yield the subjects of a binding that are service accounts of a namespace, in words."""
    for item in items(binding.get("subjects")):
        subject = mapping(item)
        kind, name = text(subject.get("kind")), text(subject.get("name"))
        if kind == "ServiceAccount" and subject.get("namespace") == namespace:
            yield f"service account {namespace}/{name}"
        elif (kind == "Group" and name == _ACCOUNTS + namespace) or (
            kind == "User" and name.startswith(f"{_ACCOUNT}{namespace}:")
        ):
            yield f"{kind.lower()} {name}"


def _name(value: JsonObject) -> str:
    return text(mapping(value.get("metadata")).get("name"))


def _is_managed(value: JsonObject) -> bool:
    """Tell whether an object is the platform's, which goes or is made anew by itself."""
    return labels(value).get(MANAGED) == "true"


def is_settled(namespace: Namespace, wanted: Wanted) -> bool:
    """Tell whether a namespace holds all that it is to hold, and nothing provisioned besides.

    What was its former tenant's has gone by then: its role bindings, and what it pulls images with.
    """
    return namespace.annotations.get(PROVISIONED) == wanted.hash and inventory.read(
        namespace.annotations
    ) == {inventory.Item.of(value) for value in wanted.objects}
