"""What the API server is asked to send us, and above all what it is not."""

import base64
import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest

from webhook.core.policyset import PolicySet, parse_policies
from webhook.core.registration import Service, Url, registration

SERVICE = Service("tenantgate-system", "tenantgate")
SCC = """
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: only}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""


def policies(document: str = SCC, **spec: Any) -> PolicySet:
    platform = {
        "apiVersion": "tenantgate.io/v1",
        "kind": "Platform",
        "metadata": {"name": "platform"},
        "spec": spec,
    }
    texts = {"platform.yaml": json.dumps(platform), "only.yaml": document}
    return parse_policies({name: text for name, text in texts.items() if text})


def entries(loaded: PolicySet) -> dict[str, Mapping[str, Any]]:
    """Return every webhook of both configurations by its name."""
    return {
        webhook["name"]: webhook
        for configuration in registration(loaded, SERVICE)
        for webhook in configuration.get("webhooks", [])
    }


def sent(webhook: Mapping[str, Any]) -> Iterator[str]:
    for rule in webhook["rules"]:
        for operation, resource in product(rule["operations"], rule["resources"]):
            yield f"{operation} {resource}"


def test_each_entry_is_sent_what_its_name_says() -> None:
    templates = (
        *("podtemplates", "replicationcontrollers", "daemonsets", "deployments"),
        *("replicasets", "statefulsets", "cronjobs", "jobs"),
    )
    pods = {
        "CREATE pods",
        "UPDATE pods",
        "UPDATE pods/ephemeralcontainers",
        "UPDATE pods/resize",
    }

    assert {name: set(sent(webhook)) for name, webhook in entries(policies()).items()} == {
        "workloads.mutate.tenantgate.io": pods,
        "workloads.validate.tenantgate.io": pods,
        "connect.validate.tenantgate.io": {"CONNECT pods/exec", "CONNECT pods/attach"},
        "templates.validate.tenantgate.io": {
            f"{operation} {kind}" for operation in ("CREATE", "UPDATE") for kind in templates
        },
    }


def test_nothing_that_a_repair_needs_is_sent() -> None:
    """Status, binding, eviction and deletion of pods go on while we are down; so do nodes' writes."""
    for webhook in entries(policies()).values():
        for request in sent(webhook):
            assert not request.startswith("DELETE")
            assert "*" not in request
            assert not request.endswith(("/status", "/binding", "/eviction"))
            assert request.split()[1] not in {"nodes", "leases", "events", "namespaces"}
        assert {rule["scope"] for rule in webhook["rules"]} == {"Namespaced"}


def test_the_platforms_own_namespaces_are_left_out_by_a_name_that_nobody_can_forge() -> None:
    for webhook in entries(policies()).values():
        assert webhook["namespaceSelector"] == {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": ["kube-system", "kube-node-lease", "tenantgate-system"],
                }
            ]
        }
        assert webhook["objectSelector"] == {}


def test_the_namespace_of_the_service_is_left_out_when_it_is_another() -> None:
    """Else a webhook that is down could keep its own pods from starting."""
    mutating, _ = registration(policies(engineNamespace="gate"), Service("edge", "hook"))

    selector = mutating["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]
    assert selector["values"] == ["kube-system", "kube-node-lease", "gate", "edge"]


def test_a_namespace_is_left_out_once() -> None:
    mutating, _ = registration(policies(engineNamespace="kube-system"), Url("https://gate"))

    selector = mutating["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]
    assert selector["values"] == ["kube-system", "kube-node-lease"]


def test_scc_exemptions_are_the_engines_affair() -> None:
    """They may change with the policies, without anybody applying the configurations anew."""
    exempt = policies(scc={"exemptNamespaces": ["shop"]})

    assert entries(exempt) == entries(policies())


def test_cluster_administrators_pass_by_every_entry() -> None:
    for webhook in entries(policies()).values():
        assert "system:masters" in webhook["matchConditions"][0]["expression"]


def test_controllers_are_judged_when_they_create_pods() -> None:
    """They create the pods of every Deployment: skipping them would switch SCC off."""
    for name in ("workloads.mutate", "workloads.validate", "connect.validate"):
        (condition,) = entries(policies())[f"{name}.tenantgate.io"]["matchConditions"]
        assert "serviceaccounts" not in condition["expression"]


def test_pods_fail_closed_and_warnings_do_not() -> None:
    assert {name: webhook["failurePolicy"] for name, webhook in entries(policies()).items()} == {
        "workloads.mutate.tenantgate.io": "Fail",
        "workloads.validate.tenantgate.io": "Fail",
        "connect.validate.tenantgate.io": "Fail",
        "templates.validate.tenantgate.io": "Ignore",
    }


@pytest.mark.parametrize("enforcement", ["warn", "audit"])
def test_observing_stands_in_nobodys_way(enforcement: str) -> None:
    observing = entries(policies(enforcement=enforcement))

    assert set(observing) == set(entries(policies()))
    assert {webhook["failurePolicy"] for webhook in observing.values()} == {"Ignore"}


def test_workload_objects_can_be_left_alone() -> None:
    silent = entries(policies(scc={"workloads": "ignore"}))

    assert not any(name.startswith("templates") for name in silent)
    assert "workloads.validate.tenantgate.io" in silent


def test_a_set_that_judges_nothing_registers_nothing() -> None:
    mutating, validating = registration(policies(""), SERVICE)

    assert "webhooks" not in mutating
    assert "webhooks" not in validating


def test_every_default_is_written_out() -> None:
    """Otherwise a GitOps tool sees a difference to what the API server stores."""
    for webhook in entries(policies()).values():
        mutating = ".mutate." in webhook["name"]
        assert set(webhook) == {
            *("name", "clientConfig", "rules", "namespaceSelector", "objectSelector"),
            *("matchConditions", "matchPolicy", "failurePolicy", "timeoutSeconds"),
            *("sideEffects", "admissionReviewVersions"),
            *(["reinvocationPolicy"] if mutating else []),
        }
        assert webhook["matchPolicy"] == "Equivalent"
        assert webhook["timeoutSeconds"] == 5
        assert webhook["sideEffects"] == "None"
        assert webhook["admissionReviewVersions"] == ["v1"]
        assert webhook.get("reinvocationPolicy", "IfNeeded") == "IfNeeded"


def test_both_are_found_by_one_name_and_one_label() -> None:
    mutating, validating = registration(policies(), SERVICE)

    assert [item["kind"] for item in (mutating, validating)] == [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ]
    for item in (mutating, validating):
        assert item["apiVersion"] == "admissionregistration.k8s.io/v1"
        assert item["metadata"]["name"] == "tenantgate"
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == "tenantgate"


def test_a_service_is_called_at_the_endpoint_of_the_phase() -> None:
    mutating, validating = registration(policies(), Service("gate", "hook", 8443))

    for item, path in ((mutating, "/mutate"), (validating, "/validate")):
        for webhook in item["webhooks"]:
            assert webhook["clientConfig"] == {
                "service": {"namespace": "gate", "name": "hook", "path": path, "port": 8443}
            }


def test_a_url_is_called_at_the_endpoint_of_the_phase() -> None:
    mutating, validating = registration(policies(), Url("https://127.0.0.1:8443/"), "PEM\n")

    assert mutating["webhooks"][0]["clientConfig"] == {
        "url": "https://127.0.0.1:8443/mutate",
        "caBundle": base64.b64encode(b"PEM\n").decode(),
    }
    assert validating["webhooks"][0]["clientConfig"]["url"] == "https://127.0.0.1:8443/validate"
