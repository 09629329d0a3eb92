"""A NamespaceTemplate is read strictly: what no namespace could hold, or nobody meant, is told."""

import pytest

from tests.core.provisioning.samples import (
    AROUND,
    OBJECTS,
    QUOTA,
    loaded,
    odd,
    template,
    tenant,
    wrong,
)
from webhook.core.policyset import PolicyError, parse_policies

ONE = "  objects:\n  - "
WRONG: dict[str, tuple[str, str]] = {
    "unknown field": (
        f"  object: []\n{OBJECTS}",
        '5:11: "spec.object" is no known field; allowed here: priority, match, parameters, labels, '
        'annotations, objects. Did you mean "objects"?',
    ),
    "no objects": ("  labels: {}\n", '5:3: "objects" is missing in spec; it is required'),
    "selector": (
        f"  match: {{namespaceSelector: {{matchLabels: {{a b: c}}}}}}\n{OBJECTS}",
        '5:50: spec.match.namespaceSelector.matchLabels[a b] is "a b"; allowed: a label\'s key, such as '
        "app or example.com/tier. Fix: correct the key.",
    ),
    "unknown parameter": (
        ONE + QUOTA.replace("10", '"${POD}"') + "\n",
        '6:97: spec.objects[0].spec.hard.pods: "${POD}" is no parameter; defined are: NAMESPACE, '
        "REQUESTER, TENANT. Fix: define it in parameters. To keep the text as it is, define it with "
        'itself as its value: {name: POD, value: "${POD}"}.',
    ),
    "unused parameter": (
        f"  parameters: [{{name: PODS, value: '1'}}]\n{OBJECTS}",
        '5:23: spec.parameters[0].name: nothing uses parameter "PODS"; leave it out',
    ),
    "a parameter that every template has": (
        f"  parameters: [{{name: TENANT, value: a}}]\n  labels: {{a: '${{TENANT}}'}}\n{OBJECTS}",
        '5:23: spec.parameters[0].name is "TENANT", which every template has; leave it out',
    ),
    "a parameter twice": (
        f"  parameters: [{{name: A, value: a}}, {{name: A, value: b}}]\n  labels: {{a: '${{A}}'}}\n{OBJECTS}",
        '5:44: spec.parameters[1].name: a second parameter "A"',
    ),
    "the name of a parameter": (
        f"  parameters: [{{name: A-B, value: a}}]\n{OBJECTS}",
        '5:23: spec.parameters[0].name is "A-B"; allowed: letters, digits and _',
    ),
    "a whole value within a text": (
        f"  labels: {{a: 'x-${{{{TENANT}}}}'}}\n{OBJECTS}",
        '5:15: spec.labels.a: "${{TENANT}}" stands for a whole value; within a text, and in keys, write '
        '"${TENANT}"',
    ),
    "no value, and nobody to give one": (
        f"  parameters: [{{name: A}}]\n  labels: {{a: '${{A}}'}}\n{OBJECTS}",
        '5:16: spec.parameters[0]: "A" has no value, and namespaces of no tenant, which this template '
        "serves too, have nobody to give one. Fix: give it a value, or say in spec.match.tenants which "
        "tenants it is for.",
    ),
    "a label that is none": (
        f"  labels: {{a: 'b c'}}\n{OBJECTS}",
        '5:15: spec.labels.a is "b c"; allowed: a label\'s value: at most 63 letters, digits, -, _ and ., '
        "letter or digit at both ends",
    ),
    "a label that is no string": (
        f"  parameters: [{{name: A, value: '1'}}]\n  labels: {{a: '${{{{A}}}}'}}\n{OBJECTS}",
        "6:15: spec.labels.a is 1; allowed: a string. Fix: write ${NAME}.",
    ),
    "the stamp": (
        f"  labels: {{tenantgate.io/tenant: acme}}\n{OBJECTS}",
        "5:34: spec.labels[tenantgate.io/tenant]: tenantgate writes the keys of its own domain by itself; "
        "leave it out",
    ),
    "the uid range": (
        f"  annotations: {{openshift.io/sa.scc.uid-range: 1/2}}\n{OBJECTS}",
        "5:48: spec.annotations[openshift.io/sa.scc.uid-range]: the controller allocates it; leave it out",
    ),
    "the requester": (
        f"  annotations: {{openshift.io/requester: me}}\n{OBJECTS}",
        "5:41: spec.annotations[openshift.io/requester]: it says who asked for the namespace; leave it out",
    ),
    "an annotation that is none": (
        f"  annotations: {{'a b': c}}\n{OBJECTS}",
        "5:24: spec.annotations[a b]: allowed: a key such as note or example.com/note",
    ),
    "a level of Pod Security": (
        f"  labels: {{pod-security.kubernetes.io/enforce: restrictd}}\n{OBJECTS}",
        '5:48: spec.labels[pod-security.kubernetes.io/enforce] is "restrictd"; allowed: privileged, '
        "baseline, restricted",
    ),
    "a version of Pod Security": (
        f"  labels: {{pod-security.kubernetes.io/warn-version: '1.31'}}\n{OBJECTS}",
        '5:53: spec.labels[pod-security.kubernetes.io/warn-version] is "1.31"; allowed: latest, or a '
        "version such as v1.31",
    ),
    "a label of Pod Security": (
        f"  labels: {{pod-security.kubernetes.io/enforced: baseline}}\n{OBJECTS}",
        "5:49: spec.labels[pod-security.kubernetes.io/enforced]: allowed of pod-security.kubernetes.io/: "
        "pod-security.kubernetes.io/enforce, pod-security.kubernetes.io/enforce-version, "
        "pod-security.kubernetes.io/audit, pod-security.kubernetes.io/audit-version, "
        "pod-security.kubernetes.io/warn, pod-security.kubernetes.io/warn-version",
    ),
    "a level that another controller writes": (
        "  labels: {security.openshift.io/scc.podSecurityLabelSync: 'true', "
        f"pod-security.kubernetes.io/warn: baseline}}\n{OBJECTS}",
        "5:101: spec.labels[pod-security.kubernetes.io/warn]: label "
        'security.openshift.io/scc.podSecurityLabelSync is "true", so that another controller writes this '
        "label, and each would undo the other. Fix: leave out one of the two.",
    ),
    "a label that decides which template serves": (
        f"  match: {{namespaceSelector: {{matchLabels: {{tier: web}}}}}}\n  labels: {{tier: db}}\n{OBJECTS}",
        "6:18: spec.labels.tier: NamespaceTemplate standard selects namespaces by this label, so that to "
        "write it would change what a namespace is to hold. Fix: select by another label, or leave it out.",
    ),
    "a tenant that is none": (
        f"  match: {{tenants: [ame]}}\n{OBJECTS}",
        '5:21: spec.match.tenants[0] is "ame"; allowed: the name of a Tenant, or a glob such as "*"',
    ),
}
WRONG_OBJECTS: dict[str, tuple[str, str]] = {
    "no name": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {}}",
        '6:49: "name" is missing in spec.objects[0].metadata; it is required',
    ),
    "no kind": (
        "{apiVersion: v1, metadata: {name: platform-a}}",
        '6:5: "kind" is missing in spec.objects[0]; it is required',
    ),
    "no object": ("text", '6:5: spec.objects[0] is "text"; allowed: an object.'),
    "a namespace": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, namespace: b}}",
        '6:79: "spec.objects[0].metadata.namespace" is no known field; allowed here: name, labels, '
        "annotations. Leave it out: each namespace that the template serves gets the object.",
    ),
    "what the API server writes": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, uid: b}}",
        '6:73: "spec.objects[0].metadata.uid" is no known field; allowed here: name, labels, annotations.',
    ),
    "a status": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a}, status: {a: b}}",
        "6:77: spec.objects[0].status: what is observed; leave it out",
    ),
    "a cluster-wide kind": (
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: platform-a}}",
        "6:5: spec.objects[0] is a ClusterRole of rbac.authorization.k8s.io/v1; allowed: kinds that belong "
        "to a namespace",
    ),
    "a namespace in the namespace": (
        "{apiVersion: v1, kind: Namespace, metadata: {name: platform-a}}",
        "6:5: spec.objects[0] is a Namespace of v1; allowed: kinds that belong to a namespace",
    ),
    "a policy of our own": (
        "{apiVersion: tenantgate.io/v1, kind: Tenant, metadata: {name: platform-a}}",
        "6:5: spec.objects[0] is a Tenant of tenantgate.io/v1; allowed: kinds that belong to a namespace",
    ),
    "a list": (
        "{apiVersion: v1, kind: List, metadata: {name: platform-a}}",
        "6:5: spec.objects[0] is a List of v1; write its items one by one",
    ),
    "a kind of another group": (
        "{apiVersion: v1, kind: networkpolicy, metadata: {name: platform-a}}",
        "6:5: spec.objects[0] is a networkpolicy of v1; did you mean apiVersion networking.k8s.io/v1, kind "
        "NetworkPolicy?",
    ),
    "a parameter for a kind": (
        '{apiVersion: v1, kind: "${TENANT}", metadata: {name: platform-a}}',
        "6:5: spec.objects[0] is a ${TENANT} of v1; allowed: no parameters in apiVersion and kind",
    ),
    "a name that is none": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform_a}}",
        '6:56: spec.objects[0].metadata.name is "platform_a"; allowed: a name of small letters, digits, - '
        "and .",
    ),
    "a label": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, labels: {a: -}}}",
        '6:80: spec.objects[0].metadata.labels.a is "-"; allowed: a label\'s value: at most 63 letters, '
        "digits, -, _ and ., letter or digit at both ends",
    ),
    "the marker": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, labels: {tenantgate.io/managed: 'true'}}}",
        "6:100: spec.objects[0].metadata.labels[tenantgate.io/managed]: tenantgate writes the keys of its own "
        "domain by itself; leave it out",
    ),
    "what kubectl apply noted": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, annotations: "
        "{kubectl.kubernetes.io/last-applied-configuration: x}}}",
        "6:132: spec.objects[0].metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]: "
        "kubectl apply writes it; leave it out",
    ),
    "a quota without quantity": (
        QUOTA.replace("10", "lots"),
        '6:97: spec.objects[0].spec.hard.pods is "lots"; allowed: a quantity of 0 or more, such as 500m, 20 '
        "or 64Gi",
    ),
    "limits without quantity": (
        "{apiVersion: v1, kind: LimitRange, metadata: {name: platform-a}, "
        "spec: {limits: [{type: Container, max: {cpu: -1}}]}}",
        "6:115: spec.objects[0].spec.limits[0].max.cpu is -1; allowed: a quantity of 0 or more, such as "
        "500m, 20 or 64Gi",
    ),
    "a ConfigMap of numbers": (
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a}, data: {a: 1}}",
        "6:79: spec.objects[0].data.a is no string; allowed: a string. Fix: quote it.",
    ),
    "a network that is none": (
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: platform-a}, "
        "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]}}",
        '6:150: spec.objects[0].spec.ingress[0].from[0].ipBlock.cidr is "10.0.0.0"; allowed: a CIDR',
    ),
    "an exception from elsewhere": (
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: platform-a}, "
        'spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ["11.0.0.0/8"]}}]}]}}',
        '6:171: spec.objects[0].spec.ingress[0].from[0].ipBlock.except[0] is "11.0.0.0/8"; allowed: a CIDR '
        "that is a part of 10.0.0.0/8",
    ),
    "a role binding to nothing": (
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: platform-a}, roleRef: {kind: Role}}",
        "6:106: spec.objects[0].roleRef.name is not set; allowed: the name of a role. Fix: write roleRef.name "
        "as a string.",
    ),
}


