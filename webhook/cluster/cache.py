"""What the cluster looks like now, kept in memory and in step with the API server.

Of every object only what decisions read is kept. Readers take no lock: a change is the assignment
of a finished value. Live reads are for what the cache cannot have, and bounded in time.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from webhook.cluster.access import Answers
from webhook.cluster.client import Api, namespace_path
from webhook.cluster.live import MOST_OBJECTS, ROUTES, HostIndex, LiveWorld, Managed, Objects
from webhook.cluster.sinks import AccountSink, NamespaceSink, RbacSink
from webhook.cluster.watch import PACE, Pace, Watcher
from webhook.core.model.marks import MANAGED
from webhook.core.model.objects import JsonObject, Pod
from webhook.core.model.request import Access
from webhook.core.model.world import Namespace, Ref, World
from webhook.core.rbac import Kind, Rbac, RbacIndex

_RBAC: Mapping[str, Kind] = {
    "roles": "Role",
    "rolebindings": "RoleBinding",
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
}


class ClusterCache:
    """Namespaces, service accounts and RBAC of one cluster.

    Args:
        api: the way to its API server.
        rbac: follow RBAC objects, and answer for authorization in `access`; without, `access` can
            tell nothing and says so.
        timeout: seconds that a live read may take.
        pace: how often and how long the watches wait.
    """

    def __init__(
        self, api: Api, *, rbac: bool = True, timeout: float = 2, pace: Pace = PACE
    ) -> None:
        self._api = api
        self._timeout = timeout
        self._namespaces = NamespaceSink()
        self._accounts = AccountSink()
        self._hosts = HostIndex()
        self._managed = {"pods": Managed("Pod"), "serviceaccounts": Managed("ServiceAccount")}
        self._tenancy: list[Watcher[Any]] = []
        self._pace = pace
        self._watchers: list[Watcher[Any]] = [
            Watcher(api, "namespaces", "/api/v1/namespaces", self._namespaces, pace),
            Watcher(api, "serviceaccounts", "/api/v1/serviceaccounts", self._accounts, pace),
        ]
        self._objects = Objects(api, timeout)
        self.access: Access = Answers({})
        if rbac:
            index = RbacIndex()
            self.access = Rbac(index)
            group = "/apis/rbac.authorization.k8s.io/v1"
            self._watchers += [
                Watcher(api, resource, f"{group}/{resource}", RbacSink(kind, index), pace)
                for resource, kind in _RBAC.items()
            ]

    def start(self) -> None:
        """Start to follow the cluster; returns at once, with `synced` still false."""
        for watcher in self._watchers:
            watcher.start()

    def follow_tenancy(self) -> None:
        """Follow what isolation rules compare with, from now on; `tenancy_synced` tells when."""
        if self._tenancy:
            return
        networking, gateway = "/apis/networking.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1"
        followed: list[Watcher[Any]] = [
            Watcher(
                self._api,
                "ingresses",
                f"{networking}/ingresses",
                self._hosts.sink("networking.k8s.io", "ingresses"),
                self._pace,
            ),
            *(
                Watcher(
                    self._api,
                    f"managed {resource}",
                    f"/api/v1/{resource}",
                    managed,
                    self._pace,
                    selector=f"{MANAGED}=true",
                )
                for resource, managed in self._managed.items()
            ),
        ]
        for resource in ROUTES:
            sink = self._hosts.sink("gateway.networking.k8s.io", resource)
            path = f"{gateway}/{resource}"
            followed.append(Watcher(self._api, resource, path, sink, self._pace, optional=True))
        self._tenancy = followed
        for watcher in followed:
            watcher.start()

    @property
    def tenancy_synced(self) -> bool:
        """Whether what isolation rules compare with has been listed at least once."""
        return bool(self._tenancy) and all(watcher.synced for watcher in self._tenancy)

    def stop(self, patience: float = 2) -> None:
        """Stop following, within `patience` seconds; what is known stays readable."""
        end = time.monotonic() + patience
        everything = [*self._watchers, *self._tenancy]
        for watcher in everything:
            watcher.stop()
        for watcher in everything:
            watcher.join(max(0.0, end - time.monotonic()))

    @property
    def synced(self) -> bool:
        """Whether everything has been listed at least once: before that, nothing can be decided."""
        return all(watcher.synced for watcher in self._watchers)

    def wait(self, timeout: float) -> bool:
        """Wait until `synced`, for `timeout` seconds at most; return whether it is."""
        end = time.monotonic() + timeout
        while not self.synced and time.monotonic() < end:
            time.sleep(0.02)
        return self.synced

    def ages(self) -> Mapping[str, float]:
        """Return for each resource the seconds since it was last known to be in step.

        That is the last list, event or bookmark, or the last time that the server took up a watch
        from where we stood. Infinite where there has been none.
        """
        return {watcher.resource: watcher.age for watcher in [*self._watchers, *self._tenancy]}

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong, for each resource with which something is."""
        everything = [*self._watchers, *self._tenancy]
        return {watcher.resource: watcher.problem for watcher in everything if watcher.problem}

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace as last known."""
        return self._namespaces.get(name)

    def read_namespace(self, name: str) -> Namespace | None:
        """Ask the API server for a namespace, and remember the answer; None if there is none.

        Raises:
            ClusterError: it gave no answer.
        """
        path = namespace_path(name)
        found = self._api.find(path, timeout=self._timeout)
        if not isinstance(found, dict):
            return None
        record = self._namespaces.read(found)
        self._namespaces.put(record)
        return record[1]

    def pod(self, namespace: str, name: str) -> Pod | None:
        """Ask the API server for a pod; None if there is none. Pods are not followed.

        Raises:
            ClusterError: it gave no answer.
        """
        path = namespace_path(namespace, "pods", name)
        return cast(Pod | None, self._api.find(path, timeout=self._timeout))

    def world(
        self,
        fetched: Mapping[Ref, JsonObject | None],
        counts: Mapping[str, Sequence[str]],
        hosts: HostIndex | None = None,
    ) -> World:
        """Return the cluster as isolation rules see it.

        Args:
            fetched: the objects that were read live for one request.
            counts: the namespaces of tenants that were read live for it, by tenant.
            hosts: the hosts in use, where they were read live for it.
        """
        index = self._hosts if hosts is None else hosts
        return LiveWorld(self._namespaces, index, self._managed, fetched, counts)

    def read_hosts(self) -> HostIndex | None:
        """Ask the API server for the hosts in use; None where they are too many to ask each time.

        Of two requests for one host in the same moment a cache would admit both. Beyond
        `MOST_OBJECTS` the cache has to do: a list of them all would take longer than a request may.

        Raises:
            ClusterError: it gave no answer.
        """
        return self._objects.hosts() if len(self._hosts) <= MOST_OBJECTS else None

    def read(self, ref: Ref) -> JsonObject | None:
        """Ask the API server for any object; None if there is none.

        Raises:
            ClusterError: it gave no answer, or does not serve the resource.
        """
        return self._objects.read(ref)

    def read_namespaces_of(self, tenant: str) -> Sequence[str]:
        """Ask the API server for the namespaces that carry a tenant's stamp, terminating ones too.

        Raises:
            ClusterError: it gave no answer.
        """
        return self._objects.namespaces_of(tenant)

    def automount(self, namespace: str, service_account: str) -> bool | None:
        """Return a service account's own `automountServiceAccountToken`; None if it has none."""
        return self._accounts.get(namespace, service_account)
