"""Cluster-wide helpers: a custom resource may use an issuer, a secret store or credentials of the platform only if they are granted.

Such a helper acts with rights of the platform for whoever names it: an ungranted secret store reads
out secrets of others. What is granted stands under `allow.clusterRefs`, name by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.world import annotations
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text


@dataclass(frozen=True, slots=True)
class Helper:
    """Fields of some kinds that refer to a helper by `kind` and `name`.

    `usual` is the kind where a reference gives none. Kinds with `Cluster` in their name are
    cluster-wide, those of others who extend cert-manager too.
    """

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    fields: tuple[str, ...]
    usual: str


_WIDE = "Cluster"
_TRIGGER = "TriggerAuthentication"
_SOURCES = ("spec.data[].sourceRef", "spec.dataFrom[].sourceRef")
HELPERS = (
    Helper(
        ("cert-manager.io", "acme.cert-manager.io", "certmanager.k8s.io"),
        ("certificates", "certificaterequests", "orders", "challenges"),
        ("spec.issuerRef",),
        "Issuer",
    ),
    Helper(
        ("external-secrets.io",),
        ("externalsecrets", "pushsecrets"),
        (
            "spec.secretStoreRef",
            "spec.secretStoreRefs[]",
            "spec.dataTo[].storeRef",
            *(f"{source}.storeRef" for source in _SOURCES),
        ),
        "SecretStore",
    ),
    Helper(
        ("external-secrets.io",),
        ("externalsecrets", "pushsecrets"),
        ("spec.selector.generatorRef", *(f"{source}.generatorRef" for source in _SOURCES)),
        "Password",
    ),
    Helper(
        ("keda.sh",),
        ("scaledobjects", "scaledjobs"),
        ("spec.triggers[].authenticationRef",),
        _TRIGGER,
    ),
    Helper(("eventing.keda.sh",), ("cloudeventsources",), ("spec.authenticationRef",), _TRIGGER),
)
"""cert-manager, External Secrets and KEDA, in every version of their APIs."""

_ISSUERS = ("cert-manager.io", "certmanager.k8s.io")
_ENTRANCES = {
    "networking.k8s.io": ("ingresses",),
    "extensions": ("ingresses",),
    "gateway.networking.k8s.io": ("gateways", "listenersets"),
    "gateway.networking.x-k8s.io": ("xlistenersets",),
    "route.openshift.io": ("routes",),
}
"""Where cert-manager reads annotations."""


_EXCEPTIONS = ("kyverno.io", "policies.kyverno.io")


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse every reference to a cluster-wide helper that is not granted to the tenant."""
    for path, kinds, name in _references(value, case):
        refs = case.tenant.allow.cluster_refs if case.tenant else {}
        granted = sorted({known for kind in kinds for known in refs.get(kind, ())})
        if name not in granted:
            called = f"{kinds[0]} {name}" if name else f"{kinds[0]} without a name"
            yield Finding(
                path=path,
                observed=name or UNSET,
                allowed=", ".join(granted) or "none",
                fix=f"name one that is granted, or ask the platform team for this {kinds[0]}",
                why=f"{called} is not granted to {case.tenant.name if case.tenant else ''}",
                element=f"{kinds[0]}/{name}",
            )


_Reference = tuple[FieldPath, tuple[str, ...], str]
"""Where a name stands, the kinds under which it may be granted, the name."""


def _references(value: Any, case: Case) -> Iterator[_Reference]:
    group, resource = case.request.group, case.request.resource
    for helper in HELPERS:
        if group in helper.groups and resource in helper.resources:
            yield from _by_kind(value, helper)
    if resource in _ENTRANCES.get(group, ()):
        yield from _issuers(value)
    if resource == "policyexceptions" and group in _EXCEPTIONS:
        yield from _policies(value, case)
    if (group, resource) == ("config.gatekeeper.sh", "configs"):
        yield FieldPath(("metadata", "name")), ("Config",), case.request.name
    if "." in group:
        yield from _provider_configs(value)


def _by_kind(value: Any, helper: Helper) -> Iterator[_Reference]:
    for field in helper.fields:
        for path, reference in places(value, field):
            kind = text(mapping(reference).get("kind")) or helper.usual
            if _WIDE in kind:
                yield path / "name", (kind,), text(mapping(reference).get("name"))


def _issuers(value: Any) -> Iterator[_Reference]:
    """An annotation names an issuer as well: a ClusterIssuer, or whatever kind is told beside it."""
    found = annotations(value)
    at = FieldPath(("metadata", "annotations"))
    for domain in _ISSUERS:
        if (key := f"{domain}/cluster-issuer") in found:
            yield at / key, ("ClusterIssuer",), text(found[key])
        kind = text(found.get(f"{domain}/issuer-kind"))
        for key in (f"{domain}/issuer", f"{domain}/issuer-name"):
            if key in found and _WIDE in kind:
                yield at / key, (kind,), text(found[key])


def _policies(value: Any, case: Case) -> Iterator[_Reference]:
    """An exception of Kyverno frees objects from a policy of the whole cluster.

    A policy of a namespace is `namespace/name` in the older API; in the newer its kind says so.
    """
    for path, name in places(value, "spec.exceptions[].policyName"):
        namespace, slash, _ = text(name).partition("/")
        if not (slash and namespace and case.is_own(namespace)):
            yield path, ("ClusterPolicy", "PolicyException"), text(name)
    for path, reference in places(value, "spec.policyRefs[]"):
        kind = text(mapping(reference).get("kind"))
        if not kind.startswith("Namespaced"):
            name = text(mapping(reference).get("name"))
            yield path / "name", (kind or "ValidatingPolicy", "PolicyException"), name


def _provider_configs(value: Any) -> Iterator[_Reference]:
    """A managed resource of Crossplane, of whichever provider, names the credentials to act with.

    A reference with the kind ProviderConfig is to one in its own namespace; without any kind it is
    to a cluster-wide one, as they all were before there were others.
    """
    for path, reference in places(value, "spec.providerConfigRef"):
        if isinstance(reference, Mapping) and reference.get("kind") != "ProviderConfig":
            kind = text(reference.get("kind")) or "ProviderConfig"
            kinds = (kind, *{"ProviderConfig", "ClusterProviderConfig"} - {kind})
            yield path / "name", kinds, text(reference.get("name"))


RULE = Rule(id="T-EXT-1", family="namespace", intercepts=(Intercept(("*",), ("*",)),), check=check)
