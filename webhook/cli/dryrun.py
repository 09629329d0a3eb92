"""Manifests decided as a cluster would, without one."""

from collections.abc import Iterable

from webhook.cli.judged import Object, Run, judge, misshapen
from webhook.cli.manifests import Item, Unreadable
from webhook.cli.who import Who
from webhook.cluster.offline import UNNAMED, OfflineCluster
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding, line
from webhook.core.model.objects import JsonObject
from webhook.core.model.shapes import METADATA, ShapeError
from webhook.core.policyset import PolicySet
from webhook.core.rbac import RbacError, is_rbac, read_rbac
from webhook.reports.result import Result


def dry_run(
    items: Iterable[Item | Unreadable],
    context: Iterable[Item | Unreadable],
    policies: PolicySet,
    who: Who,
    namespace: str = "",
) -> list[Result]:
    """Decide objects, all of them facts for each other.

    Args:
        items: what to decide, in order.
        context: what only describes the cluster; nothing is told of it but what cannot be read.
        policies: what to decide by.
        who: who creates bare pods.
        namespace: where objects go that name no namespace; others than this are an error. Without
            it they go to an ordinary one that has no name.
    """
    told: list[Result] = []
    facts: list[JsonObject] = []
    for item in context:
        read = _read(item, "", "")
        facts += [read.value] if isinstance(read, Object) else []
        told += [read] if isinstance(read, Result) else []
    objects = [_read(item, namespace, who.home) for item in items]
    facts += [item.value for item in objects if isinstance(item, Object)]
    run = Run(OfflineCluster(facts, policies.rbac), policies, who, _accounts(facts))
    told += [item if isinstance(item, Result) else judge(item, run) for item in objects]
    return told


def _accounts(facts: Iterable[JsonObject]) -> frozenset[tuple[str, str]]:
    """Return namespace and name of every ServiceAccount that is described."""
    found = (value["metadata"] for value in facts if value["kind"] == "ServiceAccount")
    return frozenset((metadata["namespace"], metadata.get("name", "")) for metadata in found)


def _read(item: Item | Unreadable, namespace: str, home: str) -> Object | Result:
    if isinstance(item, Unreadable):
        error = item.error
        return Result(item.file, error.line, "error", error.column, reason=error.message)
    place, _ = item.place
    value = item.value
    result = Result(
        item.document.file,
        place,
        "pass",
        api_version=value["apiVersion"],
        kind=value["kind"],
    )
    try:
        metadata = METADATA(value.get("metadata") or {})
    except ShapeError as error:
        return misshapen(item, result, error, FieldPath(("metadata",)))
    own = metadata.get("namespace", "")
    result = result._replace(
        namespace=own, name=metadata.get("name") or metadata.get("generateName") or ""
    )
    if value["kind"] in _CLUSTER_WIDE:
        return _checked_rbac(Object(item, value, "", result._replace(namespace="")))
    if own and namespace and own != namespace:
        path = FieldPath(("metadata", "namespace"))
        finding = Finding(path, own, f'"{namespace}", by -n', f"drop it, or run with -n {own}")
        return _unfit(item, result, finding)
    result = result._replace(namespace=own or namespace or home)
    where = result.namespace or UNNAMED
    value = {**value, "metadata": {**metadata, "namespace": where}}
    return _checked_rbac(Object(item, value, where, result))


_CLUSTER_WIDE = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "Platform",
        "PriorityClass",
        "RuntimeClass",
        "SecurityContextConstraints",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""The usual kinds that live in no namespace, so that none is told of them."""


def _checked_rbac(read: Object) -> Object | Result:
    """Return the object, or what makes it RBAC that says nothing certain."""
    if not is_rbac(read.value):
        return read
    try:
        read_rbac(read.value)
    except RbacError as error:
        problem = error.problems[0]
        found = Finding(problem.path, problem.observed, problem.allowed, problem.fix)
        return _unfit(read.item, read.result, found)
    return read


def _unfit(item: Item, result: Result, finding: Finding) -> Result:
    """Return the result of an object that is wrong as it stands, whatever the policies say."""
    reason = line(finding).removeprefix(": ").removesuffix(".")
    return result._replace(line=item.locate(finding.path), verdict="error", reason=reason)
