"""Volumes: a pod may mount the types of volume that the SCC lists.

A projected volume that holds only what the service-account machinery injects passes where
`secret` is listed, as it did before it was a projected volume. FlexVolumes may be narrowed to
drivers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Pod, Volume
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_PATH = FieldPath(("spec", "volumes"))
_TYPES = {
    key: {"cephfs": "cephFS", "storageos": "storageOS", "vsphereVolume": "vsphere"}.get(key, key)
    for key in [
        "hostPath",
        "emptyDir",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "secret",
        "nfs",
        "iscsi",
        "glusterfs",
        "persistentVolumeClaim",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "downwardAPI",
        "fc",
        "azureFile",
        "configMap",
        "vsphereVolume",
        "quobyte",
        "azureDisk",
        "photonPersistentDisk",
        "projected",
        "portworxVolume",
        "scaleIO",
        "storageos",
        "csi",
        "ephemeral",
        "image",
    ]
}


def volume_type(volume: Volume) -> str | None:
    """Return a volume's type in an SCC's spelling; None for a source that nobody knows."""
    for key, name in _TYPES.items():
        if volume.get(key) is not None:
            return name
    return None


def check(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse each volume of a type, or a FlexVolume of a driver, that the SCC does not list."""
    every = "*" in scc.volumes
    if every and not scc.allowed_flex_volumes:
        return
    for index, volume in enumerate(pod.get("spec", {}).get("volumes", ())):
        if not every:
            kind = volume_type(volume)
            if kind not in scc.volumes and not (
                kind == "projected"
                and "secret" in scc.volumes
                and is_service_account_volume(volume["projected"])
            ):
                yield _refused(index, volume, kind, scc)
        if scc.allowed_flex_volumes and "flexVolume" in volume:
            yield from _driver(index, volume, scc)


def _refused(index: int, volume: Volume, kind: str | None, scc: Constraint) -> Finding:
    return Finding(
        path=_PATH / index,
        observed=kind or next((key for key in volume if key not in ("name", *_TYPES)), UNSET),
        allowed=", ".join(sorted(scc.volumes - {"none"})) or "no volume",
        fix="use a volume of an allowed type, such as a PersistentVolumeClaim"
        if "persistentVolumeClaim" in scc.volumes
        else "use a volume of an allowed type, or none",
    )


def _driver(index: int, volume: Volume, scc: Constraint) -> Iterator[Finding]:
    driver = volume["flexVolume"].get("driver", "")
    if driver not in scc.allowed_flex_volumes:
        yield Finding(
            path=_PATH / index / "flexVolume" / "driver",
            observed=driver or UNSET,
            allowed=", ".join(sorted(scc.allowed_flex_volumes)),
            fix="use an allowed driver, or another type of volume",
        )


def is_service_account_volume(projected: Mapping[str, Any]) -> bool:
    """Tell whether every source is one that the service-account machinery injects.

    Equals OpenShift's exception: the token at `token` for the API server's own audience, the
    published CA bundles under their own names, and the namespace's name. Number, order and modes
    of the sources do not count.
    """
    return all(_is_injected(source) for source in projected.get("sources") or ())


def _is_injected(source: Mapping[str, Any]) -> bool:
    known = [read(source[key]) for key, read in _INJECTED.items() if key in source]
    return bool(known) and all(known)


def _is_api_token(token: Mapping[str, Any]) -> bool:
    return token.get("path") == "token" and not token.get("audience")


def _is_ca_bundle(config_map: Mapping[str, Any]) -> bool:
    items = [(item.get("key"), item.get("path")) for item in config_map.get("items") or ()]
    return (config_map.get("name"), items) in (
        ("kube-root-ca.crt", [("ca.crt", "ca.crt")]),
        ("openshift-service-ca.crt", [("service-ca.crt", "service-ca.crt")]),
    )


def _is_namespace_file(downward: Mapping[str, Any]) -> bool:
    return all(
        item.get("path") == "namespace"
        and item.get("fieldRef") == {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
        for item in downward.get("items") or ()
    )


_INJECTED = {
    "serviceAccountToken": _is_api_token,
    "configMap": _is_ca_bundle,
    "downwardAPI": _is_namespace_file,
}

RULE = Rule(id="volumes", order=90, grants="volumes, allowedFlexVolumes", check_pod=check)
