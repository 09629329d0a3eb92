"""What `tenantgate doctor` looks at: read from a cluster, or from files."""

import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from webhook.certs.authorities import read_bundle
from webhook.certs.files import CERTIFICATE
from webhook.certs.registered import registrations_path
from webhook.certs.secret import TLS_SECRET, served
from webhook.certs.trust import expiries, objection
from webhook.cluster.client import Api, ApiError, ClusterError, path_of
from webhook.controllers.registration.note import Note
from webhook.core.doctor.scene import Replica, Scene, Trust
from webhook.core.model.loose import mapping
from webhook.core.model.marks import POLICIES
from webhook.core.model.objects import JsonObject
from webhook.core.policyedit import files_of
from webhook.core.policyset import PolicyError, PolicySet, Problem, parse_policies
from webhook.core.registration import Service, Target, Url
from webhook.core.registration.compare import decoded
from webhook.store import load

T = TypeVar("T")

_KINDS = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
_RBAC = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"}
_TIMEOUT = 10.0
_HANDSHAKE = 3.0
_PAGE = 500
_SET = re.compile(r"sha256:[0-9a-f]+")
_UNREADY = 503


def of_files(objects: Sequence[JsonObject], paths: Sequence[Path], now: datetime) -> Scene:
    """Return what manifests say; what they do not hold is not known.

    Raises:
        PolicyError: the policies at `paths` cannot be used.
    """
    flat = list(_flat(objects))

    def of(*kinds: str) -> tuple[JsonObject, ...]:
        return tuple(each for each in flat if each.get("kind") in kinds)

    workloads = bool(of("Service", "Deployment"))
    scene = Scene(
        policies=load(paths),
        configurations=of(*_KINDS),
        now=now,
        namespaces=of("Namespace"),
        services=of("Service") if workloads else None,
        deployments=of("Deployment") if workloads else None,
        budgets=of("PodDisruptionBudget") if workloads else None,
        rbac=of(*_RBAC) or None,
    )
    return replace(scene, trusts=tuple(_trusts(scene, None, "")))


def of_cluster(api: Api, paths: Sequence[Path], namespace: str) -> Scene:
    """Return what a cluster says. Of the policies the given ones count, else those stored in it.

    Raises:
        ClusterError: it cannot be reached at all.
        PolicyError: the policies cannot be used.
    """
    return _Reading(api).scene(paths, namespace)


