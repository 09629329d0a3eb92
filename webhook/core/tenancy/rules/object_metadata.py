"""Labels and annotations: the tenant's file may say which keys its objects carry, and which they must.

Controllers act on keys, and accounts are settled by them. Templates count, as what they make has
their keys. Keys that Kubernetes and kubectl write by themselves are nobody's fault.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.marks import in_domain
from webhook.core.model.pattern import any_glob, is_all
from webhook.core.tenancy.metadata import Metadata, of_pods, of_templates, own
from webhook.core.tenancy.namespaces import is_namespace, is_review
from webhook.core.tenancy.pods import is_pod
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping
from webhook.core.tenancy.tenant import Keys

_BOOKKEEPING = (
    "apps.kubernetes.io/*",
    "autoscaling.alpha.kubernetes.io/*",
    "batch.kubernetes.io/*",
    "container.seccomp.security.alpha.kubernetes.io/*",
    "control-plane.alpha.kubernetes.io/leader",
    "controller-revision-hash",
    "controller-uid",
    "cronjob.kubernetes.io/instantiate",
    "deployment.kubernetes.io/*",
    "deprecated.daemonset.template.generation",
    "endpoints.kubernetes.io/*",
    "endpointslice.kubernetes.io/*",
    "job-name",
    "kubectl.kubernetes.io/*",
    "kubernetes.io/config.*",
    "kubernetes.io/description",
    "kubernetes.io/limit-ranger",
    "kubernetes.io/service-account.*",
    "kubernetes.io/service-name",
    "openshift.io/scc",
    "pod-template-generation",
    "pod-template-hash",
    "pv.kubernetes.io/*",
    "resource.kubernetes.io/*",
    "seccomp.security.alpha.kubernetes.io/pod",
    "security.openshift.io/validated-scc-subject-type",
    "service.kubernetes.io/headless",
    "statefulset.kubernetes.io/*",
    "topology.kubernetes.io/*",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/*",
)
"""Keys that the API server, its controllers, kubectl and pod security write by themselves."""

_MADE_BY_CLIENTS = frozenset(
    {"controllerrevisions", "endpoints", "endpointslices", "events", "leases"}
)
"""What controllers and client libraries make, without anybody to write labels."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse keys that the tenant may not use, and objects without those that it has to."""
    if case.tenant is None or _is_apart(case):
        return
    allow = case.tenant.allow
    for part, keys in (("labels", allow.object_labels), ("annotations", allow.object_annotations)):
        if keys is None:
            continue
        for metadata in (own(value), *of_templates(value, case)):
            yield from _unfit(metadata, part, keys, case.tenant.name)
        for metadata in _demanding(value, case):
            yield from _missing(metadata, part, keys)


def _is_apart(case: Case) -> bool:
    """Tell whether a request is not about an ordinary object, or is a controller's bookkeeping."""
    request, kind = case.request, case.requester.kind
    if request.subresource:
        return request.subresource != "status" or kind != "tenant"
    if is_namespace(request) or is_review(request):
        return True
    return kind == "system" and request.operation == "UPDATE"


def _unfit(metadata: Metadata, part: str, keys: Keys, tenant: str) -> Iterator[Finding]:
    path, found = metadata
    for key, text in mapping(found.get(part)).items():
        if in_domain(key) or any_glob(_BOOKKEEPING, key) or _permits(keys, key):
            continue
        word = part.removesuffix("s")
        denied = any_glob(keys.deny, key)
        yield Finding(
            path=path / part / key,
            observed=text,
            allowed=f"keys other than {', '.join(keys.deny)}"
            if denied
            else ", ".join(sorted({*(keys.allow or ()), *keys.required})) or "none",
            fix=f"remove the {word}, or ask the platform team to allow its key",
            why=f"Objects of tenant {tenant} can't carry the {word} {key}",
        )


def _permits(keys: Keys, key: str) -> bool:
    return keys.permits(key) or (key in keys.required and not any_glob(keys.deny, key))


def _demanding(value: Any, case: Case) -> Iterator[Metadata]:
    """Yield the metadata that has to have the required keys: what people write, and every pod."""
    if case.request.subresource or case.request.resource in _MADE_BY_CLIENTS:
        return
    if is_pod(case) or case.requester.kind != "system":
        yield own(value)
    yield from of_pods(value, case)


def _missing(metadata: Metadata, part: str, keys: Keys) -> Iterator[Finding]:
    path, found = metadata
    for key, pattern in keys.required.items():
        text = mapping(found.get(part)).get(key, UNSET)
        if not (isinstance(text, str) and is_all(pattern, text)):
            word = part.removesuffix("s")
            yield Finding(
                path=path / part / key,
                observed=text,
                allowed=f"a value that matches {pattern}",
                fix=f"set the {word} {key} there",
                why=f"Objects of this tenant need the {word} {key}",
            )


RULE = Rule(
    id="T-META-1",
    family="namespace",
    intercepts=(Intercept(("*",), ("*", "*/*")),),
    check=check,
)
