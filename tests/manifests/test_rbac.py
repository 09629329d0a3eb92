"""The rights of our own service accounts: named, few, and no Secret of anybody else's."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.manifests.rendering import MANIFESTS, NAMESPACE, Object, by_name, kustomize

ACCOUNTS = ("tenantgate", "tenantgate-controller")
KUBERNETES_OWN = {"view"}
"""Roles that we bind and do not bring along."""

SECRETS = {"tenantgate-tls", "tenantgate-ca"}


class Grant(NamedTuple):
    """One rule that an account has; `namespace` is empty where it holds everywhere."""

    namespace: str
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...]
    verbs: tuple[str, ...]


@pytest.fixture(scope="module")
def base() -> list[Object]:
    return kustomize(MANIFESTS / "base")


def grants(objects: list[Object], account: str) -> Iterator[Grant]:
    """Yield every rule that bindings to an account lead to."""
    known = by_name(objects)
    for binding in objects:
        if not binding["kind"].endswith("RoleBinding"):
            continue
        subjects = [
            (subject["kind"], subject.get("namespace"), subject["name"])
            for subject in binding["subjects"]
        ]
        if ("ServiceAccount", NAMESPACE, account) not in subjects:
            continue
        ref = binding["roleRef"]
        if ref["name"] in KUBERNETES_OWN:
            continue
        for rule in known[f"{ref['kind']}/{ref['name']}"]["rules"]:
            yield Grant(
                binding["metadata"].get("namespace", ""),
                *(
                    tuple(rule.get(key, ()))
                    for key in ("apiGroups", "resources", "resourceNames", "verbs")
                ),
            )


def every(objects: list[Object]) -> Iterator[Grant]:
    for account in ACCOUNTS:
        yield from grants(objects, account)


def test_every_right_is_named(base: list[Object]) -> None:
    found = list(every(base))

    assert found
    for grant in found:
        words = (*grant.groups, *grant.resources, *grant.names, *grant.verbs)
        assert not [word for word in words if "*" in word], grant
        assert "nonResourceURLs" not in words


def test_secrets_are_read_by_name_in_our_own_namespace_alone(base: list[Object]) -> None:
    for grant in every(base):
        if "secrets" in grant.resources:
            assert grant.namespace == NAMESPACE, grant
            if set(grant.verbs) != {"create"}:  # which has no name yet
                assert set(grant.names) <= SECRETS, grant
                assert grant.names, grant
                assert not {"list", "watch", "deletecollection"} & set(grant.verbs), grant


def test_nobody_can_make_himself_more_than_he_is(base: list[Object]) -> None:
    for grant in every(base):
        assert not {"escalate", "impersonate"} & set(grant.verbs), grant
        if "bind" in grant.verbs:
            assert grant.names, "any role could be given to anybody"
        if {"serviceaccounts/token", "pods/exec", "nodes/proxy"} & set(grant.resources):
            pytest.fail(str(grant))


def test_the_webhook_writes_nothing_but_events_and_reviews(base: list[Object]) -> None:
    written = {
        (group, resource)
        for grant in grants(base, "tenantgate")
        if set(grant.verbs) - {"get", "list", "watch"}
        for group in grant.groups
        for resource in grant.resources
    }

    assert written <= {
        ("authorization.k8s.io", "subjectaccessreviews"),
        ("events.k8s.io", "events"),
    }


def test_a_registration_is_ours_alone(base: list[Object]) -> None:
    """Changed by name; `create` and `list` cannot be bound to one."""
    resources = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}
    rules = [
        grant for grant in grants(base, "tenantgate-controller") if resources & set(grant.resources)
    ]

    assert {verb for grant in rules for verb in grant.verbs} >= {"get", "create", "update"}
    for grant in rules:
        if {"update", "patch", "delete"} & set(grant.verbs):
            assert grant.names == ("tenantgate",)


def test_pods_do_not_run_as_the_default_account(base: list[Object]) -> None:
    used = {
        each["spec"]["template"]["spec"]["serviceAccountName"]
        for each in base
        if each["kind"] == "Deployment"
    }

    assert used == set(ACCOUNTS)
    for account in ACCOUNTS:
        made: Any = by_name(base)[f"ServiceAccount/{account}"]
        assert made["automountServiceAccountToken"] is False, "only the pods that need it"