@pytest.mark.parametrize(("spec", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_place(spec: str, told: str) -> None:
    assert wrong(template(spec)) == [told]


@pytest.mark.parametrize(("item", "told"), WRONG_OBJECTS.values(), ids=WRONG_OBJECTS)
def test_what_is_wrong_with_an_object_is_told_with_its_place(item: str, told: str) -> None:
    assert wrong(template(f"{ONE}{item}\n")) == [told]


def test_an_object_twice() -> None:
    twice = f"{OBJECTS}  - {QUOTA}\n"

    assert wrong(template(twice)) == [
        '7:60: spec.objects[1].metadata.name: ResourceQuota "platform-quota" is already there, as '
        "spec.objects[0]"
    ]


def test_objects_that_parameters_tell_apart_are_two() -> None:
    spec = (
        "  match: {tenants: [acme]}\n"
        "  parameters: [{name: A}, {name: B, value: b}]\n"
        "  objects:\n"
        '  - {apiVersion: v1, kind: ConfigMap, metadata: {name: "platform-${A}"}}\n'
        '  - {apiVersion: v1, kind: ConfigMap, metadata: {name: "platform-${B}"}}\n'
    )

    loaded(template(spec), tenant("{parameters: {A: a}}"))


def test_all_mistakes_are_told_at_once() -> None:
    spec = f"  labels: {{a: '-', b: '${{C}}'}}\n{ONE}{{apiVersion: v1, kind: Node, metadata: {{name: a}}}}\n"

    assert [line.partition(":")[0] for line in wrong(template(spec))] == ["5", "5", "7"]


def test_a_value_is_checked_where_it_ends_up() -> None:
    spec = (
        "  parameters: [{name: PODS, value: lots}]\n"
        f"{ONE}{QUOTA.replace('10', repr('${PODS}'))}\n"
    )

    assert wrong(template(spec)) == [
        '7:97: spec.objects[0].spec.hard.pods is "lots"; allowed: a quantity of 0 or more, such as 500m, 20 '
        "or 64Gi"
    ]


def test_what_kubectl_prints_loads_with_its_nulls_and_its_empty_status() -> None:
    item = (
        "{apiVersion: v1, kind: ResourceQuota, metadata: {creationTimestamp: null, name: platform-quota}, "
        "spec: {hard: {pods: 1}}, status: {}}"
    )
    policies = loaded(template(f"{ONE}{item}\n"))

    (found,) = policies.templates[0].objects
    assert found == {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "platform-quota"},
        "spec": {"hard": {"pods": 1}},
    }


def test_a_kind_that_nobody_knows_may_be_called_as_one_of_kubernetes() -> None:
    loaded(
        template(
            f"{ONE}{{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {{name: platform-a}}}}\n"
        )
    )


def test_the_mark_of_the_platforms_pods_is_for_templates_of_pods() -> None:
    """A log shipper in a tenant's namespace is the platform's by its pods' label."""
    item = (
        "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: platform-logs}, "
        "spec: {template: {metadata: {labels: {tenantgate.io/managed: 'true'}}}}}"
    )

    loaded(template(f"{ONE}{item}\n"))


def test_templates_stand_in_their_order() -> None:
    policies = loaded(
        template(f"  priority: -1\n{OBJECTS}", "late"),
        template(OBJECTS, "b"),
        template(OBJECTS, "a"),
        template(f"  priority: 7\n{OBJECTS}", "z"),
    )

    assert [each.name for each in policies.templates] == ["z", "a", "b", "late"]


ODD: dict[str, tuple[str, str]] = {
    "a name that a tenant may use": (
        QUOTA.replace("platform-quota", "quota"),
        '6:60: spec.objects[0].metadata.name is "quota": a tenant may have an object of that name, which '
        'would be overwritten. Names that begin with "platform-" are reserved for the platform',
    ),
    "a kind of OpenShift's": (
        "{apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: platform-a}}",
        '6:18: spec.objects[0].apiVersion is "route.openshift.io/v1", which plain Kubernetes does not serve',
    ),
    "a label that is a person": (
        '{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-a, labels: {by: "${REQUESTER}"}}}',
        '6:81: spec.objects[0].metadata.labels.by holds "${REQUESTER}": the name of a user may be empty, or '
        "be no valid value here; the namespace is then not provisioned",
    ),
    "a way to the cluster's own networks": (
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: platform-a}, "
        'spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: ["10.0.0.0/8", '
        '"169.254.0.0/16", "127.0.0.0/8"]}}]}]}}',
        "6:140: spec.objects[0].spec.egress[0].to[0].ipBlock lets pods out to 192.168.7.0/24, which the "
        "Platform says is the cluster's own or protected. Fix: add that to except.",
    ),
}


@pytest.mark.parametrize(("item", "told"), ODD.values(), ids=ODD)
def test_what_is_odd_is_warned_of(item: str, told: str) -> None:
    assert odd(template(f"{ONE}{item}\n")) == [told]


def test_the_service_account_that_kubernetes_names_is_not_odd() -> None:
    loaded(
        template(f"{ONE}{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: default}}}}\n")
    )


def test_a_label_that_a_tenant_is_adopted_by() -> None:
    adopting = tenant().replace(
        "  provision", "  namespaces: {selector: {matchLabels: {house.io/of: acme}}}\n  provision"
    )
    around = {
        "a.yaml": template(f"  labels: {{house.io/of: acme}}\n{OBJECTS}"),
        "b.yaml": f"{adopting}---\n{AROUND}".replace(
            "spec:\n  namespaces: [", "spec:\n  labels: {protected: [house.io/*]}\n  namespaces: ["
        ),
    }

    with pytest.raises(PolicyError) as error:
        parse_policies(around)

    assert str(error.value) == (
        "a.yaml:5:25: spec.labels[house.io/of]: Tenant acme selects namespaces by this label, so that to "
        "write it would change what a namespace is to hold. Fix: select by another label, or leave it out."
    )
