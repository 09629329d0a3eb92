"""Which pods start anew after a transfer."""

from typing import Any

from webhook.core.provisioning.ownership.restart import restart


def pod(name: str, owner: str = "", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "x", "controller": True}] if owner else []
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": owners, **metadata},
        "status": {"phase": phase},
    }


def test_pods_with_a_controller_are_restarted_and_others_told_of() -> None:
    found = restart(
        [
            pod("web", "ReplicaSet"),
            pod("waiting", "StatefulSet", "Pending"),
            pod("bare"),
            pod("adopted", ownerReferences=[{"kind": "ConfigMap", "name": "x"}]),
            pod("done", "Job", "Succeeded"),
            pod("broken", "Job", "Failed"),
            pod("etcd-node1", "Node"),
            pod("going", "ReplicaSet", deletionTimestamp="2026-01-01T00:00:00Z"),
        ]
    )

    assert found.leaving == {"uid-web": "web", "uid-waiting": "waiting"}
    assert found.bare == ("adopted", "bare")
