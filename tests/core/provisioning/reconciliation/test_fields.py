"""Whose fields are in an object, by its managedFields."""

from typing import Any

from webhook.core.provisioning.reconciliation.fields import (
    intruders,
    others,
    owned_keys,
    taken_over,
)

META: dict[str, Any] = {"f:metadata": {"f:labels": {"f:tenantgate.io/managed": {}}}}
OURS = {**META, "f:spec": {"f:podSelector": {}, "f:policyTypes": {}}}


def entry(
    manager: str,
    fields: dict[str, Any],
    operation: str = "Update",
    subresource: str = "",
    version: str = "networking.k8s.io/v1",
) -> dict[str, Any]:
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**made, "subresource": subresource} if subresource else made


def policy(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"managedFields": [entry("tenantgate", OURS, "Apply"), *entries]}}


def test_nobody_else_is_there():
    assert intruders(policy()) == ()
    assert others(policy()) == ()


def test_a_field_beside_ours_is_an_intrusion():
    value = policy(entry("kubectl-edit", {"f:spec": {"f:ingress": {}}}))

    assert intruders(value) == ("kubectl-edit",)


def test_a_field_that_we_own_as_well_is_none():
    value = policy(entry("kubectl-edit", {"f:spec": {"f:policyTypes": {}}}))

    assert intruders(value) == ()
    assert others(value) == ("kubectl-edit",)


def test_labels_annotations_and_status_are_everybodys():
    value = policy(
        entry("kubectl-label", {"f:metadata": {"f:labels": {"f:team": {}}}}),
        entry("some-controller", {"f:status": {"f:conditions": {}}}),
        entry("another", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
    )

    assert intruders(value) == ()
    assert others(value) == ("kubectl-label", "some-controller")


def test_the_control_plane_fills_in_what_only_it_knows():
    value = policy(entry("kube-controller-manager", {"f:spec": {"f:volumeName": {}}}))

    assert intruders(value) == ()


def test_an_item_of_a_list_beside_ours_is_an_intrusion():
    port = 'k:{"port":80}'
    mine: dict[str, Any] = {"f:spec": {"f:ports": {port: {".": {}, "f:port": {}}}}}
    theirs: dict[str, Any] = {"f:spec": {"f:ports": {'k:{"port":81}': {".": {}, "f:port": {}}}}}
    both = [entry("tenantgate", mine, "Apply"), entry("kubectl-edit", theirs)]

    assert intruders({"metadata": {"managedFields": both}}) == ("kubectl-edit",)
    both[1] = entry("kubectl-edit", mine)
    assert intruders({"metadata": {"managedFields": both}}) == ()


def test_what_we_wrote_by_other_means_than_apply_is_to_go_as_well():
    assert intruders(policy(entry("tenantgate", {"f:spec": {"f:egress": {}}}))) == ("tenantgate",)


def test_to_take_over_is_to_own_what_they_own():
    theirs: dict[str, Any] = {
        "f:metadata": {"f:annotations": {"f:note": {}}},
        "f:spec": {"f:ingress": {}, "f:podSelector": {"f:matchLabels": {}}},
    }
    entries = taken_over(policy(entry("kubectl-edit", theirs)))

    assert entries == [
        entry(
            "tenantgate",
            {
                **META,
                "f:spec": {
                    "f:podSelector": {".": {}, "f:matchLabels": {}},
                    "f:policyTypes": {},
                    "f:ingress": {},
                },
            },
            "Apply",
        ),
        entry("kubectl-edit", {"f:metadata": {"f:annotations": {"f:note": {}}}}),
    ]
    assert intruders({"metadata": {"managedFields": entries}}) == ()


def test_status_and_the_control_plane_keep_what_they_own():
    kept = (
        entry("kubelet", {"f:status": {"f:phase": {}}}, subresource="status"),
        entry("kube-controller-manager", {"f:spec": {"f:volumeName": {}}}),
    )
    gone = entry("kubectl-edit", {"f:spec": {"f:ingress": {}}})

    entries = taken_over(policy(*kept, gone))

    assert entries is not None
    assert entries[1:] == list(kept)


def test_fields_of_another_version_cannot_be_taken_over():
    old = entry("kubectl-edit", {"f:spec": {"f:x": {}}}, version="extensions/v1beta1")

    assert taken_over(policy(old)) is None


def test_where_we_own_nothing_nothing_can_be_taken_over():
    assert taken_over({"metadata": {"managedFields": [entry("kubectl-create", OURS)]}}) is None
    assert taken_over({"metadata": {}}) is None


def test_keys_that_we_applied():
    applied: dict[str, Any] = {"f:metadata": {"f:labels": {".": {}, "f:tier": {}, "f:a/b": {}}}}
    merged: dict[str, Any] = {"f:metadata": {"f:labels": {"f:tenantgate.io/tenant": {}}}}
    value = {
        "metadata": {
            "managedFields": [entry("tenantgate", applied, "Apply"), entry("tenantgate", merged)]
        }
    }

    assert owned_keys(value, "labels") == {"tier", "a/b"}
    assert owned_keys(value, "annotations") == set()
