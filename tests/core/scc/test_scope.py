"""Which pod requests are judged at all, and which pass untouched."""

import copy
from typing import Any

import pytest

from tests.core.samples import LAX, changed, facts, may_use, namespace, pod, policies, request, scc
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import Namespace

ANYTHING = scc(**LAX)
POD = "seccomp.security.alpha.kubernetes.io/pod"
STORED = changed(
    pod(),
    {
        "metadata.labels": {"app": "web"},
        "metadata.annotations": {"note": "1"},
        "metadata.resourceVersion": "7",
        "metadata.ownerReferences": [{"kind": "ReplicaSet", "name": "web", "uid": "1"}],
        "metadata.managedFields": [{"manager": "kubectl"}],
        "metadata.finalizers": ["example.com/a"],
        "spec.serviceAccountName": "robot",
        "spec.nodeName": "node-1",
        "spec.schedulingGates": [{"name": "a"}, {"name": "b"}],
        "spec.volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
        "spec.securityContext": {"fsGroup": 5},
        "spec.initContainers[0]": {"name": "setup", "image": "i:1"},
        "spec.ephemeralContainers[0]": {"name": "debug", "image": "i:1"},
        "spec.containers[0].ports": [{"containerPort": 80}],
        "spec.containers[0].resources": {"requests": {"cpu": "1"}},
        "status": {"phase": "Running"},
    },
)


def decided(
    new: Any, old: Any = None, /, *, where: Namespace | None = None, **rest: Any
) -> Decision:
    """Decide on a pod that an SCC allows anything; settings of the policies may be among the rest."""
    settings = {
        key: rest.pop(key)
        for key in ("pod_updates", "exempt_namespaces", "exemption_labels", "engine_namespace")
        if key in rest
    }
    asked = request(new, **({"operation": "UPDATE", "old": old, **rest} if old else rest))
    known = facts(may_use(ANYTHING), namespace=where or namespace())
    return decide(asked, known, policies(ANYTHING, **settings))


def update(changes: dict[str, Any], **rest: Any) -> Decision:
    return decided(changed(STORED, changes), copy.deepcopy(STORED), **rest)


@pytest.mark.parametrize(("os", "judged"), [("windows", False), ("linux", True), ("Windows", True)])
def test_a_pod_for_windows_is_not_judged(os, judged):
    assert bool(decided(pod({"spec.os": {"name": os}})).scc) == judged


def test_a_pod_that_names_no_operating_system_is_judged() -> None:
    assert decided(pod()).scc == "lax"


@pytest.mark.parametrize(
    "subresource",
    ["attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"],
)
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_subresources_that_carry_no_spec_are_not_judged(operation, subresource):
    old = copy.deepcopy(STORED)
    new = changed(STORED, {"spec.hostPID": True})
    answer = decided(new, old, operation=operation, subresource=subresource)

    assert answer.allowed
    assert answer.skipped == "no policy judges it"
    assert answer.patch == ()


@pytest.mark.parametrize("subresource", ["", "ephemeralcontainers", "resize", "somethingnew"])
def test_every_other_subresource_is_judged(subresource):
    assert update({"spec.hostPID": True}, subresource=subresource).scc == "lax"


