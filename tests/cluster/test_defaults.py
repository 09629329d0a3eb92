"""WorkloadDefaults on a real API server, after its own plugins and before SCCs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster, admitted, controller, refused
from tests.cluster.objects import Object, deployment, pod
from tests.cluster.process import eventually
from tests.cluster.tenantgate import Tenantgate

SHIPPED = Path(__file__).parents[2] / "policies"
LABELS = {"tier": "filled"}
DEFAULTS = """\
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec:
  match: {namespaceSelector: {matchLabels: {tier: filled}}}
  containers:
    defaultRequest: {cpu: 0.1, memory: 128Mi, ephemeral-storage: 100Mi}
    default: {memory: 0.5Gi, ephemeral-storage: 1Gi}
    max: {memory: 4Gi, ephemeral-storage: 2Gi}
    maxLimitRequestRatio: {memory: "4"}
    imagePullPolicy: Always
  pod:
    automountServiceAccountToken: false
    priorityClassName: test-standard
    nodeSelector: {pool: shared}
    labels: {cost-centre: shared}
    tolerations:
    - {key: spot, operator: Exists, effect: NoSchedule}
    - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 5}
    topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: {}
      matchLabelKeys: [cost-centre]
"""


def priority_class(name: str, value: int, **fields: Any) -> Object:
    metadata = {"name": name}
    version = "scheduling.k8s.io/v1"
    return {"apiVersion": version, "kind": "PriorityClass", "metadata": metadata, "value": value,
            **fields}  # fmt: skip


def silent(name: str = "web", **spec: Any) -> Object:
    """Return a pod whose container names no resources."""
    made = pod(name, **spec)
    del made["spec"]["containers"][0]["resources"]
    return made


def sized(**resources: Any) -> Object:
    made = pod()
    made["spec"]["containers"][0]["resources"] = resources
    return made


@pytest.fixture(scope="module", autouse=True)
def defaulting(
    cluster: Cluster, tenantgate: Tenantgate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenantgate]:
    """A webhook with the shipped policies and `DEFAULTS`, in place of the usual one."""
    folder = tmp_path_factory.mktemp("defaults")
    policy = folder / "defaults.yaml"
    policy.write_text(DEFAULTS)
    cluster.create(priority_class("test-standard", 1000, preemptionPolicy="Never"))
    made = Tenantgate(cluster, folder, policies=[SHIPPED, policy])
    try:
        made.start()
        made.register()
        yield made
    finally:
        made.kill()
        cluster.kubectl("delete", "priorityclass", "test-standard", user=ADMIN)
        tenantgate.register()


@pytest.fixture
def filled(cluster: Cluster) -> str:
    """A namespace that `DEFAULTS` are for, and that alice may edit."""
    name = cluster.namespace("filled", labels=LABELS)
    cluster.grant(ALICE, name)
    return name


def test_a_pod_that_says_nothing_is_filled_in_and_accepted(cluster, filled):
    made = admitted(cluster.create_as(ALICE, silent(), filled))

    container = made["spec"]["containers"][0]
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "100Mi"},
        "limits": {"memory": "512Mi", "ephemeral-storage": "1Gi"},
    }
    assert container["imagePullPolicy"] == "Always"
    assert made["metadata"]["labels"] == {"cost-centre": "shared"}
    assert made["spec"]["nodeSelector"] == {"pool": "shared"}
    (spread,) = made["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"
    assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"


def test_the_token_is_gone_with_its_volume_and_its_mounts(cluster, filled):
    setup = {"name": "setup", "image": "setup"}

    made = admitted(cluster.create_as(ALICE, silent(initContainers=[setup]), filled))

    assert made["spec"]["automountServiceAccountToken"] is False
    assert "volumes" not in made["spec"]
    assert "volumeMounts" not in made["spec"]["containers"][0]
    assert "volumeMounts" not in made["spec"]["initContainers"][0]


def test_a_pod_that_asks_for_its_token_keeps_it(cluster, filled):
    made = admitted(cluster.create_as(ALICE, silent(automountServiceAccountToken=True), filled))

    (volume,) = made["spec"]["volumes"]
    assert volume["name"].startswith("kube-api-access-")


def test_the_class_takes_the_place_of_the_numbers_of_none(cluster, filled):
    """The Priority plugin has put those in, and refuses them when it runs again."""
    made = admitted(cluster.create_as(ALICE, silent(), filled))

    assert made["spec"]["priorityClassName"] == "test-standard"
    assert made["spec"]["priority"] == 1000
    assert made["spec"]["preemptionPolicy"] == "Never"


def test_a_class_for_pods_that_name_none_counts_as_the_pods_own(cluster, filled):
    cluster.create(priority_class("test-global", 7, globalDefault=True))
    try:
        wanted = silent()

        def made() -> Any:
            answer = cluster.create_as(ALICE, wanted, filled, "--dry-run=server")
            spec = admitted(answer)["spec"]
            return spec if spec["priorityClassName"] == "test-global" else None

        assert eventually(made)["priority"] == 7
    finally:
        cluster.kubectl("delete", "priorityclass", "test-global", user=ADMIN)


def test_tolerations_are_appended_and_the_five_minutes_stay(cluster, filled):
    made = admitted(cluster.create_as(ALICE, silent(), filled))

    assert {
        (each["key"], each.get("tolerationSeconds")) for each in made["spec"]["tolerations"]
    } == {
        ("node.kubernetes.io/not-ready", 300),
        ("node.kubernetes.io/unreachable", 300),
        ("spot", None),
    }


def test_what_a_limit_range_fills_in_comes_first(cluster, filled):
    item = {"type": "Container", "default": {"memory": "256Mi"}, "defaultRequest": {"cpu": "20m"}}
    cluster.create({"apiVersion": "v1", "kind": "LimitRange",
                    "metadata": {"name": "limits", "namespace": filled},
                    "spec": {"limits": [item]}})  # fmt: skip

    def made() -> Any:
        answer = cluster.create_as(ALICE, silent(), filled, "--dry-run=server")
        found = admitted(answer)
        return found if "limit-ranger" in json.dumps(found["metadata"]) else None

    resources = eventually(made)["spec"]["containers"][0]["resources"]
    assert resources == {
        "requests": {"cpu": "20m", "memory": "256Mi", "ephemeral-storage": "100Mi"},
        "limits": {"memory": "256Mi", "ephemeral-storage": "1Gi"},
    }


def test_requests_and_limits_move_each_other(cluster, filled):
    made = admitted(
        cluster.create_as(
            ALICE,
            sized(requests={"memory": "1024Mi"}, limits={"ephemeral-storage": "50Mi"}),
            filled,
        )
    )

    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "1Gi", "ephemeral-storage": "50Mi"},
        "limits": {"memory": "1Gi", "ephemeral-storage": "50Mi"},
    }


def test_a_sidecar_is_filled_in_too(cluster, filled):
    sidecar = {"name": "proxy", "image": "proxy", "restartPolicy": "Always"}

    made = admitted(cluster.create_as(ALICE, silent(initContainers=[sidecar]), filled))

    assert made["spec"]["initContainers"][0]["resources"]["limits"]["memory"] == "512Mi"


def test_what_the_pod_itself_names_is_left_to_it(cluster, filled):
    shared = {"limits": {"memory": "1Gi", "cpu": "1"}}

    made = admitted(cluster.create_as(ALICE, silent(resources=shared), filled))

    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"ephemeral-storage": "100Mi"},
        "limits": {"ephemeral-storage": "1Gi"},
    }
    assert made["spec"]["resources"]["limits"]["memory"] == "1Gi"


def test_bounds_are_refused_with_a_way_out(cluster, filled):
    wanted = sized(requests={"memory": "1Gi"}, limits={"memory": "5Gi", "ephemeral-storage": "3Gi"})

    message = refused(cluster.create_as(ALICE, wanted, filled))

    assert (
        'WorkloadDefaults/standard: spec.containers[0].resources.limits.memory is "5Gi"; allowed: at '
        'most 4Gi. Fix: set the limit for memory of container "app" to 4Gi or less.'
    ) in message
    assert "at most 4 times the request of 1Gi, which is 4Gi" in message
    assert "ephemeral-storage" in message


def test_an_scc_and_a_bound_refuse_together(cluster, filled):
    wanted = sized(limits={"memory": "5Gi"})
    wanted["spec"]["hostNetwork"] = True

    message = refused(cluster.create_as(ALICE, wanted, filled))

    assert message.index("hostNetwork is true") < message.index("WorkloadDefaults/standard")


def test_a_controllers_pods_are_filled_in_and_its_template_is_not(cluster, filled):
    """So nothing that is kept in git differs from what is in the cluster."""
    sent = deployment(silent())
    made = admitted(cluster.create_as(ALICE, sent, filled))
    template = cluster.get("deployment", "web", filled)["spec"]["template"]

    child = admitted(cluster.create_as(controller("replicaset-controller"), silent(), filled))

    assert template == made["spec"]["template"]
    assert template["spec"]["containers"][0]["resources"] == {}
    assert "automountServiceAccountToken" not in template["spec"]
    again = cluster.kubectl("diff", "-f", "-", "-n", filled, user=ADMIN, stdin=sent)
    assert (again.returncode, again.stdout) == (0, "")
    assert child["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"


def test_a_resize_beyond_the_maximum_is_refused(cluster, filled):
    admitted(cluster.create_as(ALICE, silent(), filled))
    grown = [
        {"name": "app", "resources": {"requests": {"memory": "5Gi"}, "limits": {"memory": "5Gi"}}}
    ]
    within = [
        {"name": "app", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}}
    ]

    def resize(containers: Any) -> Any:
        patch = json.dumps({"spec": {"containers": containers}})
        return cluster.kubectl(
            "patch", "pod", "web", "--subresource=resize", "-n", filled, "-p", patch, user=ALICE
        )

    assert "at most 4Gi" in refused(resize(grown))
    assert resize(within).returncode == 0, resize(within).stderr


def test_what_is_stored_is_not_touched_again(cluster, filled):
    admitted(cluster.create_as(ALICE, silent(), filled))
    before = cluster.get("pod", "web", filled)["spec"]

    done = cluster.kubectl("label", "pod", "web", "a=b", "-n", filled, user=ALICE)

    assert done.returncode == 0, done.stderr
    assert cluster.get("pod", "web", filled)["spec"] == before


def test_a_namespace_that_does_not_match_has_the_shipped_requests_alone(cluster, shop):
    made = admitted(cluster.create_as(ALICE, silent(), shop))

    resources = made["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": "25m", "memory": "64Mi"}}
    assert "priorityClassName" not in made["spec"]


def test_a_label_that_the_namespace_gets_counts_from_then_on(cluster, shop):
    cluster.kubectl("label", "namespace", shop, "tier=filled", user=ADMIN)

    def made() -> bool:
        answer = cluster.create_as(ALICE, silent(), shop, "--dry-run=server")
        return "cost-centre" in admitted(answer)["metadata"].get("labels", {})

    assert eventually(made)


def test_a_namespace_that_no_scc_judges_has_its_defaults(cluster):
    made = admitted(
        cluster.create_as(controller("job-controller"), silent(), "default", "--dry-run=server")
    )

    assert made["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "25m"
    assert "openshift.io/scc" not in made["metadata"].get("annotations", {})
