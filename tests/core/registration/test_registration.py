"""What the API server is asked to send us, and above all what it is not."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pytest

from tests.core.registration.samples import SCC, policies
from webhook.core.policyset import PolicySet
from webhook.core.registration import Service, Url, registration
from webhook.core.registration.demand import Demand
from webhook.core.tenancy.rules import RULES

SERVICE = Service("tenantgate-system", "tenantgate")
OWN = "policies.validate.tenantgate.io"
TENANT = """
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec: {owners: [{kind: Group, name: acme-leads}]}
"""
POD_BEARING = (
    *("podtemplates", "replicationcontrollers", "daemonsets", "deployments"),
    *("replicasets", "statefulsets", "cronjobs", "jobs"),
)
PODS = {
    "CREATE pods",
    "UPDATE pods",
    "UPDATE pods/ephemeralcontainers",
    "UPDATE pods/resize",
}
WRITES = ("CREATE", "UPDATE", "DELETE")


def entries(*loaded: PolicySet) -> dict[str, Mapping[str, Any]]:
    """Return every webhook of both configurations by its name, but the one that is always there."""
    return {
        webhook["name"]: webhook
        for configuration in registration(
            loaded[0], SERVICE, coming=[Demand.of(each) for each in loaded[1:]]
        )
        for webhook in configuration.get("webhooks", [])
        if webhook["name"] != OWN
    }


def tenancy(document: str = SCC, **spec: Any) -> dict[str, Mapping[str, Any]]:
    """Return the same where there is a tenant."""
    return entries(policies(f"{document}---{TENANT}", **spec))


def conditions(webhook: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["expression"] for each in webhook.get("matchConditions", [])}


def selected(webhook: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """Return how a webhook's selector reads the names of namespaces, and which."""
    (term,) = webhook["namespaceSelector"]["matchExpressions"]
    assert term["key"] == "kubernetes.io/metadata.name"
    return term["operator"], term["values"]


def sent(webhook: Mapping[str, Any]) -> Iterator[str]:
    for rule in webhook["rules"]:
        for operation, resource in product(rule["operations"], rule["resources"]):
            yield f"{operation} {resource}"


