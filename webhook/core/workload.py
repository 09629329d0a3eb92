"""Workloads as the pods that they become.

A Deployment is never judged by an SCC: its pods are, later, when their controller sends them. What
the controller sends, and as whom, is known from the template alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.request import User
from webhook.core.model.shapes import ShapeError


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind whose objects carry a pod template: how it is served, and who makes its pods."""

    group: str
    version: str
    resource: str
    controller: str
    path: FieldPath = FieldPath(("spec", "template"))  # noqa: RUF009 - it never changes


_CRON = FieldPath(("spec", "jobTemplate", "spec", "template"))

KINDS: Final[Mapping[str, Workload]] = {
    "CronJob": Workload("batch", "v1", "cronjobs", "job-controller", _CRON),
    "DaemonSet": Workload("apps", "v1", "daemonsets", "daemon-set-controller"),
    "Deployment": Workload("apps", "v1", "deployments", "replicaset-controller"),
    "Job": Workload("batch", "v1", "jobs", "job-controller"),
    # Nothing makes pods from a bare PodTemplate; the controller of its own API group stands in.
    "PodTemplate": Workload(
        "", "v1", "podtemplates", "replication-controller", FieldPath(("template",))
    ),
    "ReplicaSet": Workload("apps", "v1", "replicasets", "replicaset-controller"),
    "ReplicationController": Workload("", "v1", "replicationcontrollers", "replication-controller"),
    "StatefulSet": Workload("apps", "v1", "statefulsets", "statefulset-controller"),
}
"""Every kind whose pods are judged before they exist."""

RESOURCES: Final = frozenset((kind.group, kind.resource) for kind in KINDS.values())
"""The same as (group, resource), as requests name them."""

_FORMER_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "extensions": frozenset({"DaemonSet", "Deployment", "ReplicaSet"})
}


@dataclass(frozen=True, slots=True)
class Template:
    """The pod that a workload's controller would send, and as whom.

    `pod` is what the template says, not checked and not defaulted. `path` leads to the template in
    the workload. `note` says what is odd about the workload's own apiVersion, or is empty.
    `volumes` are the places in the workload where the pod's volumes come from.
    """

    pod: JsonObject
    path: FieldPath
    creator: User
    note: str = ""
    volumes: tuple[FieldPath, ...] = ()

    def place(self, path: FieldPath) -> FieldPath:
        """Return where in the workload stands what stands at a path of the pod."""
        if not path:
            return path
        match path[:3]:
            case ("spec", "volumes", int(index)) if index < len(self.volumes):
                return FieldPath((*self.volumes[index], *path[3:]))
        return FieldPath((*self.path, *path))


def template_of(value: Json) -> Template | None:
    """Return the pod that a workload becomes; None when the value is no workload.

    A version that is not the current one, such as `extensions/v1beta1`, is read as the current one
    and noted: the templates never differed.

    Raises:
        ShapeError: the workload has no template, or one of its parts is of the wrong type.
    """
    if not isinstance(value, Mapping):
        return None
    kind = value.get("kind")
    workload = KINDS.get(kind) if isinstance(kind, str) else None
    if workload is None or not _is_served_by(value, workload):
        return None
    metadata = _part(value, FieldPath(("metadata",)), required=False)
    spec = _part(value, workload.path / "spec")
    inner = _part(value, workload.path / "metadata", required=False)
    sent: dict[str, Json] = {
        key: inner[key] for key in ("labels", "annotations") if inner.get(key) is not None
    }
    name = metadata.get("name") or metadata.get("generateName") or ""
    if isinstance(name, str) and name:
        sent["generateName"] = name if name.endswith("-") else name + "-"
        if kind == "StatefulSet":
            sent["name"] = sent["generateName"] + "0"
    if isinstance(namespace := metadata.get("namespace"), str) and namespace:
        sent["namespace"] = namespace
    volumes: tuple[FieldPath, ...] = ()
    if kind == "StatefulSet":
        spec, volumes = _with_claims(value, spec, workload.path)
    return Template(
        pod={"apiVersion": "v1", "kind": "Pod", "metadata": sent, "spec": spec},
        path=workload.path,
        creator=_controller(workload.controller),
        note=_note(value, kind, workload),
        volumes=volumes,
    )


def _is_served_by(value: JsonObject, workload: Workload) -> bool:
    group = str(value.get("apiVersion", "")).rpartition("/")[0]
    return group == workload.group or value.get("kind") in _FORMER_GROUPS.get(group, ())


def _note(value: JsonObject, kind: Any, workload: Workload) -> str:
    current = f"{workload.group}/{workload.version}".removeprefix("/")
    given = value.get("apiVersion")
    if given == current:
        return ""
    return f"{kind} in {given} is served by no current cluster: judged as {current}"


def _controller(name: str) -> User:
    """Return a controller of kube-controller-manager as the API server knows it."""
    account = User.service_account("kube-system", name)
    return User(account.name, (*account.groups, "system:authenticated"))


def _part(value: JsonObject, path: FieldPath, *, required: bool = True) -> dict[str, Json]:
    """Return the object at a path; an empty one where it may be absent."""
    part: Json = value
    for depth, step in enumerate(path):
        part = part.get(step) if isinstance(part, Mapping) else None
        last = depth == len(path) - 1
        if part is None and last and not required:
            return {}
        if not isinstance(part, dict):
            error = ShapeError("an object", UNSET if part is None else part)
            error.steps = list(reversed(path[: depth + 1]))
            raise error
    return cast(dict[str, Json], part)


def _list(value: Json, path: FieldPath) -> Sequence[Json]:
    if value is None:
        return ()
    if not isinstance(value, list):
        error = ShapeError("a list", value)
        error.steps = list(reversed(path))
        raise error
    return value


def _with_claims(
    value: JsonObject, spec: dict[str, Json], path: FieldPath
) -> tuple[dict[str, Json], tuple[FieldPath, ...]]:
    """Return a StatefulSet's pod spec with its claims as volumes, and where each volume is from.

    The claims come first and take the place of volumes of their name, as the controller has it.
    """
    ours = FieldPath(("spec", "volumeClaimTemplates"))
    theirs = path / "spec" / "volumes"
    own = value.get("spec", {}).get("volumeClaimTemplates")
    claims: dict[str, FieldPath] = {}
    for index, claim in enumerate(_list(own, ours)):
        try:
            metadata = _part({"claim": claim}, FieldPath(("claim",))).get("metadata")
        except ShapeError as error:
            error.steps = list(reversed(ours / index))
            raise
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        claims.setdefault(str(name or ""), ours / index)
    if not claims:
        return spec, ()
    owner = (value.get("metadata") or {}).get("name", "")
    volumes: list[Json] = [
        {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{owner}-0"}}
        for name in claims
    ]
    places = list(claims.values())
    for index, volume in enumerate(_list(spec.get("volumes"), theirs)):
        if not isinstance(volume, Mapping) or volume.get("name") not in claims:
            volumes.append(volume)
            places.append(theirs / index)
    return {**spec, "volumes": volumes}, tuple(places)
