"""Untrusted JSON becomes a pod of known types, or an error that says where it is none."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.samples import pod
from webhook.core.model.shapes import POD, ShapeError
from webhook.core.model.shapes import pod as shaped

OBJECT, LIST, TEXT = "an object", "a list", "a string"
YES_NO, NUMBER = "true or false", "an integer of 64 bits"
CONTEXT = "spec.containers[0].securityContext"
SOURCES = "spec.volumes[0].projected.sources"

WRONG: list[tuple[str, Any, str]] = [
    ("metadata", "x", OBJECT),
    ("metadata.name", 5, TEXT),
    ("metadata.labels", [], OBJECT),
    ("metadata.labels.app", True, TEXT),
    ("metadata.annotations[a.io/b]", {}, TEXT),
    ("spec", [], OBJECT),
    ("spec.containers", {}, LIST),
    ("spec.containers[0]", "x", OBJECT),
    ("spec.containers[0].name", 1, TEXT),
    ("spec.containers[0].ports", {}, LIST),
    ("spec.containers[0].ports[0]", 80, OBJECT),
    ("spec.containers[0].ports[0].hostPort", "80", NUMBER),
    (f"{CONTEXT}.privileged", "true", YES_NO),
    (f"{CONTEXT}.privileged", 1, YES_NO),
    (f"{CONTEXT}.privileged", 0, YES_NO),
    (f"{CONTEXT}.runAsUser", "0", NUMBER),
    (f"{CONTEXT}.runAsUser", 1.0, NUMBER),
    (f"{CONTEXT}.runAsUser", False, NUMBER),
    (f"{CONTEXT}.runAsUser", 2**63, NUMBER),
    (f"{CONTEXT}.runAsUser", -(2**63) - 1, NUMBER),
    (f"{CONTEXT}.capabilities", [], OBJECT),
    (f"{CONTEXT}.capabilities.add", "ALL", LIST),
    (f"{CONTEXT}.capabilities.drop[0]", 5, TEXT),
    (f"{CONTEXT}.seLinuxOptions.level", 5, TEXT),
    (f"{CONTEXT}.seccompProfile", "RuntimeDefault", OBJECT),
    (f"{CONTEXT}.seccompProfile.type", [], TEXT),
    ("spec.initContainers[0].securityContext.privileged", "x", YES_NO),
    ("spec.ephemeralContainers[0].securityContext.privileged", "x", YES_NO),
    ("spec.hostNetwork", "false", YES_NO),
    ("spec.hostUsers", "false", YES_NO),
    ("spec.os.name", 5, TEXT),
    ("spec.serviceAccountName", ["x"], TEXT),
    ("spec.securityContext", [], OBJECT),
    ("spec.securityContext.supplementalGroups", 5, LIST),
    ("spec.securityContext.supplementalGroups[0]", "5", NUMBER),
    ("spec.securityContext.sysctls[0].name", 5, TEXT),
    ("spec.volumes", {}, LIST),
    ("spec.volumes[0].flexVolume", "x", OBJECT),
    (SOURCES, "x", LIST),
    (f"{SOURCES}[0]", "x", OBJECT),
    (f"{SOURCES}[0].serviceAccountToken.path", 5, TEXT),
    (f"{SOURCES}[0].configMap.items", {}, LIST),
    (f"{SOURCES}[0].downwardAPI.items[0].fieldRef", "x", OBJECT),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=str)
def test_a_field_of_another_type_is_told_by_its_path(path, value, expected):
    with pytest.raises(ShapeError) as error:
        shaped(pod({path: value}))

    assert str(error.value.path) == path
    assert (error.value.expected, error.value.seen) == (expected, value)
    assert str(error.value).startswith(f"{path} is ")
    assert str(error.value).endswith(f"; allowed: {expected}")


@pytest.mark.parametrize("value", [None, [], "pod", 5, True])
def test_what_is_no_object_is_no_pod(value):
    with pytest.raises(ShapeError, match=r"^the object is .*; allowed: an object$"):
        shaped(value)


def test_a_pod_of_the_right_types_is_returned_as_it_is() -> None:
    value = pod({f"{CONTEXT}.runAsUser": 2**63 - 1, "spec.unheardOf": [{"a": None}]})

    assert shaped(value) is value


@pytest.mark.parametrize(
    ("path", "without"),
    [
        ("metadata.annotations", {}),
        ("metadata.annotations[a.io/b]", {"metadata.annotations": {}}),
        ("spec.securityContext", {}),
        ("spec.volumes", {}),
        ("spec.hostPID", {}),
        (CONTEXT, {}),
        (f"{CONTEXT}.runAsUser", {CONTEXT: {}}),
        (f"{CONTEXT}.capabilities", {CONTEXT: {}}),
        (f"{CONTEXT}.capabilities.add", {f"{CONTEXT}.capabilities": {}}),
    ],
)
def test_a_null_is_dropped_and_the_argument_left_alone(path, without):
    *parents, last = path.replace("[a.io/b]", ".a/b").replace("[0]", ".0").split(".")
    value = pod(without)
    target = value
    for step in parents:
        step = int(step) if step.isdigit() else step
        target = target[step]
    target["a.io/b" if last == "a/b" else last] = None
    before = copy.deepcopy(value)

    assert shaped(value) == pod(without)
    assert value == before


def test_a_null_where_no_rule_looks_stays() -> None:
    value = pod()
    value["spec"]["unheardOf"] = None

    assert shaped(value) is value


def test_a_null_in_a_list_is_no_container() -> None:
    with pytest.raises(ShapeError, match=r"^spec\.containers\[1\] is null; allowed: an object$"):
        shaped(pod({"spec.containers": [{"name": "app"}, None]}))


def test_a_long_value_is_told_in_short() -> None:
    with pytest.raises(ShapeError) as error:
        shaped(pod({"spec.hostPID": "x" * 10_000}))

    assert len(str(error.value)) < 400


NAMES = st.sampled_from(
    ["metadata", "annotations", "name", "spec", "containers", "securityContext", "capabilities",
     "add", "volumes", "projected", "sources", "ports", "hostPort", "os", "hostPID", "x"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON)
def test_any_json_is_a_pod_or_a_shape_error(value: Any) -> None:
    before = copy.deepcopy(value)
    try:
        once = POD(value)
    except ShapeError:
        once = {}

    assert POD(once) is once
    for part, fields in (
        (once, ("metadata", "spec")),
        (once.get("metadata", {}), ("name", "annotations")),
        (once.get("spec", {}), ("containers", "securityContext", "volumes", "hostPID", "os")),
    ):
        assert not [name for name in fields if name in part and part[name] is None]
    assert value == before