class _Reading:
    """Reads as much as it may, and remembers what it could not."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lacking: list[str] = []

    def scene(self, paths: Sequence[Path], namespace: str) -> Scene:
        self._api.check()
        configurations = tuple(
            {**each, "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind}
            for kind, plural in _KINDS.items()
            for each in self._list(registrations_path(plural)) or ()
        )
        policies = self._policies(paths, namespace)
        scene = Scene(policies, configurations, self._api.now(), live=True)
        target = scene.target
        home = target.namespace if isinstance(target, Service) else namespace
        scene = replace(
            scene,
            namespaces=self._list("/api/v1/namespaces") or (),
            noted=self._may(lambda: Note(self._api, home, target).read(), frozenset[str]()),
            services=self._list(_in("api", "v1", home, "services")),
            deployments=self._list(_in("apis/apps", "v1", home, "deployments")),
            budgets=self._list(_in("apis/policy", "v1", home, "poddisruptionbudgets")),
            rbac=self._rbac(),
        )
        if isinstance(target, Service):
            slices = _in("apis/discovery.k8s.io", "v1", home, "endpointslices")
            scene = replace(
                scene,
                slices=self._list(slices, f"kubernetes.io/service-name={target.name}"),
                replicas=tuple(self._replicas(scene, target)),
            )
        shown, source = self._shown(target, home)
        scene = replace(scene, trusts=tuple(_trusts(scene, shown, source)))
        return replace(scene, lacking=tuple(self._lacking))

    def _policies(self, paths: Sequence[Path], namespace: str) -> PolicySet:
        """Return the policies at the paths, or those in the cluster, or the shipped ones."""
        if paths:
            return load(paths)
        path, selector = _in("api", "v1", namespace, "configmaps"), f"{POLICIES}=true"
        found = self._list(path, selector) or ()
        if len(found) != 1:
            why = "no ConfigMap" if not found else f"{len(found)} ConfigMaps"
            self._lacking.append(
                f'which policies are meant: {why} in "{namespace}" with the label {POLICIES}: "true"; '
                "the shipped ones were taken. Name them with --policy"
            )
            return load()
        texts = dict(files_of(found[0]))
        problems = [text for text in texts.values() if isinstance(text, Problem)]
        if problems:
            raise PolicyError(tuple(problems))
        return parse_policies({name: str(text) for name, text in texts.items()})

    def _rbac(self) -> tuple[JsonObject, ...] | None:
        found = [
            (kind, self._list(path_of("apis", "rbac.authorization.k8s.io", "v1", plural)))
            for kind, plural in _RBAC.items()
        ]
        if any(listed is None for _, listed in found):
            return None
        version = "rbac.authorization.k8s.io/v1"
        return tuple(
            {**each, "apiVersion": version, "kind": kind}
            for kind, listed in found
            for each in listed or ()
        )

    def _replicas(self, scene: Scene, target: Service) -> Iterator[Replica]:
        """Ask each pod behind the Service by which set it decides, by way of the API server."""
        selector = ""
        for each in scene.services or ():
            if mapping(each.get("metadata")).get("name") == target.name:
                labels = mapping(mapping(each.get("spec")).get("selector"))
                selector = ",".join(f"{key}={value}" for key, value in labels.items())
        if not selector:
            return
        for pod in self._list(_in("api", "v1", target.namespace, "pods"), selector) or ():
            name = str(mapping(pod.get("metadata")).get("name"))
            place = f"http:{name}:{_ops_port(pod)}"
            path = _in("api", "v1", target.namespace, "pods") + path_of(place, "proxy", "readyz")
            try:
                told = self._api.text(path, {"verbose": ""}, timeout=_TIMEOUT)
            except ApiError as error:
                if error.status != _UNREADY or "readyz check failed" not in str(error):
                    self._lacking.append(f"which policies replica {name} has: {error}")
                    continue
                yield Replica(name, _sets(str(error)), f"is not ready: {_failed(str(error))}")
            except ClusterError as error:
                self._lacking.append(f"which policies replica {name} has: {error}")
            else:
                yield Replica(name, _sets(told))

    def _shown(self, target: Target, namespace: str) -> tuple[bytes | None, str]:
        """Return the serving certificate, PEM, and where it was seen."""
        if isinstance(target, Url):
            parts = urlsplit(target.base)
            address = (parts.hostname or "", parts.port or 443)
            try:
                found = ssl.get_server_certificate(address, timeout=_HANDSHAKE)
            except (OSError, ValueError) as error:
                self._lacking.append(f"what {target.base} shows: {error}")
                return None, ""
            return found.encode(), target.base
        where = f"Secret {namespace}/{TLS_SECRET}"
        pieces = self._may(lambda: served(self._api, namespace), None)
        return (None, "") if pieces is None else (pieces.get(CERTIFICATE, b""), where)

    def _list(self, path: str, selector: str = "") -> tuple[JsonObject, ...] | None:
        """Return all objects at a path, None where they may not be read."""
        items: list[JsonObject] = []
        query: dict[str, str | int] = {"limit": _PAGE}
        if selector:
            query["labelSelector"] = selector
        while True:
            page = self._may(lambda: self._api.get(path, query, timeout=_TIMEOUT), None)
            if not isinstance(page, Mapping):
                return None
            items += page.get("items") or ()
            more = mapping(page.get("metadata")).get("continue")
            if not more:
                return tuple(items)
            query["continue"] = str(more)

    def _may(self, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except ClusterError as error:
            self._lacking.append(str(error))
            return otherwise


def _trusts(scene: Scene, shown: bytes | None, source: str) -> Iterator[Trust]:
    """Hold each bundle that is registered against the serving certificate, if that is known."""
    bundles: dict[bytes, list[str]] = {}
    for hook in scene.ours:
        if bundle := decoded(hook.entry):
            bundles.setdefault(bundle, []).append(hook.name)
    for bundle, names in bundles.items():
        where = "every entry" if len(names) == len(scene.ours) else ", ".join(names)
        known = expiries(bundle)
        if shown is None:
            yield Trust(where, "", authorities=tuple(known))
            continue
        leaf = read_bundle(shown)
        yield Trust(
            where,
            source,
            objection(shown, bundle, _called(scene.target), scene.now),
            leaf[0].not_valid_after_utc if leaf else None,
            tuple(known),
        )


def _called(target: Target) -> str:
    """Return the name by which the API server calls the webhook."""
    if isinstance(target, Url):
        return urlsplit(target.base).hostname or ""
    return f"{target.name}.{target.namespace}.svc"


def _flat(objects: Iterable[JsonObject]) -> Iterator[JsonObject]:
    for each in objects:
        if each.get("kind") == "List":
            yield from _flat(item for item in each.get("items") or () if isinstance(item, Mapping))
        else:
            yield each


def _in(group: str, version: str, namespace: str, plural: str) -> str:
    return path_of(*group.split("/"), version, "namespaces", namespace, plural)


def _ops_port(pod: JsonObject) -> int:
    for container in mapping(pod.get("spec")).get("containers") or ():
        for port in mapping(container).get("ports") or ():
            found: Any = mapping(port).get("containerPort")
            if mapping(port).get("name") == "ops" and isinstance(found, int):
                return found
    return 8080


def _sets(told: str) -> tuple[str, ...]:
    return tuple(sorted(set(_SET.findall(told))))


def _failed(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if "[-]" in line]
    return "; ".join(line.partition("[-]")[2] for line in lines) or "it says so"
