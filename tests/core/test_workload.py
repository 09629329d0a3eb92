"""Workloads become the pods that their controllers send."""

import copy
from typing import Any

import pytest

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import Json
from webhook.core.model.shapes import ShapeError
from webhook.core.workload import RESOURCES, Template, template_of


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
