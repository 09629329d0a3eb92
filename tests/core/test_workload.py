"""Workloads become the pods that their controllers send, and pods get what admission has seen."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import Json
from webhook.core.model.shapes import ShapeError
from webhook.core.workload import RESOURCES, Template, defaulted, template_of


def workload(api_version: str, kind: str, **spec: Json) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app"}]}}
    metadata = {"name": "web", "namespace": "shop", "labels": {"not": "the pod's"}}
    body: dict[str, Any] = {"spec": {"template": template, **spec}}
    if kind == "CronJob":
        body = {"spec": {"jobTemplate": {"spec": {"template": template}}}}
    if kind == "PodTemplate":
        body = {"template": template}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def template(value: Json) -> Template:
    result = template_of(value)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("api_version", "kind", "path", "controller"),
    [
        ("apps/v1", "Deployment", "spec.template", "replicaset-controller"),
        ("apps/v1", "ReplicaSet", "spec.template", "replicaset-controller"),
        ("apps/v1", "DaemonSet", "spec.template", "daemon-set-controller"),
        ("v1", "ReplicationController", "spec.template", "replication-controller"),
        ("batch/v1", "Job", "spec.template", "job-controller"),
        ("batch/v1", "CronJob", "spec.jobTemplate.spec.template", "job-controller"),
        ("v1", "PodTemplate", "template", "replication-controller"),
    ],
)
def test_a_workload_becomes_the_pod_that_its_controller_sends(api_version, kind, path, controller):
    result = template(workload(api_version, kind))

    assert result.pod == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {"app": "web"}, "generateName": "web-", "namespace": "shop"},
        "spec": {"containers": [{"name": "app"}]},
    }
    assert result.creator.name == f"system:serviceaccount:kube-system:{controller}"
    assert result.creator.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:kube-system",
        "system:authenticated",
    )
    assert result.note == ""
    assert str(result.place(FieldPath.parse("spec.volumes[0].hostPath"))) == (
        f"{path}.spec.volumes[0].hostPath"
    )
    assert str(result.place(FieldPath.parse("metadata.annotations[a.io/b]"))) == (
        f"{path}.metadata.annotations[a.io/b]"
    )
    assert result.place(FieldPath()) == FieldPath()


def test_annotations_travel_from_the_template_and_nothing_else():
    value = workload("apps/v1", "Deployment")
    value["spec"]["template"]["metadata"] = {
        "name": "x",
        "namespace": "elsewhere",
        "annotations": {"openshift.io/required-scc": "anyuid"},
    }

    assert template(value).pod["metadata"] == {
        "annotations": {"openshift.io/required-scc": "anyuid"},
        "generateName": "web-",
        "namespace": "shop",
    }


def test_a_stateful_set_turns_its_claims_into_volumes():
    claims = [{"metadata": {"name": "data"}}, {"metadata": {"name": "logs"}}]
    value = workload("apps/v1", "StatefulSet", volumeClaimTemplates=claims)
    value["spec"]["template"]["spec"]["volumes"] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "data", "hostPath": {"path": "/"}},
        {"name": "host", "hostPath": {"path": "/"}},
    ]
    before = copy.deepcopy(value)

    result = template(value)

    assert result.pod["metadata"]["name"] == "web-0"
    assert result.creator.name == "system:serviceaccount:kube-system:statefulset-controller"
    assert result.pod["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}},
        {"name": "logs", "persistentVolumeClaim": {"claimName": "logs-web-0"}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "host", "hostPath": {"path": "/"}},
    ]
    assert [str(result.place(FieldPath(("spec", "volumes", i, "hostPath")))) for i in range(5)] == [
        "spec.volumeClaimTemplates[0].hostPath",
        "spec.volumeClaimTemplates[1].hostPath",
        "spec.template.spec.volumes[0].hostPath",
        "spec.template.spec.volumes[2].hostPath",
        "spec.template.spec.volumes[4].hostPath",
    ]
    assert value == before


@pytest.mark.parametrize(
    ("api_version", "kind", "current"),
    [
        ("extensions/v1beta1", "Deployment", "apps/v1"),
        ("apps/v1beta2", "StatefulSet", "apps/v1"),
        ("batch/v1beta1", "CronJob", "batch/v1"),
        ("apps/v9", "DaemonSet", "apps/v1"),
    ],
)
def test_another_version_is_read_as_the_current_one_and_noted(api_version, kind, current):
    result = template(workload(api_version, kind))

    assert result.note == (
        f"{kind} in {api_version} is served by no current cluster: judged as {current}"
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"apiVersion": "v1", "kind": "Pod"},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job"},
        {"apiVersion": "extensions/v1beta1", "kind": "StatefulSet"},
        {"kind": ["Deployment"]},
        {"apiVersion": None, "kind": "Deployment"},
    ],
)
def test_other_objects_are_no_workloads(value):
    assert template_of(value) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spec": None}, "spec is not set; allowed: an object"),
        ({"spec": []}, "spec is []; allowed: an object"),
        ({"spec": {}}, "spec.template is not set; allowed: an object"),
        ({"spec": {"template": "x"}}, 'spec.template is "x"; allowed: an object'),
        ({"spec": {"template": {}}}, "spec.template.spec is not set; allowed: an object"),
        (
            {"spec": {"template": {"spec": {}, "metadata": 5}}},
            "spec.template.metadata is 5; allowed: an object",
        ),
        ({"metadata": 5}, "metadata is 5; allowed: an object"),
        (
            {"spec": {"template": {"spec": {}}, "volumeClaimTemplates": {}}},
            "spec.volumeClaimTemplates is {}; allowed: a list",
        ),
        (
            {"spec": {"template": {"spec": {}}, "volumeClaimTemplates": [5]}},
            "spec.volumeClaimTemplates[0] is 5; allowed: an object",
        ),
        (
            {
                "spec": {
                    "template": {"spec": {"volumes": "x"}},
                    "volumeClaimTemplates": [{"metadata": {"name": "a"}}],
                }
            },
            'spec.template.spec.volumes is "x"; allowed: a list',
        ),
    ],
)
def test_a_workload_of_the_wrong_shape_says_where(change, message):
    value = {**workload("apps/v1", "StatefulSet"), **change}

    with pytest.raises(ShapeError) as caught:
        template_of(value)

    assert str(caught.value) == message


def test_requests_for_workloads_are_known_by_group_and_resource():
    assert ("apps", "deployments") in RESOURCES
    assert ("", "podtemplates") in RESOURCES
    assert ("", "pods") not in RESOURCES


TOKEN = {
    "name": "kube-api-access-00000",
    "projected": {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "namespace",
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        }
                    ]
                }
            },
        ],
    },
}
MOUNT = {
    "name": "kube-api-access-00000",
    "readOnly": True,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
}


def pod(spec: Json, **metadata: Json) -> Any:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def spec_of(spec: Json, automount: bool | None = False, **metadata: Json) -> Any:
    return defaulted(pod(spec, **metadata), automount).get("spec")


def test_a_plain_pod_gets_its_account_its_context_and_its_token():
    spec = {"containers": [{"name": "app"}], "initContainers": [{"name": "init"}]}

    assert spec_of(spec, automount=None) == {
        "containers": [{"name": "app", "volumeMounts": [MOUNT]}],
        "initContainers": [{"name": "init", "volumeMounts": [MOUNT]}],
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "volumes": [TOKEN],
    }


@pytest.mark.parametrize(
    ("own", "accounts", "mounted"),
    [
        (None, None, True),
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (False, True, False),
    ],
)
def test_the_pods_word_on_its_token_comes_before_its_accounts(own, accounts, mounted):
    spec = {"containers": [{"name": "app"}]} | (
        {} if own is None else {"automountServiceAccountToken": own}
    )

    assert ("volumes" in spec_of(spec, accounts)) is mounted


def test_a_mount_in_the_tokens_place_keeps_the_token_out():
    taken = {"name": "mine", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    all_taken = spec_of({"containers": [{"name": "a", "volumeMounts": [taken]}]}, None)
    one_free = spec_of(
        {"containers": [{"name": "a", "volumeMounts": [taken]}, {"name": "b"}]}, None
    )

    assert "volumes" not in all_taken
    assert one_free["volumes"] == [TOKEN]
    assert [c["volumeMounts"] for c in one_free["containers"]] == [[taken], [MOUNT]]


def test_a_token_volume_that_is_there_is_used():
    volume = {"name": "kube-api-access-abcde", "projected": {"sources": []}}
    spec = spec_of({"containers": [{"name": "a"}], "volumes": [volume]}, None)

    assert spec["volumes"] == [volume]
    assert spec["containers"][0]["volumeMounts"] == [{**MOUNT, "name": "kube-api-access-abcde"}]


def test_mirror_pods_get_no_account_and_no_token():
    mirror = {"kubernetes.io/config.mirror": "x"}

    assert spec_of({"containers": [{"name": "a"}]}, None, annotations=mirror) == {
        "containers": [{"name": "a"}],
        "securityContext": {},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"serviceAccountName": "a"}, "a"),
        ({"serviceAccount": "b"}, "b"),
        ({"serviceAccountName": "a", "serviceAccount": "b"}, "a"),
        ({"serviceAccountName": "", "serviceAccount": "b"}, "b"),
        ({}, "default"),
    ],
)
def test_both_spellings_of_the_account_agree_and_the_new_one_wins(given, expected):
    spec = spec_of({"containers": [], **given})

    assert (spec["serviceAccountName"], spec["serviceAccount"]) == (expected, expected)


def test_the_hosts_network_turns_container_ports_into_host_ports():
    ports = [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}, {"hostPort": 0}]
    spec = {
        "hostNetwork": True,
        "containers": [{"name": "a", "ports": ports}],
        "initContainers": [{"name": "b", "ports": [{"containerPort": 82, "protocol": "UDP"}]}],
    }

    result = spec_of(spec)

    assert result["containers"][0]["ports"] == [
        {"containerPort": 80, "hostPort": 80, "protocol": "TCP"},
        {"containerPort": 81, "hostPort": 8081, "protocol": "TCP"},
        {"hostPort": 0, "protocol": "TCP"},
    ]
    assert result["initContainers"][0]["ports"] == [
        {"containerPort": 82, "hostPort": 82, "protocol": "UDP"}
    ]


def test_without_the_hosts_network_ports_stay_off_the_host():
    spec = spec_of({"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]})

    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_a_volume_with_only_a_name_is_an_empty_dir():
    volumes = [{"name": "a"}, {"name": "b", "secret": None}, {"name": "c", "secret": {}}]

    assert spec_of({"volumes": volumes})["volumes"] == [
        {"name": "a", "emptyDir": {}},
        {"name": "b", "secret": None, "emptyDir": {}},
        {"name": "c", "secret": {}},
    ]


def test_a_projected_field_reference_is_to_v1():
    def items(reference: Json) -> Json:
        source = {"downwardAPI": {"items": [{"path": "ns", "fieldRef": reference}, {"path": "x"}]}}
        return [{"name": "a", "projected": {"sources": [source, {"secret": {}}]}}]

    spec = spec_of({"volumes": items({"fieldPath": "metadata.name"})})

    assert spec["volumes"] == items({"fieldPath": "metadata.name", "apiVersion": "v1"})


def test_empty_lists_are_lost_as_in_the_apis_json():
    spec = {
        "securityContext": {"supplementalGroups": [], "sysctls": [], "fsGroup": 5},
        "volumes": [],
        "initContainers": [],
        "containers": [
            {"name": "a", "securityContext": {"capabilities": {"add": [], "drop": ["ALL"]}}}
        ],
    }

    result = spec_of(spec)

    assert result["securityContext"] == {"fsGroup": 5}
    assert "volumes" not in result
    assert "initContainers" not in result
    assert result["containers"][0]["securityContext"] == {"capabilities": {"drop": ["ALL"]}}


CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abc")},
        optional={
            "ports": st.lists(
                st.fixed_dictionaries(
                    {"containerPort": st.integers(1, 9)}, optional={"hostPort": st.integers(0, 9)}
                )
            ),
            "volumeMounts": st.lists(
                st.sampled_from([{"mountPath": "/x"}, {"mountPath": MOUNT["mountPath"]}])
            ),
            "securityContext": st.sampled_from([{}, {"capabilities": {"add": []}}]),
        },
    )
)
SPECS = st.fixed_dictionaries(
    {"containers": CONTAINERS},
    optional={
        "initContainers": CONTAINERS,
        "hostNetwork": st.booleans(),
        "automountServiceAccountToken": st.booleans(),
        "serviceAccount": st.sampled_from(["", "x"]),
        "volumes": st.lists(st.sampled_from([{"name": "a"}, {"name": "kube-api-access-x"}])),
        "securityContext": st.sampled_from([{}, {"supplementalGroups": []}]),
    },
)


@given(SPECS, st.sampled_from([None, True, False]))
def test_defaulting_twice_is_defaulting_once_and_changes_no_argument(spec, automount):
    value = pod(spec)
    before = copy.deepcopy(value)

    once = defaulted(value, automount)

    assert value == before
    assert defaulted(once, automount) == once
