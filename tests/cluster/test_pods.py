"""Pods of ordinary users: filled in and admitted, or refused with a message that helps."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.cluster import (
    ADMIN,
    ALICE,
    UID_RANGE,
    admitted,
    controller,
    refused,
    service_account,
)
from tests.cluster.objects import pod
from tests.cluster.process import eventually

pytestmark = pytest.mark.usefixtures("tenantgate")

UID = int(UID_RANGE.partition("/")[0])

TOO_MUCH = {
    "privileged": (
        pod(security={"privileged": True}),
        "spec.containers[0].securityContext.privileged is true",
    ),
    "escalating": (
        pod(security={"allowPrivilegeEscalation": True}),
        "spec.containers[0].securityContext.allowPrivilegeEscalation is true",
    ),
    "root": (
        pod(security={"runAsUser": 0}),
        "spec.containers[0].securityContext.runAsUser is 0",
    ),
    "capability": (
        pod(security={"capabilities": {"add": ["SYS_ADMIN"]}}),
        "spec.containers[0].securityContext.capabilities.add",
    ),
    "host mount": (
        pod(volumes=[{"name": "node", "hostPath": {"path": "/"}}]),
        'spec.volumes[0] is "hostPath"',
    ),
    "host network": (pod(hostNetwork=True), "spec.hostNetwork is true"),
    "host processes": (pod(hostPID=True), "spec.hostPID is true"),
    "host IPC": (pod(hostIPC=True), "spec.hostIPC is true"),
    "another group": (
        pod(securityContext={"fsGroup": 0}),
        "spec.securityContext.fsGroup is 0",
    ),
    "no seccomp": (
        pod(securityContext={"seccompProfile": {"type": "Unconfined"}}),
        "seccompProfile",
    ),
    "init container": (
        pod(
            initContainers=[
                {"name": "setup", "image": "busybox", "securityContext": {"privileged": True}}
            ]
        ),
        "spec.initContainers[0].securityContext.privileged is true",
    ),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_a_pod_that_asks_for_too_much_is_refused(cluster, shop, case):
    wanted, objection = TOO_MUCH[case]

    message = refused(cluster.create_as(ALICE, wanted, shop))

    assert "Forbidden" in message
    assert objection in message
    assert "allowed: " in message
    assert "Fix: " in message


@pytest.mark.parametrize(
    "way", [["create"], ["apply"], ["apply", "--server-side"], ["replace", "--force"]], ids=" ".join
)
def test_there_is_no_way_around(cluster, shop, way):
    wanted = pod(hostNetwork=True)

    done = cluster.kubectl(*way, "-f", "-", "-n", shop, user=ALICE, stdin=wanted)

    assert "spec.hostNetwork is true" in refused(done)


def test_many_at_once_are_all_filled_in(cluster, shop):
    wanted = [pod(f"web-{number}") for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: cluster.create_as(ALICE, each, shop), wanted))

    made = [admitted(answer) for answer in answers]
    assert {each["metadata"]["annotations"]["openshift.io/scc"] for each in made} == {
        "restricted-v2"
    }


def test_every_problem_is_told_at_once(cluster, shop):
    message = refused(
        cluster.create_as(ALICE, pod(security={"privileged": True}, hostPID=True), shop)
    )

    assert "spec.hostPID is true" in message
    assert "spec.containers[0].securityContext.privileged is true" in message


def test_a_plain_pod_is_filled_in(cluster, shop):
    made = admitted(cluster.create_as(ALICE, pod(), shop))

    assert made["spec"]["securityContext"] == {
        "fsGroup": UID,
        "seLinuxOptions": {"level": "s0:c26,c5"},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert made["spec"]["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": UID,
    }
    annotations = made["metadata"]["annotations"]
    assert annotations["openshift.io/scc"] == "restricted-v2"
    assert annotations["security.openshift.io/validated-scc-subject-type"] == "user"


def test_what_was_sent_is_what_is_stored(cluster, shop):
    sent = admitted(cluster.create_as(ALICE, pod(), shop))

    assert cluster.get("pod", "web", shop)["spec"] == sent["spec"]


def test_each_namespace_has_its_own_ranges(cluster):
    name = cluster.namespace("other", uid_range="1000770000/10000", mcs="s0:c27,c9")
    cluster.grant(ALICE, name)

    made = admitted(cluster.create_as(ALICE, pod(), name))
    foreign = refused(cluster.create_as(ALICE, pod("foreign", security={"runAsUser": UID}), name))

    assert made["spec"]["containers"][0]["securityContext"]["runAsUser"] == 1000770000
    assert made["spec"]["securityContext"]["seLinuxOptions"]["level"] == "s0:c27,c9"
    assert "1000770000" in foreign


def test_a_pod_in_its_own_user_namespace_gets_the_scc_for_it(cluster, shop):
    inside = pod(security={"runAsUser": 1000}, hostUsers=False)

    made = admitted(cluster.create_as(ALICE, inside, shop))

    assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v3"


def test_the_result_annotations_are_not_the_users_to_choose(cluster, shop):
    boast = pod(annotations={"openshift.io/scc": "privileged"})

    made = admitted(cluster.create_as(ALICE, boast, shop))

    assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"


def test_an_scc_that_alice_may_not_use_cannot_be_required(cluster, shop):
    demanding = pod(annotations={"openshift.io/required-scc": "privileged"})

    message = refused(cluster.create_as(ALICE, demanding, shop))

    assert '"alice"' in message
    assert "may use: privileged" in message


def test_a_dry_run_answers_the_same_and_keeps_nothing(cluster, shop):
    dry = ("apply", "-f", "-", "-n", shop, "--dry-run=server", "-o", "json")

    fine = admitted(cluster.kubectl(*dry, user=ALICE, stdin=pod("fine")))
    bad = refused(cluster.kubectl(*dry, user=ALICE, stdin=pod("bad", hostNetwork=True)))
    stored = cluster.kubectl("get", "pods", "-n", shop, "-o", "name", user=ALICE)

    assert fine["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"
    assert "spec.hostNetwork is true" in bad
    assert stored.stdout == ""


def test_the_pod_of_a_deployment_is_judged_by_its_controller_and_account(cluster, shop):
    """The controller is in `system:authenticated`, to which `restricted-v2` is granted."""
    replica = controller("replicaset-controller")

    made = admitted(cluster.create_as(replica, pod(), shop))
    bad = refused(cluster.create_as(replica, pod("bad", hostNetwork=True), shop))

    annotations = made["metadata"]["annotations"]
    assert annotations["openshift.io/scc"] == "restricted-v2"
    assert annotations["security.openshift.io/validated-scc-subject-type"] == "user"
    assert "spec.hostNetwork is true" in bad


def test_a_service_account_may_bring_an_scc_along(cluster, shop):
    account = service_account(shop, "default")
    cluster.grant_scc("anyuid", account, shop)
    as_root = pod(security={"runAsUser": 0})

    made = cluster.create_until_admitted(ALICE, as_root, shop)

    annotations = made["metadata"]["annotations"]
    assert annotations["openshift.io/scc"] == "anyuid"
    assert annotations["security.openshift.io/validated-scc-subject-type"] == "serviceaccount"


def test_a_grant_counts_within_moments_and_so_does_its_end(cluster, shop):
    as_root = pod(security={"runAsUser": 0})
    before = refused(cluster.create_as(ALICE, as_root, shop, "--dry-run=server"))

    cluster.grant_scc("anyuid", ALICE, shop)
    made = cluster.create_until_admitted(ALICE, as_root, shop, "--dry-run=server")
    cluster.revoke_scc("anyuid", ALICE, shop)
    after = eventually(
        lambda: cluster.create_as(ALICE, as_root, shop, "--dry-run=server").returncode
    )

    assert "runAsUser is 0" in before
    assert made["metadata"]["annotations"]["openshift.io/scc"] == "anyuid"
    assert after == 1


def test_a_grant_in_one_namespace_is_none_in_another(cluster, shop):
    elsewhere = cluster.namespace("elsewhere")
    cluster.grant(ALICE, elsewhere)
    cluster.grant_scc("anyuid", ALICE, elsewhere)
    as_root = pod(security={"runAsUser": 0})
    cluster.create_until_admitted(ALICE, as_root, elsewhere)

    assert "runAsUser is 0" in refused(cluster.create_as(ALICE, as_root, shop))


def test_system_masters_always_gets_through_untouched(cluster, shop):
    made = admitted(cluster.create_as(ADMIN, pod(security={"privileged": True}), shop))

    assert "annotations" not in made["metadata"]


def test_the_namespaces_of_the_platform_are_not_judged(cluster):
    cluster.grant(ALICE, "default")

    made = admitted(cluster.create_as(ALICE, pod(hostNetwork=True), "default"))

    assert "annotations" not in made["metadata"]
