"""A WorkloadDefaults document is read strictly: what pods could not have, or contradicts itself, is told."""

from typing import Any

import pytest

from webhook.core.policyset import PolicyError, parse_policies

HEAD = """\
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec:
"""

WRONG: dict[str, tuple[str, str]] = {
    "unknown field": (
        "  Containers: {}",
        '5:15: "spec.Containers" is no known field; allowed here: priority, match, containers, pod. '
        'Did you mean "containers"?',
    ),
    "security context": (
        "  pod: {securityContext: {}}",
        '5:26: "spec.pod.securityContext" is no known field; allowed here: automountServiceAccountToken, '
        "priorityClassName, topologySpreadConstraints, nodeSelector, labels, tolerations. "
        "A security context is an SCC's to fill in.",
    ),
    "no quantity": (
        "  containers: {min: {cpu: lots}}",
        '5:27: spec.containers.min.cpu is "lots"; allowed: a quantity of 0 or more, such as 500m, 2 or '
        "64Mi",
    ),
    "negative": (
        "  containers:\n    max: {memory: -1Gi}",
        '6:19: spec.containers.max.memory is "-1Gi"; allowed: a quantity of 0 or more, such as 500m, 2 '
        "or 64Mi",
    ),
    "unknown resource": (
        "  containers: {default: {memori: 1Gi}}",
        '5:34: spec.containers.default.memori: "memori" is no resource of a container; allowed: cpu, '
        "memory, ephemeral-storage, hugepages-2Mi and the like, and names such as example.com/gpu. "
        'Did you mean "memory"?',
    ),
    "minimum above maximum": (
        "  containers: {min: {cpu: 2}, max: {cpu: 1000m}}",
        "5:27: spec.containers.min.cpu is 2; allowed: at most 1, as spec.containers.max.cpu says",
    ),
    "default above maximum": (
        "  containers: {default: {memory: 2048Mi}, max: {memory: 1Gi}}",
        "5:34: spec.containers.default.memory is 2Gi; allowed: at most 1Gi, as "
        "spec.containers.max.memory says",
    ),
    "default request below minimum": (
        "  containers: {defaultRequest: {cpu: 5m}, min: {cpu: 10m}}",
        "5:38: spec.containers.defaultRequest.cpu is 5m; allowed: at least 10m, as "
        "spec.containers.min.cpu says",
    ),
    "default request above default": (
        "  containers: {defaultRequest: {cpu: 2}, default: {cpu: 1}}",
        "5:38: spec.containers.defaultRequest.cpu is 2; allowed: at most 1, as "
        "spec.containers.default.cpu says",
    ),
    "ratio below one": (
        '  containers: {maxLimitRequestRatio: {cpu: "0.5"}}',
        "5:44: spec.containers.maxLimitRequestRatio.cpu is 500m; allowed: 1 or more, as no limit is "
        "below its request",
    ),
    "defaults beyond the ratio": (
        "  containers: {maxLimitRequestRatio: {cpu: 2}, defaultRequest: {cpu: 1}, default: {cpu: 3}}",
        "5:89: spec.containers.default.cpu is 3; allowed: at most 2 times "
        "spec.containers.defaultRequest.cpu, as spec.containers.maxLimitRequestRatio.cpu says",
    ),
    "overcommitted": (
        "  containers: {defaultRequest: {example.com/gpu: 1}}",
        "5:50: spec.containers.defaultRequest[example.com/gpu] is 1; allowed: the same as "
        "spec.containers.default[example.com/gpu], as Kubernetes does not overcommit example.com/gpu",
    ),
    "pull policy": (
        "  containers: {imagePullPolicy: always}",
        '5:33: spec.containers.imagePullPolicy is "always"; allowed: Always, IfNotPresent, Never. '
        'Did you mean "Always"?',
    ),
    "selector": (
        "  match: {namespaceSelector: {matchLabels: {a b: c}}}",
        '5:50: spec.match.namespaceSelector.matchLabels[a b] is "a b"; allowed: a label\'s key, such as '
        "app or example.com/tier. Fix: correct the key.",
    ),
    "tenant that nobody is": (
        "  match: {tenants: [acme]}",
        '5:20: spec.match.tenants: "acme"; allowed: the name of a Tenant, or "*" for all',
    ),
    "label": (
        "  pod: {labels: {a: b c}}",
        '5:21: spec.pod.labels.a is "b c"; allowed: a label\'s value: at most 63 letters, digits, -, _ '
        "and ., letter or digit at both ends",
    ),
    "own label": (
        "  pod: {labels: {tenantgate.io/managed: 'true'}}",
        "5:41: spec.pod.labels[tenantgate.io/managed]: allowed: any label but tenantgate's own",
    ),
    "priority class": (
        "  pod: {priorityClassName: High}",
        '5:28: spec.pod.priorityClassName is "High"; allowed: the name of a PriorityClass',
    ),
    "toleration of everything by accident": (
        "  pod: {tolerations: [{effect: NoSchedule}]}",
        "5:23: spec.pod.tolerations[0] has no key; allowed: only with operator Exists",
    ),
    "toleration with a useless value": (
        "  pod: {tolerations: [{key: a, operator: Exists, value: b}]}",
        '5:57: spec.pod.tolerations[0].value is "b"; allowed: none with operator Exists',
    ),
    "toleration for a time": (
        "  pod: {tolerations: [{key: a, tolerationSeconds: 5}]}",
        "5:51: spec.pod.tolerations[0].tolerationSeconds: allowed: only with effect NoExecute",
    ),
    "spread without skew": (
        "  pod: {topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: "
        "DoNotSchedule, labelSelector: {}}]}",
        "5:47: spec.pod.topologySpreadConstraints[0].maxSkew is 0; allowed: 1 or more",
    ),
    "two spreads over one thing": (
        "  pod: {topologySpreadConstraints: [&a {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: "
        "DoNotSchedule, labelSelector: {}}, *a]}",
        "5:37: spec.pod.topologySpreadConstraints[1] is a second one for zone with DoNotSchedule; a pod "
        "has one at most",
    ),
    "domains that nothing waits for": (
        "  pod: {topologySpreadConstraints: [{maxSkew: 1, minDomains: 2, topologyKey: zone, "
        "whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}]}",
        "5:62: spec.pod.topologySpreadConstraints[0].minDomains: allowed: only with whenUnsatisfiable: "
        "DoNotSchedule",
    ),
    "label keys of no selector": (
        "  pod: {topologySpreadConstraints: [{maxSkew: 1, matchLabelKeys: [app], topologyKey: zone, "
        "whenUnsatisfiable: ScheduleAnyway}]}",
        "5:66: spec.pod.topologySpreadConstraints[0].matchLabelKeys: allowed: only with a "
        "labelSelector, which may be {}",
    ),
}


