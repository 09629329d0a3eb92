"""Which template serves a namespace, and which namespaces get nothing."""

import pytest

from tests.core.provisioning.samples import (
    OBJECTS,
    TENANT,
    loaded,
    namespace,
    template,
    tenant,
)
from webhook.core.model.world import Namespace
from webhook.core.policyset import PolicySet
from webhook.core.provisioning.choice import is_served, serving, why

TEMPLATES = (
    template(f"  match: {{tenants: ['*']}}\n{OBJECTS}", "any"),
    template(
        f"  priority: 1\n  match: {{namespaceSelector: {{matchLabels: {{tier: web}}}}}}\n{OBJECTS}",
        "web",
    ),
    template(f"  priority: 1\n  match: {{tenants: [glo*]}}\n{OBJECTS}", "globes"),
    template(f"  priority: 9\n  match: {{tenants: []}}\n{OBJECTS}", "nobody"),
    template(
        f"  match: {{tenants: [frugal, globex]}}\n  parameters: [{{name: A}}]\n  labels: {{a: '${{A}}'}}\n{OBJECTS}",
        "asking",
    ),
)
TENANTS = (
    tenant(),
    tenant("{template: nobody}", "named"),
    tenant("{parameters: {A: a}}", "globex"),
    tenant("{template: asking, parameters: {A: a}}", "frugal"),
)


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    return loaded(*TEMPLATES, *TENANTS)


def served(policies: PolicySet, where: Namespace) -> str:
    """Return the name of the template that serves a namespace, and see that all say the same."""
    own = (policies.platform, policies.registry, policies.templates)
    found = serving(where, *own)
    assert is_served(where, *own) is (found is not None)
    assert why(where, *own).startswith(
        f"template {found.name} serves it: " if found else "no template serves it: "
    )
    return found.name if found else ""


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (namespace(), "any"),
        (namespace(tier="web"), "web"),
        (namespace("", tier="web"), "web"),
        (namespace(""), ""),
        (namespace("globex"), "globes"),
        (namespace("globex", tier="web"), "globes"),
        (namespace("named"), "nobody"),
        (namespace("frugal", tier="web"), "asking"),
        (namespace(name="kube-system", tier="web"), ""),
        (namespace(name="monitoring"), ""),
        (namespace(name="openshift-node"), ""),
        (namespace(name="tenantgate-system"), ""),
    ],
)
def test_one_template_serves_at_most(policies: PolicySet, where: Namespace, name: str) -> None:
    assert served(policies, where) == name


def test_a_tenant_that_no_file_describes_is_any_tenant_but_gives_no_parameters(
    policies: PolicySet,
) -> None:
    only = loaded(*TEMPLATES[-1:], *TENANTS[2:])

    assert served(policies, namespace("gone")) == "any"
    assert served(policies, namespace("glory")) == "globes"
    assert served(only, namespace("frugal")) == "asking"
    assert served(only, namespace("gone")) == ""


@pytest.mark.parametrize(
    ("provision", "gives"),
    [
        ("{resourceQuota: {pods: 1}}", True),
        ("{limitRange: {default: {cpu: 1}}}", True),
        ("{networkPolicy: default-deny}", True),
        ("{roleBindings: [{clusterRole: view, to: owners}]}", True),
        (
            "{networkPolicy: none, resourceQuota: {}, limitRange: {default: {}}, roleBindings: []}",
            False,
        ),
    ],
)
def test_shorthands_alone_are_something_to_wait_for(provision: str, gives: bool) -> None:
    policies = loaded(tenant(provision))
    own = (policies.platform, policies.registry, policies.templates)

    assert is_served(namespace(), *own) is gives
    assert not is_served(namespace(name="monitoring"), *own)
    assert serving(namespace(), *own) is None


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (namespace(), "template any serves it: it matches namespaces of tenant acme"),
        (
            namespace(tier="web"),
            "template web serves it: it matches namespaces of tenant acme, before any",
        ),
        (namespace("named"), "template nobody serves it: tenant named names it"),
        (
            namespace(""),
            "no template serves it: none of 5 matches namespaces of no tenant with its labels",
        ),
        (
            namespace(name="monitoring"),
            "no template serves it: it is a namespace of the platform",
        ),
        (namespace(name="tenantgate-system"), "no template serves it: it is tenantgate's own"),
        (
            namespace(name="openshift-infra"),
            "no template serves it: it is exempt by Platform spec.scc.exemptNamespaces",
        ),
    ],
)
def test_why_is_said(policies: PolicySet, where: Namespace, said: str) -> None:
    assert why(where, policies.platform, policies.registry, policies.templates) == said


def test_a_set_without_templates_serves_nothing() -> None:
    policies = loaded(TENANT)

    assert served(policies, namespace()) == ""
