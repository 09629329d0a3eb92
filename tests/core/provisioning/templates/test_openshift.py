"""OpenShift's project templates: read as they are, and served where a Tenant names them."""

import pytest

from tests.core.provisioning.samples import (
    loaded,
    namespace,
    objects,
    odd,
    tenant,
    wants,
    wrong,
)
from webhook.core.provisioning.choice import is_served

PROJECT_REQUEST = """\
apiVersion: template.openshift.io/v1
kind: Template
metadata:
  creationTimestamp: null
  name: project-request
  namespace: openshift-config
objects:
- apiVersion: project.openshift.io/v1
  kind: Project
  metadata:
    annotations:
      openshift.io/description: ${PROJECT_DESCRIPTION}
      openshift.io/display-name: ${PROJECT_DISPLAYNAME}
      openshift.io/requester: ${PROJECT_REQUESTING_USER}
    creationTimestamp: null
    name: ${PROJECT_NAME}
  spec: {}
  status: {}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata:
    creationTimestamp: null
    name: admin
    namespace: ${PROJECT_NAME}
  roleRef:
    apiGroup: rbac.authorization.k8s.io
    kind: ClusterRole
    name: admin
  subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: ${PROJECT_ADMIN_USER}
parameters:
- name: PROJECT_NAME
- name: PROJECT_DISPLAYNAME
- name: PROJECT_DESCRIPTION
- name: PROJECT_ADMIN_USER
- name: PROJECT_REQUESTING_USER
"""
"""What `oc adm create-bootstrap-project-template -o yaml` prints."""

PROJECT = """\
- apiVersion: project.openshift.io/v1
  kind: Project
  metadata:
    name: ${PROJECT_NAME}
    labels: {team: "${TEAM}"}
    annotations: {openshift.io/node-selector: "", note: "by ${PROJECT_REQUESTING_USER} of ${TENANT}"}
"""
QUOTA = """\
- apiVersion: v1
  kind: ResourceQuota
  metadata: {name: platform-quota, namespace: elsewhere, labels: {team: nobody}}
  spec: {hard: {pods: "${{PODS}}"}}
"""
OWN = f"""\
apiVersion: template.openshift.io/v1
kind: Template
metadata: {{name: own}}
message: Welcome to ${{PROJECT_NAME}}
labels: {{team: "${{TEAM}}x"}}
parameters:
- {{name: TEAM, displayName: Team, description: Who it is, required: true}}
- {{name: PODS, value: "20"}}
objects:
{PROJECT}{QUOTA}"""
HEAD = "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: own}\n"
BARE = (
    "- {apiVersion: project.openshift.io/v1, kind: Project, metadata: {name: '${PROJECT_NAME}'}}\n"
)


def test_the_template_that_oc_prints_loads_and_binds_the_requester() -> None:
    policies = loaded(
        PROJECT_REQUEST.replace(
            "name: admin\n    namespace", "name: platform-admin\n    namespace"
        ),
        tenant("{template: project-request}"),
    )
    asked = namespace(
        annotations={"openshift.io/requester": "olga", "openshift.io/display-name": "Shop"}
    )

    found = wants(policies, asked)

    assert (found.template, found.labels, found.annotations) == ("project-request", {}, {})
    (binding,) = objects(found).values()
    assert binding["metadata"]["namespace"] == "shop"
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "olga"}
    ]


def test_a_namespace_that_nobody_asked_for_has_nobody_bound() -> None:
    """The API server would refuse a subject without a name, and with it the whole binding."""
    policies = loaded(
        PROJECT_REQUEST.replace(
            "name: admin\n    namespace", "name: platform-admin\n    namespace"
        ),
        tenant("{template: project-request}"),
    )

    assert objects(wants(policies))["RoleBinding/platform-admin"]["subjects"] == []


def test_its_names_are_warned_of_like_any_others() -> None:
    (told,) = odd(PROJECT_REQUEST)

    assert told.startswith(
        '23:11: objects[1].metadata.name is "admin": a tenant may have an object'
    )


def test_labels_and_annotations_of_the_project_go_on_the_namespace() -> None:
    policies = loaded(OWN, tenant("{template: own, parameters: {TEAM: blue}}"))

    found = wants(policies, namespace(annotations={"openshift.io/requester": "olga"}))

    assert found.labels == {"team": "bluex"}
    assert found.annotations == {"openshift.io/node-selector": "", "note": "by olga of acme"}


def test_labels_of_the_template_go_on_every_object_and_namespaces_are_dropped() -> None:
    policies = loaded(OWN, tenant("{template: own, parameters: {TEAM: blue}}"))

    quota = objects(wants(policies))["ResourceQuota/platform-quota"]

    assert quota["metadata"]["labels"] == {"team": "bluex", "tenantgate.io/managed": "true"}
    assert quota["metadata"]["namespace"] == "shop"
    assert quota["spec"] == {"hard": {"pods": "20"}}


