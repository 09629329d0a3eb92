"""Namespaces as last known, whoever told of them last."""

from typing import Any

import pytest

from webhook.controllers.namespaces.homes import Homes, as_namespace
from webhook.core.model.world import is_terminating


def namespace(name: str, version: int, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version), **metadata}}


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def homes(heard: list[str]) -> Homes:
    return Homes(heard.append)


def seen(homes: Homes, value: dict[str, Any]) -> None:
    homes.put(homes.read(value))


def test_what_is_seen_is_known_and_told(homes, heard):
    seen(homes, namespace("shop", 5, labels={"a": "b"}, annotations={"c": "d"}))

    home = homes.get("shop")
    assert home is not None
    assert (as_namespace(home).labels, as_namespace(home).annotations) == ({"a": "b"}, {"c": "d"})
    assert not is_terminating(home)
    assert heard == ["shop"]


def test_what_we_wrote_is_no_news_when_it_is_heard_of(homes, heard):
    seen(homes, namespace("shop", 5))
    homes.take(namespace("shop", 7, labels={"a": "b"}))
    seen(homes, namespace("shop", 6))
    seen(homes, namespace("shop", 7, labels={"a": "b"}))

    home = homes.get("shop")
    assert home is not None
    assert home["metadata"]["labels"] == {"a": "b"}
    assert heard == ["shop"]
    seen(homes, namespace("shop", 8))
    assert heard == ["shop", "shop"]


def test_a_deletion_counts_unless_it_is_of_an_older_one(homes):
    seen(homes, namespace("shop", 9))
    homes.delete("", "shop", 8)
    assert homes.get("shop") is not None
    homes.delete("", "shop", 10)
    assert homes.get("shop") is None


def test_those_still_to_be_provisioned_come_first(homes):
    done = {"tenantgate.io/provisioned": "1"}
    homes.replace([homes.read(namespace("a", 1, annotations=done)), homes.read(namespace("b", 2))])

    assert homes.names() == ["b", "a"]


def test_a_new_list_replaces_everything(homes, heard):
    seen(homes, namespace("old", 1))
    homes.replace([homes.read(namespace("new", 2))])

    assert homes.names() == ["new"]
    assert set(heard[1:]) == {"old", "new"}


def test_only_our_own_managed_fields_are_kept(homes):
    entries = [{"manager": "tenantgate"}, {"manager": "kubectl"}]
    home = homes.take(namespace("shop", 1, managedFields=entries))

    assert home["metadata"]["managedFields"] == [{"manager": "tenantgate"}]
