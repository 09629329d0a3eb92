"""What a namespace is to hold: complete objects, in order, the same every time."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.provisioning.samples import (
    AROUND,
    OBJECTS,
    TENANT,
    loaded,
    namespace,
    objects,
    template,
    tenant,
    wants,
)
from webhook.core.model.world import Namespace
from webhook.core.policyset import PolicySet, parse_policies
from webhook.core.provisioning.wanted import wanted

KINDS = template("""\
  parameters: [{name: PODS, value: "0.1k"}, {name: LIST, value: '["a", 2]'}]
  labels: {of: "${TENANT}", pod-security.kubernetes.io/warn: restricted}
  annotations: {note: "${NAMESPACE} for ${REQUESTER}"}
  objects:
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata: {name: platform-readers}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: platform-reader}
    subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "${REQUESTER}"}]
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata: {name: platform-reader}
    rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: platform-about, labels: {a: b}, annotations: {c: d}}, data: {"${TENANT}": "${{TENANT}}"}}
  - {apiVersion: example.com/v1, kind: Thing, metadata: {name: platform-thing}, spec: {list: "${{LIST}}", pods: "${{PODS}}", same: [1, {b: c}]}}
  - {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: platform-default-deny}, spec: {podSelector: {}}}
  - {apiVersion: v1, kind: LimitRange, metadata: {name: platform-limits}, spec: {limits: [{type: Container, max: {cpu: 2000m, memory: 1024Mi}}]}}
  - {apiVersion: v1, kind: ResourceQuota, metadata: {name: platform-quota}, spec: {hard: {pods: "${PODS}", cpu: 1.5}}}