IGNORABLE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "the network's own annotation": {"metadata.annotations[k8s.ovn.org/pod-networks]": "{}"},
    "owner references": {"metadata.ownerReferences": None},
    "owner references and finalizers": {
        "metadata.ownerReferences[0].uid": "2",
        "metadata.finalizers": None,
    },
    "managed fields": {"metadata.managedFields": [{"manager": "someone"}]},
    "self link": {"metadata.selfLink": "/api/v1"},
    "one scheduling gate less": {"spec.schedulingGates": [{"name": "b"}]},
    "no scheduling gate left": {"spec.schedulingGates": None},
    "a quantity in another spelling": {
        "spec.containers[0].resources.requests.cpu": "1000m",
        "spec.volumes[0].emptyDir.sizeLimit": "1024Mi",
    },
    "an empty list": {"spec.tolerations": []},
    "an empty list in a container": {"spec.containers[0].volumeMounts": []},
}
NOT_IGNORABLE: dict[str, dict[str, Any]] = {
    "a label that is new": {"metadata.labels.tier": "web"},
    "a label that is gone": {"metadata.labels": None},
    "a label of another value": {"metadata.labels.app": "api"},
    "another annotation": {"metadata.annotations.note": "2"},
    "an annotation that is gone": {"metadata.annotations": None},
    "the network's annotation and another": {
        "metadata.annotations[k8s.ovn.org/pod-networks]": "{}",
        "metadata.annotations.other": "x",
    },
    "the resource version": {"metadata.resourceVersion": "8"},
    "the status": {"status.phase": "Failed"},
    "a toleration": {"spec.tolerations": [{"operator": "Exists"}]},
    "a request": {"spec.containers[0].resources.requests.cpu": "2"},
    "a deadline": {"spec.activeDeadlineSeconds": 5},
}
JUDGED: dict[str, dict[str, Any]] = {
    "serviceAccountName": {"spec.serviceAccountName": "default"},
    "os": {"spec.os": {"name": "linux"}},
    "hostNetwork": {"spec.hostNetwork": True},
    "hostPID": {"spec.hostPID": True},
    "hostIPC": {"spec.hostIPC": True},
    "hostUsers": {"spec.hostUsers": False},
    "volumes": {"spec.volumes[1]": {"name": "b", "emptyDir": {}}},
    "a volume's source": {"spec.volumes[0]": {"name": "scratch", "hostPath": {"path": "/"}}},
    "the pod's security context": {"spec.securityContext.fsGroup": 6},
    "no security context any more": {"spec.securityContext": None},
    "a container's security context": {"spec.containers[0].securityContext": {}},
    "an init container's security context": {"spec.initContainers[0].securityContext.runAsUser": 0},
    "an ephemeral container's security context": {
        "spec.ephemeralContainers[0].securityContext.privileged": True
    },
    "an image": {"spec.containers[0].image": "i:2"},
    "an ephemeral container's image": {"spec.ephemeralContainers[0].image": "i:2"},
    "a container's name": {"spec.containers[0].name": "other"},
    "an init container's name": {"spec.initContainers[0].name": "other"},
    "a port": {"spec.containers[0].ports[0].hostPort": 80},
    "a new port": {"spec.initContainers[0].ports": [{"containerPort": 1}]},
    "a new container": {"spec.containers[1]": {"name": "second"}},
    "a new init container": {"spec.initContainers[1]": {"name": "second"}},
    "a new ephemeral container": {"spec.ephemeralContainers[1]": {"name": "second"}},
    "no init container any more": {"spec.initContainers": None},
    "the chosen SCC": {"metadata.annotations[openshift.io/scc]": "privileged"},
    "the subject type": {
        "metadata.annotations[security.openshift.io/validated-scc-subject-type]": "user"
    },
    "the pod's seccomp annotation": {f"metadata.annotations[{POD}]": "unconfined"},
    "a container's seccomp annotation": {
        "metadata.annotations[container.seccomp.security.alpha.kubernetes.io/app]": "unconfined"
    },
}


def judged(answer: Decision) -> bool:
    return not answer.skipped and bool(answer.scc or answer.attempts)


def rows(*tables: dict[str, dict[str, Any]]) -> Any:
    return [pytest.param(row, id=name) for table in tables for name, row in table.items()]


@pytest.mark.parametrize("changes", rows(IGNORABLE))
@pytest.mark.parametrize("pod_updates", ["openshift", "ratchet"])
@pytest.mark.parametrize("phase", ["mutate", "validate"])
def test_an_update_of_ignorable_metadata_is_never_judged(changes, pod_updates, phase):
    answer = update(changes, pod_updates=pod_updates, phase=phase)

    assert answer.allowed
    assert answer.skipped == "nothing changed that an SCC looks at"
    assert answer.patch == ()


@pytest.mark.parametrize("changes", rows(NOT_IGNORABLE, JUDGED))
def test_openshift_judges_every_other_update(changes):
    assert judged(update(changes, pod_updates="openshift"))


@pytest.mark.parametrize("changes", rows(NOT_IGNORABLE))
@pytest.mark.parametrize("phase", ["mutate", "validate"])
def test_the_ratchet_lets_updates_through_that_change_nothing_an_scc_reads(changes, phase):
    answer = update(changes, pod_updates="ratchet", phase=phase)

    assert answer.allowed
    assert answer.skipped == "all that an SCC reads is as it was"
    assert answer.patch == ()


