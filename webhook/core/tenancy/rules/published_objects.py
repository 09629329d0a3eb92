"""Objects published by Kubernetes: a tenant leaves the CA bundle and computed endpoints alone.

The platform's pods in the namespace trust `kube-root-ca.crt` as well, and traffic goes where the
endpoints that Kubernetes computes say. Deleting the service account `default` only gets a warning.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.world import labels
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text
from webhook.core.tenancy.stored import goes_with_namespace, is_unchanged

_NAME = FieldPath(("metadata", "name"))
_CA_BUNDLE = "kube-root-ca.crt"
_CONTROLLERS = {
    "endpoints": ("endpoints.kubernetes.io/managed-by", ("endpoint-controller",)),
    "endpointslices": (
        "endpointslice.kubernetes.io/managed-by",
        ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"),
    ),
}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse to change or delete what Kubernetes puts into every namespace, as it is stored."""
    finding = _published(case)
    if finding and not (is_unchanged(case) or goes_with_namespace(case)):
        yield finding


def _published(case: Case) -> Finding | None:
    request, old = case.request, case.request.old_object
    name = text(mapping(mapping(old).get("metadata")).get("name")) or request.name
    if request.resource == "configmaps" and name == _CA_BUNDLE:
        return Finding(
            path=_NAME,
            observed=name,
            allowed="ConfigMaps of your own",
            fix="mount your own bundle under another name",
            why=f"{_CA_BUNDLE} is published by Kubernetes",
        )
    if (request.resource, request.operation, name) == ("serviceaccounts", "DELETE", "default"):
        return Finding(
            path=_NAME,
            observed=name,
            allowed="service accounts of your own",
            fix="leave it, and name another one in your pods",
            why="Kubernetes makes the service account default anew, and the tokens of running pods fail",
            action="warn",
        )
    if request.resource in _CONTROLLERS:
        key, controllers = _CONTROLLERS[request.resource]
        if (controller := labels(old).get(key)) in controllers:
            return Finding(
                path=FieldPath(("metadata", "labels", key)),
                observed=controller,
                allowed=f"{request.kind} objects without this label",
                fix="change the selector of the Service instead",
                why=f"{request.kind} {name} is computed by Kubernetes from a Service",
            )
    return None


RULE = Rule(
    id="T-OBJ-5",
    family="subject",
    intercepts=(
        Intercept(("",), ("configmaps", "endpoints"), "UD"),
        Intercept(("discovery.k8s.io",), ("endpointslices",), "UD"),
        Intercept(("",), ("serviceaccounts",), "D"),
    ),
    check=check,
    ratchet=False,
)