def test_it_serves_only_where_a_tenant_names_it() -> None:
    policies = loaded(
        PROJECT_REQUEST.replace(
            "name: admin\n    namespace", "name: platform-admin\n    namespace"
        ),
        tenant(),
    )

    assert not is_served(namespace(), policies.platform, policies.registry, policies.templates)
    assert wants(policies).objects == ()


def test_a_parameter_that_is_not_required_is_empty() -> None:
    text = OWN.replace(", required: true", "")
    policies = loaded(text, tenant("{template: own}"))

    assert wants(policies).labels == {"team": "x"}


WRONG: dict[str, tuple[str, str]] = {
    "no Project": (
        f"objects:\n{QUOTA.replace('${{PODS}}', '1')}",
        "5:1: objects: no Project of project.openshift.io/v1; a template for namespaces has exactly one, whose "
        "labels and annotations go on the namespace",
    ),
    "two Projects": (
        f"objects:\n{BARE}{BARE}",
        "6:3: objects[1]: 2 Projects of project.openshift.io/v1; a template for namespaces has exactly one, "
        "whose labels and annotations go on the namespace",
    ),
    "a Project of another name": (
        f"objects:\n{BARE.replace('${PROJECT_NAME}', 'web')}",
        '5:73: objects[0].metadata.name is "web"; allowed: ${PROJECT_NAME}',
    ),
    "an object in another namespace": (
        f"objects:\n{BARE}"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, namespace: 'x-${PROJECT_NAME}'}}\n",
        '6:77: objects[1].metadata.namespace is "x-${PROJECT_NAME}"; allowed: ${PROJECT_NAME}, or none',
    ),
    "a cluster-wide object": (
        f"objects:\n{BARE}- {{apiVersion: v1, kind: Namespace, metadata: {{name: a}}}}\n",
        "6:3: objects[1] is a Namespace of v1; allowed: kinds that belong to a namespace",
    ),
    "a generated value": (
        f"objects:\n{BARE}parameters:\n- {{name: A, generate: expression, from: '[a-z]{{8}}'}}\n",
        '7:23: parameters[0].generate is "expression"; allowed: none, as what is kept in a namespace has to '
        "come out the same every time. Fix: give it a value, or drop generate and from, set required: true "
        "and let each Tenant give one in spec.provision.parameters.",
    ),
    "an unused parameter": (
        f"objects:\n{BARE}parameters:\n- {{name: A, value: b}}\n",
        '7:10: parameters[0].name: nothing uses parameter "A"; leave it out',
    ),
    "an unknown parameter": (
        f"labels: {{a: '${{A}}'}}\nobjects:\n{BARE}",
        '6:66: objects[0].metadata.labels.a: "${A}" is no parameter; defined are: NAMESPACE, '
        "PROJECT_ADMIN_USER, PROJECT_DESCRIPTION, PROJECT_DISPLAYNAME, PROJECT_NAME, "
        "PROJECT_REQUESTING_USER, REQUESTER, TENANT. Fix: define it in parameters. To keep the text as it "
        'is, define it with itself as its value: {name: A, value: "${A}"}.',
    ),
    "a label of our own": (
        f"objects:\n{BARE.replace(', metadata: {', ', metadata: {labels: {tenantgate.io/tenant: a}, ')}",
        "5:98: objects[0].metadata.labels[tenantgate.io/tenant]: tenantgate writes the keys of its own domain "
        "by itself; leave it out",
    ),
    "the requester by another name": (
        f"objects:\n{BARE.replace(', metadata: {', ', metadata: {annotations: {openshift.io/requester: a}, ')}",
        "5:105: objects[0].metadata.annotations[openshift.io/requester]: it says who asked for the namespace; "
        "leave it out",
    ),
    "an unknown field": (
        f"object: []\nobjects:\n{BARE}",
        '4:9: "object" is no known field; allowed here: apiVersion, kind, metadata, message, labels, '
        'parameters, objects. Did you mean "objects"?',
    ),
}


@pytest.mark.parametrize(("rest", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_place(rest: str, told: str) -> None:
    assert wrong(f"{HEAD}{rest}") == [told]


def test_a_generated_parameter_with_a_value_has_that_value() -> None:
    text = OWN.replace('value: "20"', "value: '7', generate: expression, from: '[0-9]'")

    found = wants(loaded(text, tenant("{template: own, parameters: {TEAM: a}}")))

    assert objects(found)["ResourceQuota/platform-quota"]["spec"] == {"hard": {"pods": "7"}}