@pytest.mark.parametrize("changes", rows(JUDGED))
def test_the_ratchet_judges_an_update_of_anything_that_an_scc_reads(changes):
    assert judged(update(changes, pod_updates="ratchet"))


@pytest.mark.parametrize("changes", rows(NOT_IGNORABLE))
@pytest.mark.parametrize("subresource", ["ephemeralcontainers", "resize"])
def test_the_ratchet_does_not_reach_subresources(changes, subresource):
    assert judged(update(changes, pod_updates="ratchet", subresource=subresource))


def test_the_ratchet_sees_the_demand_for_an_scc() -> None:
    answer = update({"metadata.annotations[openshift.io/required-scc]": "lax"})

    assert answer.code == 403


@pytest.mark.parametrize("before", [{}, {"metadata.annotations": {}}], ids=["absent", "empty"])
@pytest.mark.parametrize("after", [{}, {"metadata.annotations": {}}], ids=["absent", "empty"])
def test_absent_and_empty_annotations_are_the_same(before, after):
    answer = decided(pod(after), pod(before), pod_updates="openshift")

    assert answer.skipped == "nothing changed that an SCC looks at"


@pytest.mark.parametrize("before", [{}, {"metadata.annotations": {}}], ids=["absent", "empty"])
def test_the_networks_annotation_may_be_the_first(before):
    new = pod({"metadata.annotations[k8s.ovn.org/pod-networks]": "{}"})

    assert decided(new, pod(before), pod_updates="openshift").skipped


def test_a_scheduling_gate_does_not_hide_another_change() -> None:
    answer = update(
        {"spec.schedulingGates": None, "spec.containers[0].image": "i:2"}, pod_updates="openshift"
    )

    assert answer.scc == "lax"


@pytest.mark.parametrize(
    "name", ["default", "kube-system", "kube-public", "openshift-node", "openshift-infra", "openshift"]
)  # fmt: skip
def test_openshifts_six_namespaces_are_exempt_by_name(name):
    answer = decided(pod(), namespace=name)

    assert answer.skipped == f'namespace "{name}" is exempt by name'
    assert decided(pod(), namespace=name, exempt_namespaces=[]).scc == "lax"


@pytest.mark.parametrize("name", ["kube-system-2", "openshift-monitoring", "Default", "shop", ""])
def test_no_other_name_is_exempt(name):
    assert not decided(pod(), namespace=name).skipped


def test_the_list_of_exempt_namespaces_replaces_the_six() -> None:
    assert decided(pod(), namespace="mine", exempt_namespaces=["mine"]).skipped
    assert not decided(pod(), namespace="kube-system", exempt_namespaces=["mine"]).skipped


def test_the_engines_own_namespace_is_always_exempt() -> None:
    assert decided(pod(), namespace="tenantgate-system", exempt_namespaces=[]).skipped
    assert decided(pod(), namespace="guard", engine_namespace="guard").skipped
    assert not decided(pod(), namespace="tenantgate-system", engine_namespace="guard").skipped


RUN_LEVEL = "openshift.io/run-level"
DISABLED = "security.openshift.io/disable-securitycontextconstraints"


@pytest.mark.parametrize(
    ("labels", "exempt"),
    [
        ({RUN_LEVEL: "0"}, True),
        ({RUN_LEVEL: "1"}, True),
        ({RUN_LEVEL: "2"}, False),
        ({RUN_LEVEL: ""}, False),
        ({RUN_LEVEL: "00"}, False),
        ({DISABLED: "true"}, True),
        ({DISABLED: "True"}, False),
        ({DISABLED: "false"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_labels_exempt_a_namespace_only_where_they_are_honoured(labels, exempt):
    where = Namespace("shop", labels, namespace().annotations)

    honoured = decided(pod(), where=where, exemption_labels="honour")

    assert bool(honoured.skipped) == exempt
    assert not decided(pod(), where=where).skipped


def test_a_namespace_that_is_not_known_has_no_labels_that_could_exempt_it() -> None:
    known = facts(may_use(ANYTHING), namespace=None)

    answer = decide(request(pod()), known, policies(ANYTHING, exemption_labels="honour"))

    assert not answer.allowed
