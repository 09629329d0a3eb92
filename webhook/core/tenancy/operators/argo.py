"""Argo CD, Rollouts and Workflows: where applications are deployed to, by which project, as whom."""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import host
from webhook.core.tenancy.operators.foreign import (
    Judge,
    Judges,
    accounts,
    foreign,
    foreign_pattern,
    missing,
)
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, mapping, text

_GROUP = "argoproj.io"
_HERE = "https://kubernetes.default.svc"
_HERE_BY_NAME = "in-cluster"
_TEMPLATE = "{{"
"""Begins what the controller fills in; the applications that come of it are judged themselves."""


def _application(*steps: str) -> Judge:
    """Return the judge of an application's spec that stands at a place."""
    at = FieldPath(steps)

    def judge(value: Any, case: Case) -> Iterator[Finding]:
        (found,) = [*places(value, str(at))] or [(at, {})]
        spec = mapping(found[1])
        yield from _project(at / "project", spec.get("project"), case)
        destination = mapping(spec.get("destination"))
        yield from _cluster(at / "destination", destination, case)
        namespace = destination.get("namespace")
        if not namespace:
            yield missing(
                at / "destination" / "namespace",
                f"set it to a namespace of your own, such as {case.request.namespace}",
                "Without a namespace the manifests may go anywhere",
            )
        yield from _foreign(at / "destination" / "namespace", namespace, case)
        for source in ("source", "sources[]"):
            for tool in ("kustomize", "helm"):
                for path, name in places(value, f"{at}.{source}.{tool}.namespace"):
                    yield from _foreign(path, name, case)

    return judge


def _foreign(path: FieldPath, namespace: Any, case: Case) -> Iterator[Finding]:
    if _TEMPLATE not in text(namespace):
        yield from foreign(path, namespace, case)


def _project(path: FieldPath, project: Any, case: Case) -> Iterator[Finding]:
    """A project says what its applications may do; `default`, where none is named, allows anything.

    The tenant's own are called as the tenant is, or begin with the prefix of its namespaces.
    """
    name = text(project) or "default"
    own = case.tenant.name if case.tenant else ""
    granted = (own, *(case.tenant.allow.cluster_refs.get("AppProject", ()) if case.tenant else ()))
    if name not in granted and case.registry.prefix_owner(name) != own and _TEMPLATE not in name:
        yield Finding(
            path=path,
            observed=name,
            allowed=", ".join(granted),
            fix=f"use project {own}, or ask the platform team to grant this one",
            why=f"Argo CD project {name} is not granted to {own}",
        )


def _cluster(path: FieldPath, destination: Any, case: Case) -> Iterator[Finding]:
    for key, here in (("server", _HERE), ("name", _HERE_BY_NAME)):
        target = text(destination.get(key))
        if target and _TEMPLATE not in target and not _is_here(target, case):
            yield Finding(
                path=path / key,
                observed=target,
                allowed=here,
                fix="deploy to this cluster, or ask the platform team",
                why=f"Cluster {target} is not this tenant's to deploy to",
            )


def _is_here(target: str, case: Case) -> bool:
    if target == _HERE_BY_NAME:
        return True
    address = target.removeprefix("https://").rstrip("/").removesuffix(":443")
    domain = host(case.platform.cluster.domain)
    return address in ("kubernetes.default.svc", f"kubernetes.default.svc.{domain}")


def _app_project(value: Any, case: Case) -> Iterator[Finding]:
    """A project may reach no further than its tenant; what begins with `!` takes away."""
    for path, destination in places(value, "spec.destinations[]"):
        namespace = text(mapping(destination).get("namespace"))
        if not namespace.startswith("!"):
            yield from foreign_pattern(path / "namespace", namespace, case)
            yield from _cluster(path, mapping(destination), case)
    for path, namespace in places(value, "spec.sourceNamespaces[]"):
        yield from foreign_pattern(path, namespace, case)
    for path, kind in places(value, "spec.clusterResourceWhitelist[]"):
        yield Finding(
            path=path,
            observed=kind,
            allowed="none",
            fix="drop clusterResourceWhitelist; tenants change nothing cluster-wide",
            why="Cluster-wide objects are not this tenant's",
        )
    for path, account in places(value, "spec.destinationServiceAccounts[]"):
        home = text(mapping(account).get("namespace"))
        if not home.startswith("!"):
            yield from foreign_pattern(path / "namespace", home, case)


JUDGES: Judges = {
    (_GROUP, "applications"): _application("spec"),
    (_GROUP, "applicationsets"): _application("spec", "template", "spec"),
    (_GROUP, "appprojects"): _app_project,
    (_GROUP, "rollouts"): accounts(
        "spec.template.spec.serviceAccountName", "spec.template.spec.serviceAccount"
    ),
    (_GROUP, "workflows"): accounts("spec.serviceAccountName"),
    (_GROUP, "workflowtemplates"): accounts("spec.serviceAccountName"),
    (_GROUP, "cronworkflows"): accounts("spec.workflowSpec.serviceAccountName"),
}
