"""What a Tenant says in `provision` is held against the templates that there are."""

import pytest

from tests.core.provisioning.samples import HEAD, OBJECTS, QUOTA, loaded, template, tenant, wrong

ASKING = template(
    "  match: {tenants: [acme]}\n"
    "  parameters: [{name: PODS}, {name: TEAM, value: none}]\n"
    "  labels: {team: '${TEAM}'}\n"
    f"  objects:\n  - {QUOTA.replace('10', repr('${PODS}'))}\n",
    "asking",
)
FOR_ALL = template(OBJECTS)
WRONG: dict[str, tuple[str, str]] = {
    "no such template": (
        "{template: standrad}",
        '6:25: spec.provision.template is "standrad"; allowed: asking, standard',
    ),
    "a parameter without value": (
        "{template: asking, parameters: {TEAM: a}}",
        "6:45: spec.provision.parameters: template asking, which is named here, needs a value for PODS",
    ),
    "the same of a template that only matches": (
        "{networkPolicy: none}",
        "1:1: spec.provision.parameters: template asking, which serves namespaces of this tenant, needs a "
        "value for PODS",
    ),
    "a parameter of no template": (
        "{template: asking, parameters: {PODS: '1', POD: '2'}}",
        "6:62: spec.provision.parameters.POD: no parameter of template asking; allowed: PODS, TEAM",
    ),
    "a parameter that follows from the namespace": (
        "{template: asking, parameters: {PODS: '1', TENANT: b}}",
        "6:65: spec.provision.parameters.TENANT: no parameter of template asking; allowed: PODS, TEAM",
    ),
    "a parameter of a template without any": (
        "{template: standard, parameters: {PODS: '1'}}",
        "6:54: spec.provision.parameters.PODS: no parameter of template standard; allowed: none, as it has "
        "none",
    ),
    "no quantity where one is needed": (
        "{template: asking, parameters: {PODS: many}}",
        '6:52: spec.provision.parameters.PODS is "many"; allowed: a quantity of 0 or more, as template '
        "asking uses it for one",
    ),
    "a quota without quantity": (
        "{template: standard, resourceQuota: {pods: lots}}",
        '6:57: spec.provision.resourceQuota.pods is "lots"; allowed: a quantity of 0 or more, such as 20 or '
        "64Gi",
    ),
    "limits that contradict each other": (
        "{template: standard, limitRange: {default: {cpu: 2}, max: {cpu: 1}}}",
        "6:63: spec.provision.limitRange.default.cpu is 2; allowed: at most 1, as "
        "spec.provision.limitRange.max.cpu says",
    ),
    "a role that can be none": (
        "{template: standard, roleBindings: [{clusterRole: a/b, to: owners}]}",
        '6:64: spec.provision.roleBindings[0].clusterRole is "a/b"; allowed: the name of a ClusterRole',
    ),
}


@pytest.mark.parametrize(("provision", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_at_the_tenant(provision: str, told: str) -> None:
    assert wrong(tenant(provision), ASKING, FOR_ALL) == [told]


def test_parameters_without_any_template() -> None:
    assert wrong(tenant("{parameters: {PODS: '1'}}")) == [
        "6:34: spec.provision.parameters.PODS: no template serves this tenant's namespaces, so nothing takes "
        "parameters"
    ]


def test_a_template_that_there_is_none() -> None:
    assert wrong(tenant("{template: standard}")) == [
        '6:25: spec.provision.template is "standard"; allowed: none, as the set holds no template'
    ]


def test_a_tenant_that_says_nothing_is_asked_for_the_parameters_of_what_serves_it() -> None:
    plain = tenant().partition("  provision")[0]

    assert wrong(plain, ASKING) == [
        "1:1: spec.provision.parameters: template asking, which serves namespaces of this tenant, needs a "
        "value for PODS"
    ]


def test_what_agrees_loads() -> None:
    loaded(ASKING, FOR_ALL, tenant("{parameters: {PODS: '5', TEAM: web}}"))


def test_a_broken_template_is_told_alone() -> None:
    """Not with every tenant that names it."""
    told = wrong(template("  object: []\n"), tenant("{template: standard, parameters: {A: a}}"))

    assert len(told) == 2
    assert all("a.yaml" not in line and "Tenant" not in line for line in told)


def test_templates_of_both_kinds_share_their_names() -> None:
    project = (
        "{apiVersion: project.openshift.io/v1, kind: Project, metadata: {name: '${PROJECT_NAME}'}}"
    )
    other = (
        "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: standard}\n"
        f"objects:\n- {project}\n"
    )

    assert wrong(f"{HEAD}{OBJECTS}---\n{other}") == [
        '10:18: metadata.name is "standard", the name of another template; a Tenant names one of them'
    ]
