"""Whether an object is still what was wanted of it."""

import pytest

from webhook.core.provisioning.reconciliation.drift import covers, stored

WANTED = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "platform-quota", "labels": {"tenantgate.io/managed": "true"}},
    "spec": {"hard": {"pods": "20", "requests.cpu": "1500m"}},
}


def with_spec(**spec: object) -> dict[str, object]:
    return {**WANTED, "spec": spec}


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (WANTED, WANTED),
        ({**WANTED, "status": {"used": {}}}, WANTED),
        (with_spec(hard={"pods": "20", "requests.cpu": "1500m", "count/x": "1"}), WANTED),
        (with_spec(hard={"pods": "20", "requests.cpu": "1.5"}), WANTED),
        ({"spec": {}}, {"spec": {"ingress": []}}),
        ({"spec": {"ingress": []}}, {"spec": {"ingress": None}}),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}),
    ],
)
def test_it_is(actual, wanted):
    assert covers(actual, wanted)


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (with_spec(hard={"pods": "20"}), WANTED),
        (with_spec(hard={"pods": "21", "requests.cpu": "1500m"}), WANTED),
        ({**WANTED, "metadata": {"name": "platform-quota"}}, WANTED),
        ({"spec": {"ingress": [{}]}}, {"spec": {"ingress": []}}),
        ({"a": [1, 2]}, {"a": [1]}),
        ({"a": True}, {"a": 1}),
        ({"a": "x"}, {"a": {"b": 1}}),
        ({"a": "x"}, {"a": ["x"]}),
        ({"data": {"n": "010"}}, {"data": {"n": "10"}}),
        ({"spec": {}}, {"spec": {"podSelector": {}}}),
    ],
)
def test_it_is_not(actual, wanted):
    assert not covers(actual, wanted)


def test_a_secret_is_stored_in_base64():
    secret = {
        "kind": "Secret",
        "data": {"a": "YQ=="},
        "stringData": {"b": "b"},
    }

    assert stored(secret) == {"kind": "Secret", "data": {"a": "YQ==", "b": "Yg=="}}
    assert stored(WANTED) is WANTED
