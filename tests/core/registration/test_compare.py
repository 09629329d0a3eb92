"""Every way in which somebody may change what is registered shows, and nothing else does."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from webhook.core.registration import Service, registration
from webhook.core.registration.compare import decoded, differences, with_bundle
from webhook.store import load

CA = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
WANTED = registration(load(), Service("tenantgate-system", "tenantgate"), CA)[1]
WORKLOADS = "webhooks[workloads.validate.tenantgate.io]"


def changed(edit: Callable[[Any], Any]) -> list[str]:
    """Return what shows after an edit of what was registered."""
    stored = copy.deepcopy(WANTED)
    edit(stored)
    return [str(found) for found in differences(WANTED, stored)]


def test_what_is_registered_as_it_should_be_does_not_differ() -> None:
    assert changed(lambda stored: None) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda stored: stored["webhooks"].reverse(),
        lambda stored: stored["metadata"]["labels"].update({"argocd.argoproj.io/instance": "x"}),
        lambda stored: stored["metadata"].update({"annotations": {"a": "b"}, "uid": "1"}),
    ],
    ids=["order", "labels", "annotations"],
)
def test_what_others_add_around_it_is_theirs(edit: Callable[[Any], Any]) -> None:
    assert changed(edit) == []


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            lambda stored: stored["webhooks"][0].update(failurePolicy="Ignore"),
            f'{WORKLOADS}.failurePolicy is "Ignore"; the policies ask for "Fail"',
        ),
        (
            lambda stored: stored["webhooks"][0]["namespaceSelector"].update(
                matchLabels={"a": "b"}
            ),
            f'{WORKLOADS}.namespaceSelector.matchLabels is {{a: "b"}}; the policies ask for not set',
        ),
        (
            lambda stored: stored["webhooks"].pop(0),
            f'{WORKLOADS} is not set; the policies ask for "this entry"',
        ),
        (
            lambda stored: stored["webhooks"].append({"name": "else.example.com"}),
            'webhooks[else.example.com] is "an entry that is none of tenantgate\'s"; the policies ask for '
            "not set",
        ),
        (
            lambda stored: stored["webhooks"][0]["clientConfig"].update(caBundle="QkJC"),
            "clientConfig.caBundle is not that of the serving certificate's authority",
        ),
        (
            lambda stored: stored["metadata"]["labels"].pop("app.kubernetes.io/part-of"),
            'metadata.labels[app.kubernetes.io/part-of] is not set; the policies ask for "tenantgate"',
        ),
    ],
    ids=["field", "selector", "entry gone", "entry added", "bundle", "label"],
)
def test_what_differs_is_told_with_its_place(edit: Callable[[Any], Any], says: str) -> None:
    assert changed(edit) == [says]


def test_a_configuration_without_entries_lacks_all_of_them() -> None:
    assert len(changed(lambda stored: stored.pop("webhooks"))) == len(WANTED["webhooks"])


def test_bundles_are_respelt_where_they_mean_the_same() -> None:
    other = with_bundle(WANTED, "other", lambda found: found == CA.encode())

    assert {decoded(entry) for entry in other["webhooks"]} == {b"other"}
    assert with_bundle(other, CA, lambda found: found == b"another") == other
    assert with_bundle({"metadata": {}}, CA, lambda found: True) == {"metadata": {}}
    assert decoded({"clientConfig": {"caBundle": "?"}}) == b""
