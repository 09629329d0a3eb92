"""Pods get what admission has seen: defaults, an account, a token."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.objects import Json
from webhook.core.serverdefaults import defaulted

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
