"""What Kubernetes' own admission is taken to say; `check` is tested with it as a whole."""

from typing import Any

from tests.core.samples import pod
from webhook.core.platform import PodSecurity
from webhook.core.pss.plugin import Plugin

LABELS = {
    "pod-security.kubernetes.io/enforce": "baseline",
    "pod-security.kubernetes.io/warn": "restricted",
    "pod-security.kubernetes.io/audit": "restricted",
}
MODES: Any = ("enforce", "warn", "audit")


def plugin(**settings: Any) -> Plugin:
    return Plugin(PodSecurity(**settings), "shop", LABELS, "alice")


def test_a_refusal_is_not_warned_of_and_what_is_noted_is_told_once() -> None:
    said = plugin().of_pod(pod({"spec.hostPID": True}), MODES)

    assert [(finding.rule, finding.action) for finding in said.findings] == [
        ("hostNamespaces", "deny"),
        ("allowPrivilegeEscalation", "audit"),
        ("capabilities_restricted", "audit"),
        ("runAsNonRoot", "audit"),
        ("seccompProfile_restricted", "audit"),
    ]
    assert said.notes == ('violates PodSecurity "baseline:latest": host namespaces (hostPID=true)',)


def test_what_is_warned_of_is_not_noted_as_well() -> None:
    said = plugin().of_pod(pod(), MODES)

    assert {finding.action for finding in said.findings} == {"warn"}
    assert len(said.notes) == 1
    assert said.notes[0].startswith('would violate PodSecurity "restricted:latest": ')


def test_a_pod_that_cannot_be_read_is_exempt_from_nothing() -> None:
    said = plugin(exempt_runtime_classes=frozenset({"gvisor"})).of_pod(
        pod({"spec.runtimeClassName": 5}), MODES
    )

    assert [(finding.rule, finding.action) for finding in said.findings] == [("unreadable", "deny")]
    assert said.notes == (
        'violates PodSecurity "baseline:latest": unreadable '
        "(spec.runtimeClassName is 5; allowed: a string)",
    )
