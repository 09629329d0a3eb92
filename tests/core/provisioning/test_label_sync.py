"""Which namespaces have their Pod Security labels synchronised, and what is written."""

from typing import Any

import pytest

from tests.core.tenancy.table import platform
from webhook.core.model.marks import LABEL_SYNC, MINIMUM_STANDARD
from webhook.core.model.world import Namespace
from webhook.core.provisioning.label_sync import (
    LABELS,
    MANAGER,
    forced_labels,
    is_synced,
    owners,
    plan,
)

UID_RANGE = {"openshift.io/sa.scc.uid-range": "1000000000/10000"}
ENFORCE, VERSION = (
    "pod-security.kubernetes.io/enforce",
    "pod-security.kubernetes.io/enforce-version",
)
OLD = "cluster-policy-controller"


def namespace(name: str = "web", **labels: str) -> Namespace:
    return Namespace(name, labels, UID_RANGE)


def labelled(
    manager: str = "", *but: str, **labels: str
) -> tuple[Namespace, dict[str, frozenset[str]]]:
    """Return a namespace with all six labels, owned by one manager; `but` are left out."""
    held = {key: "latest" if key.endswith("-version") else "baseline" for key in LABELS}
    held = {key: value for key, value in held.items() if key not in but}
    owned = {key: frozenset({manager}) for key in held} if manager else {}
    return namespace(**held, **labels), owned


def field(manager: str, labels: list[str], annotations: list[str] | None = None) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "f:labels": {".": {}, **{f"f:{key}": {} for key in labels}},
        "f:annotations": {f"f:{key}": {} for key in annotations or ()},
    }
    return {"manager": manager, "operation": "Apply", "fieldsV1": {"f:metadata": parts}}


def test_owners_are_read_from_managed_fields() -> None:
    fields = [
        field("kubectl", ["app", ENFORCE]),
        field(MANAGER, [ENFORCE, VERSION], [MINIMUM_STANDARD, "note"]),
        {"manager": "odd"},
    ]

    assert owners({"metadata": {"managedFields": fields}}) == {
        ENFORCE: {"kubectl", MANAGER},
        VERSION: {MANAGER},
        MINIMUM_STANDARD: {MANAGER},
    }
    assert owners({"metadata": {}}) == {}


@pytest.mark.parametrize(
    ("name", "label", "synced"),
    [
        ("web", "", True),
        ("web", "true", True),
        ("web", "false", False),
        ("web", "yes", True),
        ("openshift-web", "", False),
        ("openshift-web", "true", True),
        ("openshift-web", "false", False),
        ("openshift-operators", "true", True),
        ("kube-system", "true", False),
        ("kube-node-lease", "true", False),
        ("openshift-etcd", "true", False),
        ("openshift-infra", "true", False),
        ("tenantgate-system", "true", False),
    ],
)
def test_by_its_sync_label_and_its_name(name: str, label: str, synced: bool) -> None:
    found = namespace(name, **({LABEL_SYNC: label} if label else {}))

    assert is_synced(found, {}, platform()) is synced


def test_where_no_scc_is_enforced_no_label_follows_one() -> None:
    spec = {"scc": {"exemptNamespaces": ["web"]}}

    assert not is_synced(namespace(**{LABEL_SYNC: "true"}), {}, platform(spec))


@pytest.mark.parametrize(
    ("found", "synced"),
    [
        pytest.param(labelled("kubectl"), False, id="all of somebody else"),
        pytest.param(labelled("kubectl", ENFORCE), True, id="one is free"),
        pytest.param(labelled(MANAGER), True, id="all its own"),
        pytest.param(labelled(OLD), True, id="all of its predecessor"),
        pytest.param(labelled(), False, id="nobody knows whose they are"),
        pytest.param(labelled("kubectl", **{LABEL_SYNC: "true"}), True, id="told to take them"),
        pytest.param(
            (Namespace("web", {}, UID_RANGE, terminating=True), {}), False, id="terminating"
        ),
        pytest.param((Namespace("web", {}, {}), {}), False, id="no uid range"),
        pytest.param(
            (Namespace("web", {LABEL_SYNC: "true"}, {"openshift.io/sa.scc.uid-range": ""}), {}),
            False,
            id="an empty uid range",
        ),
    ],
)
def test_by_whose_the_labels_are(found, synced):
    here, owned = found

    assert is_synced(here, owned, platform()) is synced


def test_a_bare_namespace_gets_all_labels_and_the_annotation() -> None:
    sync = plan(namespace(), {}, "restricted")
    assert sync is not None

    assert not sync.force
    assert sync.body("web", "u1") == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "web",
            "uid": "u1",
            "labels": {
                **{
                    f"pod-security.kubernetes.io/{mode}": "restricted"
                    for mode in ("enforce", "warn", "audit")
                },
                **{
                    f"pod-security.kubernetes.io/{mode}-version": "latest"
                    for mode in ("enforce", "warn", "audit")
                },
            },
            "annotations": {MINIMUM_STANDARD: "restricted"},
        },
    }


def test_only_free_labels_are_written() -> None:
    sync = plan(*labelled("kubectl", ENFORCE, VERSION), "privileged")
    assert sync is not None

    assert dict(sync.labels) == {ENFORCE: "privileged", VERSION: "latest"}
    assert not sync.force


def test_with_the_sync_label_all_are_taken() -> None:
    sync = plan(*labelled("kubectl", ENFORCE, **{LABEL_SYNC: "true"}), "privileged")
    assert sync is not None

    assert sync.labels.keys() == set(LABELS)
    assert sync.force


def settled(level: str = "baseline") -> tuple[Namespace, dict[str, frozenset[str]]]:
    found, owned = labelled(MANAGER)
    done = Namespace(found.name, found.labels, {**UID_RANGE, MINIMUM_STANDARD: level})
    return done, {**owned, MINIMUM_STANDARD: frozenset({MANAGER})}


def test_nothing_is_written_that_is_there() -> None:
    assert plan(*settled(), "baseline") is None


def test_another_level_is_written() -> None:
    sync = plan(*settled(), "privileged")

    assert sync is not None
    assert sync.labels[ENFORCE] == "privileged"


@pytest.mark.parametrize(
    ("found", "owned"),
    [
        pytest.param(
            settled()[0], {**settled()[1], MINIMUM_STANDARD: frozenset()}, id="annotation"
        ),
        pytest.param(
            settled()[0], {**settled()[1], ENFORCE: frozenset({MANAGER, "kubectl"})}, id="shared"
        ),
        pytest.param(*settled("restricted"), id="changed by hand"),
        pytest.param(*labelled(OLD), id="of its predecessor"),
    ],
)
def test_what_is_not_quite_its_own_is_settled(found, owned):
    assert plan(found, owned, "baseline") is not None


def test_a_label_that_somebody_shares_is_given_up() -> None:
    found, owned = settled()
    sync = plan(found, {**owned, ENFORCE: frozenset({MANAGER, "tenantgate"})}, "privileged")

    assert sync is not None
    assert ENFORCE not in sync.labels


@pytest.mark.parametrize(
    ("sync", "label", "left"), [(True, "true", True), (True, "", False), (False, "true", False)]
)
def test_a_template_leaves_what_the_synchronisation_takes(
    sync: bool, label: str, left: bool
) -> None:
    here = platform({"podSecurity": {"labelSync": sync}})

    assert forced_labels(namespace(**{LABEL_SYNC: label}), here) == (set(LABELS) if left else set())
