"""What an administrator edits or deletes comes back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster
from tests.cluster.process import eventually
from tests.cluster.provisioning.parts import (
    PROVISIONED,
    Controller,
    events,
    is_provisioned,
    namespace_of,
)

pytestmark = pytest.mark.usefixtures("tenantgate", "controller")

OBJECTS = "tenantgate.io/objects"


@pytest.fixture(scope="module")
def home(cluster: Cluster, controller: Controller) -> str:
    """A namespace of globex, with everything that the shipped template holds and a role binding."""
    done = cluster.kubectl("create", "namespace", "globex-home", user=ALICE)
    assert done.returncode == 0, done.stderr
    eventually(lambda: is_provisioned(cluster, "globex-home"))
    return "globex-home"


def provisioned(cluster: Cluster, namespace: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of each object that was put into a namespace."""
    listed = json.loads(namespace_of(cluster, namespace)["metadata"]["annotations"][OBJECTS])
    for where, names in listed.items():
        for name in names:
            yield where.rpartition("/")[2].lower(), name


def content(value: Any) -> Any:
    """Return of an object what somebody wrote into it."""
    metadata = {key: value["metadata"].get(key) for key in ("labels", "annotations")}
    rest = {key: value[key] for key in value if key not in ("metadata", "status")}
    return {**rest, "metadata": metadata}


def patch(cluster: Cluster, kind: str, name: str, namespace: str, body: Any) -> None:
    """Change an object as the administrator."""
    done = cluster.kubectl(
        *("patch", kind, name, "-n", namespace, "--type=merge", "-p", json.dumps(body)),
        user=ADMIN,
    )
    assert done.returncode == 0, done.stderr


def comes_back(cluster: Cluster, before: Any) -> None:
    """Wait until an object is there again as it was."""
    name, namespace = before["metadata"]["name"], before["metadata"]["namespace"]

    def is_back() -> bool:
        get = ("get", before["kind"], name, "-n", namespace, "-o", "json")
        found = cluster.kubectl(*get, user=ADMIN)
        return found.returncode == 0 and bool(content(json.loads(found.stdout)) == content(before))

    eventually(is_back)


def test_every_object_comes_back_when_it_is_deleted(cluster, home):
    objects = list(provisioned(cluster, home))
    assert len(objects) == 10
    for kind, name in objects:
        before = cluster.get(kind, name, home)
        done = cluster.kubectl("delete", kind, name, "-n", home, "--wait=false", user=ADMIN)
        assert done.returncode == 0, done.stderr

        comes_back(cluster, before)


def test_every_object_comes_back_when_it_is_edited(cluster, home):
    edits = {
        "resourcequota": {"spec": {"hard": {"pods": "9999"}}},
        "limitrange": {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}},
        "networkpolicy": {"spec": {"podSelector": {"matchLabels": {"none": "such"}}}},
        "rolebinding": {"subjects": []},
        "serviceaccount": {"automountServiceAccountToken": True},
    }
    for kind, name in provisioned(cluster, home):
        before = cluster.get(kind, name, home)
        patch(cluster, kind, name, home, edits[kind])
        comes_back(cluster, before)


@pytest.mark.parametrize(
    ("kind", "name", "addition"),
    [
        ("networkpolicy", "platform-default-deny", {"spec": {"ingress": [{}], "egress": [{}]}}),
        ("resourcequota", "platform-quota", {"spec": {"scopes": ["NotTerminating"]}}),
        ("resourcequota", "platform-quota", {"spec": {"hard": {"count/pods": "3"}}}),
        (
            "networkpolicy",
            "platform-allow-dns",
            {"metadata": {"labels": {"tenantgate.io/managed": None}}},
        ),
        (
            "limitrange",
            "platform-limits",
            {"metadata": {"annotations": {"tenantgate.io/hash": "x"}}},
        ),
    ],
    ids=str,
)
def test_what_is_added_is_taken_away(cluster, home, kind, name, addition):
    before = cluster.get(kind, name, home)
    done = cluster.kubectl(
        *("patch", kind, name, "-n", home, "--type=merge", "-p", json.dumps(addition)), user=ADMIN
    )
    if "scopes" in str(addition):
        assert "immutable" in done.stderr  # then there is nothing to take away
    else:
        assert done.returncode == 0, done.stderr

    comes_back(cluster, before)


