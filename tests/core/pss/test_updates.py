"""Which requests about pods are judged."""

from typing import Any

import pytest

from tests.core.samples import pod, request
from webhook.core.pss.updates import judges

OLD = pod({"spec.initContainers[0]": {"name": "i", "image": "i:1"}})


@pytest.mark.parametrize(
    ("changes", "judged"),
    [
        ({}, False),
        ({"metadata.labels": {"a": "b"}, "spec.activeDeadlineSeconds": 5}, False),
        ({"spec.tolerations": [{"operator": "Exists"}]}, False),
        ({"spec.containers[0].resources": {"limits": {"cpu": "1"}}}, False),
        ({"spec.containers[0].image": "app:2"}, True),
        ({"spec.initContainers[0].image": "i:2"}, True),
        ({"spec.containers[1]": {"name": "c", "image": "c"}}, True),
        ({"spec.ephemeralContainers": [{"name": "e", "image": "e"}]}, True),
        ({"spec.ephemeralContainers": [{"name": "e"}]}, True),
    ],
    ids=str,
)
def test_updates(changes: dict[str, Any], judged: bool) -> None:
    new = pod({"spec.initContainers[0]": {"name": "i", "image": "i:1"}, **changes})

    assert judges(request(new, "UPDATE", old=OLD)) == judged


def test_an_ephemeral_container_that_was_there_is_not_judged_again() -> None:
    running = [{"name": "e", "image": "e"}, {"name": "f", "image": "f"}]
    old = pod({"spec.ephemeralContainers": running})
    more = pod({"spec.ephemeralContainers": [*running, {"name": "g", "image": "e"}]})

    assert not judges(request(old, "UPDATE", old=old, subresource="ephemeralcontainers"))
    assert judges(request(more, "UPDATE", old=old, subresource="ephemeralcontainers"))


@pytest.mark.parametrize("subresource", ["status", "binding", "eviction", "exec", "log"])
def test_subresources_that_bring_no_container(subresource: str) -> None:
    assert not judges(request(pod(), "CREATE", subresource=subresource))
    assert not judges(request(pod(), "UPDATE", old={}, subresource=subresource))


def test_creations_are_judged_and_deletions_and_other_objects_are_not() -> None:
    assert judges(request(pod()))
    assert not judges(request(None, "DELETE", old=pod()))
    assert not judges(request(pod(), resource="deployments", group="apps"))
    assert not judges(request(pod(), group="metrics.k8s.io"))


@pytest.mark.parametrize("old", [None, 5, {"spec": {"containers": "a"}}])
def test_what_cannot_be_compared_is_judged(old: Any) -> None:
    assert judges(request(pod(), "UPDATE", old=old))
