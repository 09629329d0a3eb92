"""The one walk over containers meets each of them, and changes only what it is told to."""

from typing import Any

from tests.core.samples import changed, pod
from webhook.core.model.objects import Container
from webhook.core.model.walk import containers, map_containers

SIX: Any = changed(
    pod(),
    {
        "spec.ephemeralContainers": [{"name": "e0"}, {"name": "e1"}],
        "spec.containers": [{"name": "c0"}, {"name": "c1"}],
        "spec.initContainers": [{"name": "i0"}, {"name": "i1", "restartPolicy": "Always"}],
    },
)


def test_init_containers_come_first_then_ordinary_then_ephemeral_ones() -> None:
    met = [(str(place), container.get("name")) for place, container in containers(SIX)]

    assert met == [
        ("spec.initContainers[0]", "i0"),
        ("spec.initContainers[1]", "i1"),
        ("spec.containers[0]", "c0"),
        ("spec.containers[1]", "c1"),
        ("spec.ephemeralContainers[0]", "e0"),
        ("spec.ephemeralContainers[1]", "e1"),
    ]


def test_a_pod_without_containers_has_none() -> None:
    assert list(containers({})) == []
    assert list(containers({"spec": {}})) == []
    assert map_containers({}, lambda container: container) == {}


def test_every_container_is_changed_and_the_argument_left_alone() -> None:
    before = changed(SIX, {})

    after: Any = map_containers(SIX, lambda container: {**container, "image": "new"})

    assert [container.get("image") for _, container in containers(after)] == ["new"] * 6
    assert before == SIX
    assert after["metadata"] is SIX["metadata"]


def test_a_change_that_is_none_gives_the_same_pod() -> None:
    assert map_containers(SIX, lambda container: container) is SIX


def test_what_did_not_change_is_shared() -> None:
    def only_c1(container: Container) -> Container:
        return {**container, "image": "new"} if container.get("name") == "c1" else container

    after: Any = map_containers(SIX, only_c1)

    assert after["spec"]["initContainers"] is SIX["spec"]["initContainers"]
    assert after["spec"]["containers"][0] is SIX["spec"]["containers"][0]
    assert after["spec"]["containers"][1] == {"name": "c1", "image": "new"}