def test_a_rule_that_was_added_while_nobody_watched_is_taken_away(cluster, home, controller):
    before = cluster.get("networkpolicy", "platform-default-deny", home)
    controller.stop()
    try:
        patch(cluster, "networkpolicy", "platform-default-deny", home, {"spec": {"egress": [{}]}})
    finally:
        controller.start()

    comes_back(cluster, before)


def test_of_an_object_with_a_name_of_its_own_other_fields_stay(cluster, home):
    mine = {"imagePullSecrets": [{"name": "mine"}], "metadata": {"labels": {"team": "web"}}}
    patch(
        cluster, "serviceaccount", "default", home, {**mine, "automountServiceAccountToken": True}
    )

    found = eventually(
        lambda: (
            found
            if (found := cluster.get("serviceaccount", "default", home))[
                "automountServiceAccountToken"
            ]
            is False
            else None
        )
    )
    assert found["imagePullSecrets"] == [{"name": "mine"}]
    assert found["metadata"]["labels"]["team"] == "web"


def test_a_binding_to_another_role_is_made_anew(cluster, home, controller):
    found = cluster.get("rolebinding", "platform-view", home)
    found["roleRef"]["name"] = "edit"
    found["metadata"] = {
        key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")
    }
    controller.stop()
    try:
        cluster.kubectl("delete", "rolebinding", "platform-view", "-n", home, user=ADMIN)
        cluster.create(found)
    finally:
        controller.start()

    eventually(
        lambda: (
            cluster.kubectl(
                *(
                    "get",
                    "rolebinding",
                    "platform-view",
                    "-n",
                    home,
                    "-o",
                    "jsonpath={.roleRef.name}",
                ),
                user=ADMIN,
            ).stdout
            == "view"
        )
    )


def test_the_namespace_keeps_its_marks(cluster, home):
    before = namespace_of(cluster, home)["metadata"]
    gone = dict.fromkeys((PROVISIONED, OBJECTS))
    labels = {"pod-security.kubernetes.io/warn": "privileged", "team": "web"}
    patch(cluster, "namespace", home, home, {"metadata": {"annotations": gone, "labels": labels}})

    def is_back() -> bool:
        found = namespace_of(cluster, home)["metadata"]
        return bool(
            found["annotations"] == before["annotations"]
            and found["labels"] == {**before["labels"], "team": "web"}
        )

    eventually(is_back)


def test_repairs_are_told(cluster, home, controller):
    patch(cluster, "quota", "platform-quota", home, {"spec": {"hard": {"pods": "1"}}})

    eventually(
        lambda: any(
            "ResourceQuota platform-quota was edited by kubectl-patch" in text
            for text in events(cluster, home, "ProvisionedObjectRestored")
        )
    )
    assert controller.metric('tenantgate_provisioning_repairs_total{kind="ResourceQuota"}') > 0


def test_nothing_is_written_where_nothing_is_to_be_changed(cluster, home, policies):
    def versions() -> dict[str, str]:
        return {
            f"{kind}/{name}": cluster.get(kind, name, home)["metadata"]["resourceVersion"]
            for kind, name in [*provisioned(cluster, home), ("namespace", home)]
        }

    before = versions()
    owner = policies.own()  # the policies change, and every namespace is looked at
    eventually(lambda: cluster.kubectl("create", "ns", f"{owner}-new", user=ALICE).returncode == 0)
    eventually(lambda: is_provisioned(cluster, f"{owner}-new"))

    assert versions() == before


def test_a_fight_is_told_of_and_fought_slowly(cluster, controller):
    name = "globex-fight"
    cluster.kubectl("create", "namespace", name, user=ALICE)
    eventually(lambda: is_provisioned(cluster, name))

    def is_as_wanted() -> bool:
        found = cluster.get("quota", "platform-no-foreign-affinity", name)
        return bool(found["spec"]["hard"] == {"pods": "0"})

    for _ in range(6):
        eventually(is_as_wanted)
        patch(
            cluster,
            "quota",
            "platform-no-foreign-affinity",
            name,
            {"spec": {"hard": {"pods": "7"}}},
        )

    (told,) = eventually(lambda: events(cluster, name, "ProvisioningConflict"))
    assert "field manager kubectl-patch keeps changing" in told
    assert controller.metric("tenantgate_provisioning_conflicts") == 1
    patch(cluster, "quota", "platform-no-foreign-affinity", name, {"spec": {"hard": {"pods": "8"}}})
    eventually(is_as_wanted, timeout=30)