def test_each_entry_is_sent_what_its_name_says() -> None:
    assert {name: set(sent(webhook)) for name, webhook in entries(policies()).items()} == {
        "workloads.mutate.tenantgate.io": PODS,
        "workloads.validate.tenantgate.io": PODS,
        "connect.validate.tenantgate.io": {"CONNECT pods/exec", "CONNECT pods/attach"},
        "templates.validate.tenantgate.io": {
            f"{operation} {kind}" for operation in ("CREATE", "UPDATE") for kind in POD_BEARING
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


def test_a_set_that_judges_nothing_is_sent_its_own_edits_alone() -> None:
    mutating, validating = registration(policies(""), SERVICE)

    assert "webhooks" not in mutating
    assert [webhook["name"] for webhook in validating["webhooks"]] == [OWN]


@pytest.mark.parametrize("enforcement", ["deny", "audit"])
def test_the_policies_themselves_are_sent_whoever_edits_them(enforcement: str) -> None:
    loaded = policies(engineNamespace="gate", enforcement=enforcement)
    _, validating = registration(loaded, SERVICE)
    (own,) = [webhook for webhook in validating["webhooks"] if webhook["name"] == OWN]

    assert set(sent(own)) == {"CREATE configmaps", "UPDATE configmaps"}
    assert selected(own) == ("In", ["gate"])
    assert own["objectSelector"] == {"matchLabels": {"tenantgate.io/policies": "true"}}
    assert "matchConditions" not in own
    assert own["failurePolicy"] == "Ignore"


TEMPLATE = """
apiVersion: tenantgate.io/v1
kind: NamespaceTemplate
metadata: {name: plain}
spec:
  objects: [{apiVersion: v1, kind: LimitRange, metadata: {name: platform-limits}, spec: {limits: []}}]
"""


def test_templates_are_sent_new_pods_namespaces_and_what_was_made_from_them() -> None:
    made = entries(policies(TEMPLATE))

    assert {name: set(sent(webhook)) for name, webhook in made.items()} == {
        "workloads.validate.tenantgate.io": {"CREATE pods"},
        "namespaces.validate.tenantgate.io": {
            *(f"{operation} namespaces" for operation in WRITES),
            *("UPDATE namespaces/status", "UPDATE namespaces/finalize"),
        },
        "objects.validate.tenantgate.io": {f"{operation} */*" for operation in WRITES},
    }
    assert (
        "tenantgate.io/managed"
        in conditions(made["objects.validate.tenantgate.io"])["managed-objects"]
    )
    for name in ("namespaces", "objects"):
        assert "not-system-requesters" in conditions(made[f"{name}.validate.tenantgate.io"])
    assert made["namespaces.validate.tenantgate.io"]["namespaceSelector"] == {}
    assert {webhook["failurePolicy"] for webhook in made.values()} == {"Fail"}
    with_sccs = entries(policies(f"{SCC}---{TEMPLATE}"))
    assert set(with_sccs) == {*made, *entries(policies())}
    assert set(sent(with_sccs["workloads.validate.tenantgate.io"])) == PODS
    assert tenancy(f"{SCC}---{TEMPLATE}") == tenancy()


def test_a_level_of_pod_security_is_required_of_every_write_of_a_pod() -> None:
    made = entries(policies("", podSecurity={"require": "baseline"}))

    assert {name: set(sent(webhook)) for name, webhook in made.items()} == {
        "workloads.validate.tenantgate.io": PODS
    }


def test_what_a_coming_set_judges_is_registered_before_it_is_everywhere() -> None:
    """Some replica may have it already; and what the old one judges stays until it is gone."""
    old, new = policies(), policies(TENANT, scc={"workloads": "ignore"})
    both = entries(old, new)

    assert set(both) == set(tenancy())
    assert entries(new, old) == both
    assert entries(new, new) == entries(new)


def test_until_a_coming_set_is_everywhere_nobody_is_let_off_who_was_not_before() -> None:
    old = policies(SCC, admins={"groups": ["ops"]}, engineNamespace="gate")
    new = policies(f"{SCC}---{TENANT}", admins={"groups": ["ops", "new"]}, enforcement="audit")
    both = entries(old, new)

    assert {webhook["failurePolicy"] for webhook in both.values()} == {"Fail"}
    system = both["objects-system.validate.tenantgate.io"]
    assert '["ops"]' in conditions(system)["not-platform-admins"]
    assert selected(system)[1][2:] == ["gate", "tenantgate-system"]


def test_workload_defaults_alone_are_sent_new_pods_and_resizes() -> None:
    defaults = """
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec: {}
"""
    made = entries(policies(defaults))

    assert {name: set(sent(webhook)) for name, webhook in made.items()} == {
        "workloads.mutate.tenantgate.io": {"CREATE pods"},
        "workloads.validate.tenantgate.io": {"CREATE pods", "UPDATE pods/resize"},
    }
    assert {webhook["failurePolicy"] for webhook in made.values()} == {"Fail"}
    assert entries(policies(f"{SCC}---{defaults}")).keys() == entries(policies()).keys()


def test_every_default_is_written_out() -> None:
    """Otherwise a GitOps tool sees a difference to what the API server stores."""
    every = [webhook for each in registration(policies(), SERVICE) for webhook in each["webhooks"]]
    for webhook in every:
        mutating = ".mutate." in webhook["name"]
        assert set(webhook) == {
            *("name", "clientConfig", "rules", "namespaceSelector", "objectSelector"),
            *("matchPolicy", "failurePolicy", "timeoutSeconds"),
            *("sideEffects", "admissionReviewVersions"),
            *(["matchConditions"] if webhook["name"] != OWN else []),
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
        assert item["metadata"]["labels"] == {
            f"app.kubernetes.io/{key}": "webhook" if key == "component" else "tenantgate"
            for key in ("name", "component", "part-of", "managed-by")
        }


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


class TestTenants:
    """Where somebody's namespaces are guarded, nearly every write is somebody's to judge."""

    def test_each_entry_is_sent_what_its_name_says(self) -> None:
        every = {f"{operation} */*" for operation in WRITES}
        reaching = {
            *("CONNECT pods/exec", "CONNECT pods/attach", "CONNECT pods/portforward"),
            *("CONNECT pods/proxy", "CONNECT services/proxy"),
        }

        assert {name: set(sent(webhook)) for name, webhook in tenancy().items()} == {
            "namespaces.mutate.tenantgate.io": {"CREATE namespaces"},
            "defaults.mutate.tenantgate.io": {
                *("CREATE persistentvolumeclaims", "CREATE services", "CREATE ingresses"),
                *("CREATE destinationrules", "CREATE serviceentries", "CREATE virtualservices"),
            },
            "workloads.mutate.tenantgate.io": PODS,
            "workloads.validate.tenantgate.io": {
                *PODS,
                *("DELETE pods", "UPDATE pods/status", "CREATE pods/eviction"),
                *("CREATE bindings", "CREATE pods/binding"),
                *(f"{operation} {kind}" for operation in WRITES for kind in POD_BEARING),
            },
            "connect.validate.tenantgate.io": {*reaching, "CONNECT nodes/proxy"},
            "namespaces.validate.tenantgate.io": {
                *(f"{operation} namespaces" for operation in WRITES),
                *("UPDATE namespaces/status", "UPDATE namespaces/finalize"),
            },
            "objects.validate.tenantgate.io": every,
            "objects-system.validate.tenantgate.io": {*every, *reaching},
            "cluster.validate.tenantgate.io": every,
        }

    def test_tenants_are_guarded_where_no_scc_judges_pods(self) -> None:
        assert set(tenancy("")) == set(tenancy())
        assert set(tenancy(scc={"workloads": "ignore"})) == set(tenancy())

    @pytest.mark.parametrize(
        ("name", "scopes"),
        [
            ("namespaces.mutate", {"Cluster"}),
            ("namespaces.validate", {"Cluster"}),
            ("cluster.validate", {"Cluster"}),
            ("connect.validate", {"Namespaced", "Cluster"}),
            ("workloads.mutate", {"Namespaced"}),
            ("workloads.validate", {"Namespaced"}),
            ("defaults.mutate", {"Namespaced"}),
            ("objects.validate", {"Namespaced"}),
            ("objects-system.validate", {"Namespaced"}),
        ],
    )
    def test_each_entry_has_its_scope(self, name: str, scopes: set[str]) -> None:
        assert {rule["scope"] for rule in tenancy()[f"{name}.tenantgate.io"]["rules"]} == scopes

    def test_no_label_that_its_creator_writes_hides_a_namespace(self) -> None:
        """The selector of an entry that is sent Namespaces would read their own labels."""
        everywhere = {
            name
            for name, webhook in tenancy().items()
            if any(rule["scope"] == "Cluster" for rule in webhook["rules"])
            and not name.startswith("connect")
        }

        assert everywhere == {
            "namespaces.mutate.tenantgate.io",
            "namespaces.validate.tenantgate.io",
            "cluster.validate.tenantgate.io",
        }
        for name in everywhere:
            assert tenancy()[name]["namespaceSelector"] == {}

    def test_no_namespace_is_left_out_by_all_entries(self) -> None:
        """What the others leave out is what `objects-system` covers, to the name."""
        found = tenancy(engineNamespace="gate")
        operator, names = selected(found["objects-system.validate.tenantgate.io"])
        assert (operator, list(names)) == (
            "In",
            ["kube-system", "kube-node-lease", "gate", "tenantgate-system"],
        )
        for name in ("workloads.mutate", "workloads.validate", "connect.validate"):
            assert selected(found[f"{name}.tenantgate.io"]) == ("NotIn", names)
        for name in ("objects.validate", "defaults.mutate"):
            assert selected(found[f"{name}.tenantgate.io"]) == ("NotIn", names)

    def test_cluster_administrators_pass_by_every_entry(self) -> None:
        for webhook in tenancy().values():
            assert "system:masters" in webhook["matchConditions"][0]["expression"]

    def test_nobody_is_told_by_the_beginning_of_a_name(self) -> None:
        for webhook in tenancy().values():
            assert len(webhook["matchConditions"]) <= 64
            for expression in conditions(webhook).values():
                assert "startsWith" not in expression
                assert "matches" not in expression

    @pytest.mark.parametrize("field", ["subResource", "namespace", "userInfo.groups"])
    def test_what_may_be_absent_is_asked_for_first(self, field: str) -> None:
        """A condition that fails to evaluate refuses the request."""
        for webhook in tenancy().values():
            for expression in conditions(webhook).values():
                first = expression.find(f"request.{field}")
                assert first == -1 or expression[:first].endswith("has(")

    def test_everything_fails_closed(self) -> None:
        assert {webhook["failurePolicy"] for webhook in tenancy().values()} == {"Fail"}

    def test_observing_stands_in_nobodys_way(self) -> None:
        observing = tenancy(enforcement="audit")

        assert {webhook["failurePolicy"] for webhook in observing.values()} == {"Ignore"}

    def test_controllers_are_judged_when_they_create_pods(self) -> None:
        mutating = conditions(tenancy()["workloads.mutate.tenantgate.io"])
        validating = conditions(tenancy()["workloads.validate.tenantgate.io"])

        assert list(mutating) == ["not-system-masters"]
        assert list(validating) == [
            *("not-system-masters", "not-system-deletions", "not-system-status"),
            "not-the-schedulers-bindings",
        ]

    def test_what_one_entry_is_sent_is_not_sent_to_another(self) -> None:
        found = tenancy()
        listed = conditions(found["objects.validate.tenantgate.io"])["not-in-workloads"]

        for rule in found["workloads.validate.tenantgate.io"]["rules"]:
            for group, resource in product(rule["apiGroups"], rule["resources"]):
                assert f'"{group}/{resource}"' in listed
        assert '"/services"' not in listed
        assert '"apps/deployments/scale"' not in listed

    def test_who_repairs_the_platforms_namespaces_is_named_in_full(self) -> None:
        found = conditions(
            tenancy(admins={"groups": ['the "A" team', "ops"]}, engineNamespace="gate")[
                "objects-system.validate.tenantgate.io"
            ]
        )

        assert '["ops", "the \\"A\\" team"]' in found["not-platform-admins"]
        assert '["system:serviceaccounts:gate"]' in found["not-tenantgate"]

    def test_claims_that_controllers_make_are_judged(self) -> None:
        """The only writes of theirs that are: creations in somebody else's name.

        Such is everything of a kind that is not Kubernetes' own.
        """
        kept = conditions(tenancy()["objects.validate.tenantgate.io"])["not-system-bookkeeping"]

        assert '"/persistentvolumeclaims"' in kept
        assert '"resource.k8s.io/resourceclaims"' in kept
        for own in ("/events", "/serviceaccounts", "/configmaps", "/endpoints", "/pods"):
            assert f'"{own}"' not in kept
        assert '!request.resource.group.endsWith("k8s.io")' in kept

    def test_what_a_rule_fills_in_reaches_a_mutating_entry(self) -> None:
        """A rule that mutates what no such entry is sent would do so in files only."""
        reached = {
            f"{operation[0]} {group}/{resource}"
            for name, webhook in tenancy().items()
            if ".mutate." in name
            for rule in webhook["rules"]
            for group, operation, resource in product(
                rule["apiGroups"], rule["operations"], rule["resources"]
            )
        }

        for rule in RULES:
            if rule.mutate is not None:
                assert reached & {
                    f"{operation} {group}/{resource}"
                    for intercept in rule.intercepts
                    for group, operation, resource in product(
                        intercept.groups, intercept.operations, intercept.resources
                    )
                }, rule.id
