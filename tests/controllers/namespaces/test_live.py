"""Objects as they were last seen or written: what we wrote counts until the watch is past it."""

from typing import Any

import pytest

from webhook.cluster.discovery import Resource
from webhook.controllers.namespaces.live import Live, LiveObjects

KEY = ("shop", "platform-quota")


def quota(version: int, pods: str = "1", **metadata: Any) -> dict[str, Any]:
    """Return a quota as a list has it: without its kind."""
    return {
        "metadata": {
            "name": "platform-quota",
            "namespace": "shop",
            "resourceVersion": str(version),
            "annotations": {"tenantgate.io/hash": "h"},
            **metadata,
        },
        "spec": {"hard": {"pods": pods}},
    }


def answered(version: int, pods: str = "1") -> Live:
    """Return a quota as the API server answers with it."""
    return Live.of({"apiVersion": "v1", "kind": "ResourceQuota", **quota(version, pods)})


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def objects(heard: list[str]) -> LiveObjects:
    return LiveObjects(Resource("", "v1", "ResourceQuota", "resourcequotas", True), heard.append)


def seen(objects: LiveObjects, value: dict[str, Any]) -> None:
    objects.put(objects.read(value))


def test_what_is_seen_is_known_and_told(objects, heard):
    seen(objects, quota(5))

    live = objects.get(KEY)
    assert live is not None
    assert live.version == 5
    assert heard == ["shop"]
    assert live.is_as({"kind": "ResourceQuota", "spec": {"hard": {"pods": "1"}}})
    assert not live.is_as({"kind": "ResourceQuota", "spec": {"hard": {"pods": "2"}}})


def test_a_new_status_or_version_is_no_news(objects, heard):
    seen(objects, quota(5))
    seen(objects, {**quota(6), "status": {"used": {"pods": "1"}}})

    assert heard == ["shop"]


def test_what_we_wrote_counts_before_the_watch_has_it(objects, heard):
    seen(objects, quota(5))
    objects.wrote(KEY, answered(7, pods="2"))

    live = objects.get(KEY)
    assert live is not None
    assert live.version == 7
    seen(objects, quota(7, pods="2"))
    assert heard == ["shop"]  # it was no news


def test_what_somebody_did_after_us_counts(objects, heard):
    objects.wrote(KEY, answered(7, pods="2"))
    seen(objects, quota(8, pods="9"))

    live = objects.get(KEY)
    assert live is not None
    assert live.version == 8
    assert heard == ["shop"]


def test_an_answer_that_comes_late_does_not_hide_a_deletion(objects, heard):
    seen(objects, quota(7))
    objects.delete("shop", "platform-quota", 8)
    objects.wrote(KEY, answered(7))

    assert objects.get(KEY) is None
    assert heard == ["shop", "shop"]


def test_an_object_is_settled_as_we_left_it(objects):
    left = Live.of(quota(7))
    objects.wrote(KEY, left)

    assert objects.is_settled(KEY, left, "h")
    assert not objects.is_settled(KEY, left, "other")
    assert not objects.is_settled(KEY, Live.of(quota(8, pods="9")), "h")
    objects.forget("shop")
    assert not objects.is_settled(KEY, left, "h")


def test_a_new_list_replaces_everything_and_tells_what_changed(objects, heard):
    seen(objects, quota(5))
    other = quota(6)
    other["metadata"] = {**other["metadata"], "namespace": "web"}
    objects.replace([objects.read(other)])

    assert objects.get(KEY) is None
    assert objects.get(("web", "platform-quota")) is not None
    assert sorted(heard[1:]) == ["shop", "web"]


def test_who_wrote_it_is_known():
    entry = {
        "manager": "kubectl-edit",
        "operation": "Update",
        "fieldsV1": {"f:spec": {"f:scopes": {}}},
    }
    live = Live.of(quota(5, managedFields=[entry]))

    assert live.others == ("kubectl-edit",)
    assert live.intruders == ("kubectl-edit",)
    assert Live.of(quota(5, deletionTimestamp="2026-01-01T00:00:00Z")).terminating