""")
SHOP = namespace(annotations={"openshift.io/requester": "olga"})


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    return loaded(KINDS, tenant())


def test_the_namespace_itself(policies: PolicySet) -> None:
    found = wants(policies, SHOP)

    assert found.template == "standard"
    assert found.labels == {"of": "acme", "pod-security.kubernetes.io/warn": "restricted"}
    assert found.annotations == {"note": "shop for olga"}


def test_what_holds_pods_back_comes_first_and_who_may_come_in_last(policies: PolicySet) -> None:
    assert list(objects(wants(policies, SHOP))) == [
        "ResourceQuota/platform-quota",
        "LimitRange/platform-limits",
        "NetworkPolicy/platform-default-deny",
        "Role/platform-reader",
        "ConfigMap/platform-about",
        "Thing/platform-thing",
        "RoleBinding/platform-readers",
    ]


def test_objects_are_complete(policies: PolicySet) -> None:
    found = objects(wants(policies, SHOP))

    about = found["ConfigMap/platform-about"]
    assert about["data"] == {"acme": "acme"}
    assert about["metadata"] == {
        "name": "platform-about",
        "namespace": "shop",
        "labels": {"a": "b", "tenantgate.io/managed": "true"},
        "annotations": {
            "c": "d",
            "tenantgate.io/hash": about["metadata"]["annotations"]["tenantgate.io/hash"],
        },
    }
    assert found["Thing/platform-thing"]["spec"] == {
        "list": ["a", 2],
        "pods": "0.1k",
        "same": [1, {"b": "c"}],
    }
    assert found["RoleBinding/platform-readers"]["subjects"][0]["name"] == "olga"


def test_quantities_are_spelt_as_the_api_server_spells_them_back(policies: PolicySet) -> None:
    found = objects(wants(policies, SHOP))

    assert found["ResourceQuota/platform-quota"]["spec"]["hard"] == {"pods": "100", "cpu": "1500m"}
    assert found["LimitRange/platform-limits"]["spec"]["limits"] == [
        {"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}}
    ]


def test_a_secret_is_spelt_as_it_is_stored() -> None:
    item = (
        "{apiVersion: v1, kind: Secret, metadata: {name: platform-pull}, data: {a: YQ==}, "
        'stringData: {b: "${NAMESPACE}"}}'
    )
    found = objects(wants(loaded(template(f"  objects:\n  - {item}\n"), tenant())))

    assert found["Secret/platform-pull"]["data"] == {"a": "YQ==", "b": "c2hvcA=="}
    assert "stringData" not in found["Secret/platform-pull"]


def test_hashes_follow_the_content(policies: PolicySet) -> None:
    def hashes(where: Namespace) -> tuple[dict[str, str], str]:
        found = wants(policies, where)
        own = {
            name: item["metadata"]["annotations"]["tenantgate.io/hash"]
            for name, item in objects(found).items()
        }
        return own, found.hash

    first, again = hashes(SHOP), hashes(SHOP)
    other = hashes(namespace(annotations={"openshift.io/requester": "otto"}))

    assert first == again
    changed = {name for name, value in first[0].items() if other[0][name] != value}
    assert changed == {"RoleBinding/platform-readers"}
    assert other[1] != first[1]


def test_a_change_of_labels_alone_changes_the_hash_of_all() -> None:
    plain, labelled = (
        wants(loaded(template(f"  labels: {{a: {value}}}\n{OBJECTS}"), tenant())) for value in "bc"
    )

    assert plain.hash != labelled.hash
    assert plain.objects == labelled.objects


def test_a_new_name_for_a_template_changes_nothing() -> None:
    one, other = (wants(loaded(template(OBJECTS, name), tenant())) for name in ("one", "other"))

    assert (one.template, other.template) == ("one", "other")
    assert one.hash == other.hash


@pytest.mark.parametrize("name", ["kube-system", "monitoring", "tenantgate-system", "openshift"])
def test_namespaces_of_the_platform_are_left_as_they_are(policies: PolicySet, name: str) -> None:
    assert of(policies, namespace(name=name)) is None


def test_a_namespace_that_nothing_serves_is_to_hold_nothing() -> None:
    found = wants(loaded(TENANT))

    assert (found.template, found.labels, found.annotations, found.objects) == ("", {}, {}, ())


def test_a_tenants_namespaces_keep_what_they_hold_when_its_file_is_gone(
    policies: PolicySet,
) -> None:
    done = {"tenantgate.io/provisioned": "0123456789abcdef"}

    assert of(policies, namespace("gone", annotations=done)) is None
    assert of(policies, namespace("acme", annotations=done)) is not None


def test_one_that_was_never_provisioned_gets_what_any_tenant_gets(policies: PolicySet) -> None:
    """Its pods would wait forever, otherwise."""
    found = of(policies, namespace("gone"))

    assert found is not None
    assert found.labels["of"] == "gone"
    assert "ResourceQuota/platform-quota" in objects(found)


def test_a_suspended_tenants_namespaces_are_kept_as_any_other() -> None:
    suspended = tenant("{resourceQuota: {pods: 1}}").replace(
        "spec:\n", "spec:\n  suspended: true\n"
    )

    assert "ResourceQuota/platform-quota" in objects(wants(loaded(KINDS, suspended)))


def test_a_transfer_changes_what_names_the_tenant() -> None:
    policies = loaded(KINDS, tenant(), tenant("{resourceQuota: {pods: 1}}", "globex"))

    before, after = wants(policies, namespace()), wants(policies, namespace("globex"))

    assert (before.labels["of"], after.labels["of"]) == ("acme", "globex")
    assert objects(after)["ResourceQuota/platform-quota"]["spec"] == {"hard": {"pods": "1"}}


def test_two_objects_that_a_tenants_values_make_one_are_one() -> None:
    spec = (
        "  parameters: [{name: A, value: a}, {name: B, value: b}]\n"
        "  objects:\n"
        '  - {apiVersion: v1, kind: ConfigMap, metadata: {name: "platform-${A}"}, data: {from: first}}\n'
        '  - {apiVersion: v1, kind: ConfigMap, metadata: {name: "platform-${B}"}, data: {from: second}}\n'
    )
    policies = loaded(template(spec), tenant("{parameters: {A: x, B: x}}"))

    (only,) = wants(policies).objects
    assert only["data"] == {"from": "first"}


def of(policies: PolicySet, where: Namespace) -> Any:
    return wanted(where, policies.platform, policies.registry, policies.templates)


names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
free = st.text(max_size=30)


@settings(max_examples=60, deadline=None)
@given(name=names, requester=free, display=free)
def test_whatever_a_tenant_calls_itself_only_texts_change(
    name: str, requester: str, display: str
) -> None:
    """Nothing that a requester chooses adds, removes or reshapes an object."""
    text = {"openshift.io/requester": requester, "openshift.io/display-name": display}
    plain = wants(HOSTILE, namespace(annotations={"openshift.io/requester": "olga"}))

    found = wants(HOSTILE, namespace(name=name, annotations=text))

    assert [shape(item) for item in found.objects] == [shape(item) for item in plain.objects]
    assert all(item["metadata"]["namespace"] == name for item in found.objects)


HOSTILE = parse_policies(
    {
        "a.yaml": template(
            "  annotations: {by: '${{REQUESTER}}'}\n  objects:\n"
            "  - {apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, annotations: {b: '${REQUESTER}'}}, "
            "data: {a: '${{REQUESTER}}', b: '${NAMESPACE}', c: '${{TENANT}}'}}\n"
        ),
        "b.yaml": tenant(),
        "around.yaml": AROUND,
    }
)


def shape(value: Any) -> Any:
    """Return a value with each text replaced by its type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)
