"""What a node is to a Deployment: pods of it run, as processes, and are reached as in any cluster.

No part of envtest does this. `Nodes` takes the place of scheduler, kubelet and kube-proxy for the pods of one namespace: it
mounts their ConfigMaps and Secrets, starts their containers' own arguments under the rights of their service
accounts, reports when they are ready, hands out their logs, and ends them.
"""

import base64
import contextlib
import datetime
import itertools
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.cluster import ADMIN, Cluster, service_account
from tests.cluster.kubelet import Logs, mount
from tests.cluster.network import Network
from tests.cluster.process import Process, free_port, get

NODE = "node-1"
NODE_ADDRESS = "192.0.2.1"
_ROUND = 0.3


@dataclass(slots=True)
class _Running:
    """A pod that runs: its process and the ports that it has here."""

    process: Process
    address: str
    port: int
    ops: int
    ready: bool | None = None


class Nodes:
    """Runs the pods of one namespace, from `start` to `stop`."""

    def __init__(self, cluster: Cluster, network: Network, folder: Path, namespace: str) -> None:
        self._cluster, self._network = cluster, network
        self.folder = folder
        self._namespace = namespace
        self._core: Any = client.CoreV1Api(cluster.client(ADMIN))
        self._pods: dict[str, _Running] = {}
        self._numbers = itertools.count(10)
        self._beat = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._logs = Logs(self.log)
        self.trouble = ""
        """What went wrong in a round as a whole, the last time that anything did."""

    def start(self) -> None:
        """Have a node join, and begin to run what is there for it."""
        self._logs.start(self._cluster.plane.folder)
        self._network.hosts[NODE_ADDRESS, 10250] = self._logs.port
        self._core.create_node({"metadata": {"name": NODE}})
        self._thread.start()

    def stop(self) -> None:
        """End everything that runs."""
        self._ended.set()
        self._thread.join()
        for each in self._pods.values():
            each.process.kill()
        self._logs.stop()

    def log(self, pod: str) -> Path:
        """Return the file that a pod's container writes to."""
        return self.folder / f"{pod}.log"

    def logs(self) -> str:
        """Return all that was ever written by any of them."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _run(self) -> None:
        while not self._ended.wait(_ROUND):
            try:
                self._round()
            except ApiException as error:
                self.trouble = f"{error.status} {error.body}"

    def _round(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        if now - self._beat > datetime.timedelta(seconds=5):
            self._heartbeat(now)
            self._beat = now
        listed = self._core.list_namespaced_pod(self._namespace)
        pods = {each.metadata.name: each for each in listed.items}
        for name in self._pods.keys() - pods.keys():
            self._end(name)
        for name, pod in pods.items():
            with contextlib.suppress(ApiException):  # a mount that is not there yet, for instance
                self._settle(name, pod)

    def _settle(self, name: str, pod: Any) -> None:
        """Bring one pod a step nearer to what it is to be."""
        if pod.metadata.deletion_timestamp:
            self._end(name)
            self._core.delete_namespaced_pod(name, self._namespace, grace_period_seconds=0)
        elif name not in self._pods:
            self._begin(pod)
        else:
            self._look(pod)

    def _heartbeat(self, now: datetime.datetime) -> None:
        at = now.isoformat()
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": at,
            "lastTransitionTime": at,
        }
        status = {
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        }
        self._core.patch_node_status(NODE, {"status": status})

    def _begin(self, pod: Any) -> None:
        name = pod.metadata.name
        if not pod.spec.node_name:
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            binding = {"metadata": {"name": name}, "target": target}
            self._core.create_namespaced_pod_binding(
                name, self._namespace, binding, _preload_content=False
            )
        mounts = {
            volume.name: data
            for volume in pod.spec.volumes
            if (data := self._data(volume)) is not None
        }
        for volume, data in mounts.items():
            mount(self.folder / name / volume, data)
        number = next(self._numbers)
        running = _Running(self._process(pod), f"192.0.2.{number}", free_port(), free_port())
        running.process.command += [f"--ops-listen=127.0.0.1:{running.ops}"]
        if "serve" in running.process.command:
            running.process.command += [f"--listen=127.0.0.1:{running.port}", "--events"]
        running.process.start()
        self._pods[name] = running
        self._network.hosts[running.address, 8443] = running.port
        self._network.hosts[running.address, 8080] = running.ops

    def _data(self, volume: Any) -> Mapping[str, bytes] | None:
        """Return the files of a volume; None where a kubelet would make an empty one.

        Raises:
            ApiException: its object is not there yet, so its pod has to wait.
        """
        if volume.config_map:
            found = self._core.read_namespaced_config_map(volume.config_map.name, self._namespace)
            return {key: text.encode() for key, text in (found.data or {}).items()}
        if volume.secret:
            found = self._core.read_namespaced_secret(volume.secret.secret_name, self._namespace)
            return {key: base64.b64decode(text) for key, text in (found.data or {}).items()}
        return None

    def _process(self, pod: Any) -> Process:
        """Return the container's process, with the paths of its volumes exchanged."""
        (container,) = pod.spec.containers
        args = list(container.args)
        for mounted in (each for each in container.volume_mounts if each.read_only):
            here = f"={self.folder / pod.metadata.name / mounted.name}"
            args = [arg.replace(f"={mounted.mount_path}", here) for arg in args]
        identity = service_account(self._namespace, pod.spec.service_account_name)
        return Process(
            [
                *(sys.executable, "-m", "webhook"),
                *args,
                f"--kubeconfig={self._cluster.kubeconfig(identity)}",
            ],
            self.log(pod.metadata.name),
            env={
                "PATH": os.environ["PATH"],
                "POD_NAMESPACE": self._namespace,
                "HOSTNAME": pod.metadata.name,
            },
        )

    def _look(self, pod: Any) -> None:
        """Bring a pod's volumes up to date, and its status."""
        name = pod.metadata.name
        for volume in pod.spec.volumes:
            with contextlib.suppress(ApiException):
                if (data := self._data(volume)) is not None:
                    mount(self.folder / name / volume.name, data)
        running = self._pods[name]
        if not running.process.running():
            running.process.stop()
            running.process.start()
        ready = get(f"http://127.0.0.1:{running.ops}/readyz") == 200
        if "serve" in running.process.command:
            if ready:
                self._network.service[name] = running.port
            else:
                self._network.service.pop(name, None)
        if ready != running.ready:
            self._report(name, running, ready)
            running.ready = ready

    def _report(self, name: str, running: _Running, ready: bool) -> None:
        at = datetime.datetime.now(datetime.UTC).isoformat()
        conditions = [
            {"type": kind, "status": str(ready), "lastTransitionTime": at}
            for kind in ("Ready", "ContainersReady")
        ]
        container = {
            "name": "tenantgate",
            "image": "tenantgate",
            "imageID": "",
            "ready": ready,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": at}},
        }
        status = {
            "phase": "Running",
            "podIP": running.address,
            "podIPs": [{"ip": running.address}],
            "startTime": at,
            "conditions": conditions,
            "containerStatuses": [container],
        }
        self._core.patch_namespaced_pod_status(name, self._namespace, {"status": status})

    def _end(self, name: str) -> None:
        self._network.service.pop(name, None)
        if running := self._pods.pop(name, None):
            running.process.stop()


@contextlib.contextmanager
def running(cluster: Cluster, network: Network, folder: Path, namespace: str) -> Iterator[Nodes]:
    """Run the pods of a namespace while the block lasts."""
    nodes = Nodes(cluster, network, folder, namespace)
    nodes.start()
    try:
        yield nodes
    finally:
        nodes.stop()
