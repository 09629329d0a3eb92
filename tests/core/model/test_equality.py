"""Which JSON values mean the same to Kubernetes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.samples import changed, pod
from webhook.core.model.equality import equal

CPU = "spec.containers[0].resources.requests.cpu"
SIZE = "spec.volumes"
SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "an absent and an empty list": ({}, {"spec.tolerations": []}),
    "absent and empty annotations": ({}, {"metadata.annotations": {}}),
    "absent and empty labels": ({}, {"metadata.labels": {}}),
    "an absent and an empty nodeSelector": ({}, {"spec.nodeSelector": {}}),
    "absent and empty resources of a container": ({}, {"spec.containers[0].resources": {}}),
    "absent and empty limits": (
        {"spec.containers[0].resources": {}},
        {"spec.containers[0].resources": {"limits": {}, "requests": {}}},
    ),
    "absent resources and resources that hold nothing": (
        {},
        {"spec.containers[0].resources": {"limits": {}}},
    ),
    "an absent and an empty status": ({}, {"status": {}}),
    "a quantity in two spellings": ({CPU: "1"}, {CPU: "1000m"}),
    "a quantity as word and as number": ({CPU: "2"}, {CPU: 2}),
    "a size in two spellings": (
        {SIZE: [{"name": "a", "emptyDir": {"sizeLimit": "1Gi"}}]},
        {SIZE: [{"name": "a", "emptyDir": {"sizeLimit": "1024Mi"}}]},
    ),
    "overhead in two spellings": ({"spec.overhead.cpu": "0.1"}, {"spec.overhead.cpu": "100m"}),
}
DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an absent and an empty object": ({}, {"spec.securityContext": {}}),
    "an absent and an empty object of a container": (
        {},
        {"spec.containers[0].securityContext": {}},
    ),
    "absent and empty capabilities": (
        {"spec.containers[0].securityContext": {}},
        {"spec.containers[0].securityContext": {"capabilities": {}}},
    ),
    "an absent volume source and an empty one": (
        {SIZE: [{"name": "a"}]},
        {SIZE: [{"name": "a", "emptyDir": {}}]},
    ),
    "false and absent": ({}, {"spec.hostPID": False}),
    "zero and absent": ({}, {"spec.securityContext": {"fsGroup": 0}}),
    "an empty word and absent": ({}, {"spec.nodeName": ""}),
    "one and true": ({"spec.x": 1}, {"spec.x": True}),
    "a number and its digits": ({"spec.x": 1}, {"spec.x": "1"}),
    "another quantity": ({CPU: "1"}, {CPU: "1001m"}),
    "what is no quantity in another spelling": ({CPU: "one"}, {CPU: "One"}),
    "another resource": ({CPU: "1"}, {"spec.containers[0].resources.requests.memory": "1"}),
    "one label more": ({"metadata.labels": {"a": "1"}}, {"metadata.labels": {"a": "1", "b": ""}}),
    "a label of another name": ({"metadata.labels": {"a": ""}}, {"metadata.labels": {"b": ""}}),
    "a label that looks like a quantity": (
        {"metadata.labels": {"sizeLimit": "1"}},
        {"metadata.labels": {"sizeLimit": "1000m"}},
    ),
    "a list in another order": (
        {"spec.securityContext": {"supplementalGroups": [1, 2]}},
        {"spec.securityContext": {"supplementalGroups": [2, 1]}},
    ),
    "a longer list": (
        {"spec.securityContext": {"supplementalGroups": [1]}},
        {"spec.securityContext": {"supplementalGroups": [1, 1]}},
    ),
    "a container more": ({}, {"spec.containers[1]": {"name": "b"}}),
    "a list and a word": ({"spec.x": ["a"]}, {"spec.x": "a"}),
    "a list and an object": ({"spec.x": ["a"]}, {"spec.x": {"0": "a"}}),
}


@pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME.keys())
def test_what_means_the_same(a, b):
    assert equal(pod(a), pod(b))
    assert equal(pod(b), pod(a))


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_does_not(a, b):
    assert not equal(pod(a), pod(b))
    assert not equal(pod(b), pod(a))


@pytest.mark.parametrize(
    ("a", "b"),
    [({"x": None}, {}), ({"x": None}, {"x": []}), ({"annotations": None}, {"annotations": {}})],
    ids=str,
)
def test_null_is_absent(a, b):
    assert equal(a, b)
    assert equal(b, a)


NAMES = st.sampled_from(
    ["a", "metadata", "labels", "limits", "cpu", "sizeLimit", "spec", "containers", "resources"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "1", "1000m", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON)
def test_a_value_is_equal_to_its_copy(value: Any) -> None:
    assert equal(value, changed(value, {}))


@given(a=JSON, b=JSON, key=NAMES)
def test_equality_is_mutual(a: Any, b: Any, key: str) -> None:
    assert equal(a, b, key) == equal(b, a, key)