def wrong(body: str) -> list[str]:
    with pytest.raises(PolicyError) as error:
        parse_policies({"a.yaml": HEAD + body + "\n"})
    return [str(problem).removeprefix("a.yaml:") for problem in error.value.problems]


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_its_place(case: str) -> None:
    body, message = WRONG[case]

    assert wrong(body) == [message]


def test_all_mistakes_are_told_at_once() -> None:
    told = wrong("  containers: {min: {cpu: x, disk: 1}}\n  pod: {priorityClassName: X}")

    assert len(told) == 3


def test_the_example_of_a_spread_that_counts_nothing_is_warned_of() -> None:
    body = (
        "  pod: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, "
        "whenUnsatisfiable: ScheduleAnyway}]}\n"
    )

    (warning,) = parse_policies({"a.yaml": HEAD + body}).warnings

    assert warning.startswith(
        "a.yaml:5:37: spec.pod.topologySpreadConstraints[0] has no labelSelector"
    )


def test_policies_stand_in_the_order_in_which_they_count() -> None:
    texts: dict[str, Any] = {
        f"{name}.yaml": HEAD.replace("standard", name) + f"  priority: {priority}\n"
        for name, priority in (("c", 0), ("a", 0), ("b", 7), ("d", -1))
    }

    assert [each.name for each in parse_policies(texts).defaults] == ["b", "a", "c", "d"]


def test_a_tenant_of_the_set_may_be_named() -> None:
    tenant = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec: {owners: [{kind: Group, name: leads}]}
"""
    policies = parse_policies({"a.yaml": HEAD + "  match: {tenants: [acme]}\n", "b.yaml": tenant})

    assert policies.defaults[0].match.tenants == frozenset({"acme"})
