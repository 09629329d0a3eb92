"""One object of a template: what no API server would take, or what has no place in a namespace."""

from collections.abc import Iterator, Mapping

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.loose import items, mapping
from webhook.core.model.metadata import is_subdomain
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.quantity import quantity
from webhook.core.model.schema import Mistake
from webhook.core.provisioning.templates.metadata import object_metadata_mistakes
from webhook.core.provisioning.templates.networks import network_mistakes
from webhook.core.provisioning.templates.parameters import is_open
from webhook.core.rbac import RbacError, is_rbac, read_rbac
from webhook.core.tenancy.kinds import is_cluster_wide

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "": (
        *("ConfigMap", "Endpoints", "LimitRange", "PersistentVolumeClaim", "Pod", "PodTemplate"),
        *("ReplicationController", "ResourceQuota", "Secret", "Service", "ServiceAccount"),
    ),
    "apps": ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "autoscaling": ("HorizontalPodAutoscaler",),
    "batch": ("CronJob", "Job"),
    "coordination.k8s.io": ("Lease",),
    "discovery.k8s.io": ("EndpointSlice",),
    "networking.k8s.io": ("Ingress", "NetworkPolicy"),
    "policy": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
}
"""Kubernetes' everyday kinds, by group. Those of other groups may be called the same."""

_HOMES = {kind.lower(): (group, kind) for group, kinds in _GROUPS.items() for kind in kinds}
QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "ResourceQuota": ("hard",),
    "LimitRange": ("default", "defaultRequest", "min", "max", "maxLimitRequestRatio"),
}
"""Under which keys of a spec, or of a LimitRange's items, quantities stand."""


def identity(value: JsonObject) -> tuple[str, str, str]:
    """Return what an object is known by in its namespace: API group, kind and name."""
    group, _, _ = str(value["apiVersion"]).rpartition("/")
    return group, value["kind"], value["metadata"]["name"]


def quantities(value: JsonObject) -> Iterator[tuple[FieldPath, dict[str, Json]]]:
    """Yield the maps of an object whose values are quantities, each with its place."""
    if "/" in value["apiVersion"] or value["kind"] not in QUANTITIES:
        return
    at, spec = ROOT / "spec", mapping(value.get("spec"))
    holders = [(at, spec)]
    if value["kind"] == "LimitRange":
        limits = enumerate(items(spec.get("limits")))
        holders = [(at / "limits" / index, mapping(item)) for index, item in limits]
    for path, holder in holders:
        for key in QUANTITIES[value["kind"]]:
            if isinstance(found := holder.get(key), dict):
                yield path / key, found


def object_mistakes(
    raw: JsonObject, given: JsonObject, sample: JsonObject, path: FieldPath
) -> Iterator[Mistake]:
    """Yield what is wrong with an object that stands at a path.

    Args:
        raw: the object as it is written.
        given: with the values that the template gives its parameters; others are still there.
        sample: with something in place of the others as well.
        path: where it stands in its document.
    """
    kind: str = raw["kind"]
    group = str(raw["apiVersion"]).rpartition("/")[0]
    if wrong := _kind_mistake(raw["apiVersion"], group, kind):
        yield Mistake(path, f"{path} is a {kind} of {raw['apiVersion']}; {wrong}")
        return
    if "status" in raw:
        yield Mistake(path / "status", f"{path / 'status'}: what is observed; leave it out")
    name = sample["metadata"]["name"]
    at = path / "metadata" / "name"
    if not isinstance(name, str) or not (is_subdomain(name) or (is_rbac(raw) and name)):
        allowed = "a name of small letters, digits, - and ."
        yield Mistake(at, f"{at} is {shown(name)}; allowed: {allowed}")
        return
    yield from object_metadata_mistakes(sample["metadata"], path / "metadata")
    yield from _rbac_mistakes(sample, path)
    for below, values in quantities(given):
        yield from _quantity_mistakes(values, FieldPath((*path, *below)))
    if (group, kind) == ("networking.k8s.io", "NetworkPolicy"):
        yield from network_mistakes(given, path)
    if (group, kind) in (("", "ConfigMap"), ("", "Secret")):
        yield from _data_mistakes(given, path)


def _kind_mistake(version: str, group: str, kind: str) -> str:
    """Return what is wrong with what an object is, "" for nothing."""
    if "${" in version or "${" in kind:
        return "allowed: no parameters in apiVersion and kind"
    if not version or not kind or version.count("/") > 1:
        return "allowed: an apiVersion such as v1 or apps/v1, and a kind"
    if kind.endswith("List"):
        return "write its items one by one"
    if (group, kind) == ("project.openshift.io", "Project") or is_cluster_wide(group, kind):
        return "allowed: kinds that belong to a namespace"
    home = _HOMES.get(kind.lower())
    if home and (group, kind) != home and (group in _GROUPS or group == "extensions"):
        own = f"apiVersion {home[0]}/v1" if home[0] else "apiVersion v1"
        return f"did you mean {own}, kind {home[1]}?"
    return ""


def _rbac_mistakes(sample: JsonObject, path: FieldPath) -> Iterator[Mistake]:
    if not is_rbac(sample):
        return
    try:
        read_rbac({**sample, "metadata": {**sample["metadata"], "namespace": "namespace"}})
    except RbacError as error:
        for problem in error.problems:
            at = FieldPath((*path, *problem.path))
            yield Mistake(
                at,
                f"{at} is {shown(problem.observed)}; allowed: {problem.allowed}. Fix: {problem.fix}.",
            )


def _quantity_mistakes(values: Mapping[str, Json], path: FieldPath) -> Iterator[Mistake]:
    for key, value in values.items():
        if is_open(value):
            continue
        amount = quantity(value)
        if amount is None or amount < 0:
            at = path / key
            allowed = "a quantity of 0 or more, such as 500m, 20 or 64Gi"
            yield Mistake(at, f"{at} is {shown(value)}; allowed: {allowed}")


def _data_mistakes(given: JsonObject, path: FieldPath) -> Iterator[Mistake]:
    """Yield a mistake for each value of a ConfigMap or Secret that is no text."""
    for field in ("data", "binaryData", "stringData"):
        for key, value in mapping(given.get(field)).items():
            if not isinstance(value, str):
                at = path / field / key
                yield Mistake(at, f"{at} is no string; allowed: a string. Fix: quote it.")
