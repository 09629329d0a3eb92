"""Levels and versions of the Pod Security Standards, and pods that are none."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.core.samples import pod
from webhook.core.pss.controls import CONTROLS
from webhook.core.pss.evaluate import evaluate, said

HARDENED = {
    "spec.securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "spec.containers[0].securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    },
}
WILD = {
    "spec.hostNetwork": True,
    "spec.volumes": [{"name": "a", "hostPath": {"path": "/"}}],
    "spec.securityContext": {"seccompProfile": {"type": "Unconfined"}, "sysctls": [{"name": "a"}]},
    "spec.os": {"name": "linux"},
    "spec.containers[0].livenessProbe": {"httpGet": {"host": "h", "port": 80}},
    "spec.containers[0].ports": [{"hostPort": 80}],
    "spec.containers[0].lifecycle": {"preStop": {"tcpSocket": {"host": "h", "port": 80}}},
    "spec.containers[0].securityContext": {
        "capabilities": {"add": ["NET_RAW"]},
        "procMount": "Unmasked",
        "privileged": True,
        "runAsUser": 0,
        "windowsOptions": {"hostProcess": True},
        "appArmorProfile": {"type": "Unconfined"},
        "seLinuxOptions": {"type": "spc_t"},
    },
    "metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"},
}


def rules(value: Any, level: Any, version: str = "latest") -> list[str]:
    return list(dict.fromkeys(finding.rule for finding in evaluate(value, level, version)))


def test_privileged_allows_everything_even_what_is_no_pod() -> None:
    assert evaluate(pod(WILD), "privileged") == ()
    assert evaluate(5, "privileged") == ()


def test_a_plain_pod_meets_baseline_and_a_hardened_one_meets_restricted() -> None:
    assert evaluate(pod(), "baseline") == ()
    assert evaluate(pod(HARDENED), "restricted") == ()
    assert rules(pod(), "restricted") == [
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "runAsNonRoot",
        "seccompProfile_restricted",
    ]


def test_baseline_is_told_first_and_each_level_by_name() -> None:
    assert rules(pod(WILD), "baseline") == [
        "appArmorProfile",
        "capabilities_baseline",
        "hostNamespaces",
        "hostPathVolumes",
        "hostPorts",
        "hostProbesAndHostLifecycle",
        "privileged",
        "procMount",
        "seLinuxOptions",
        "seccompProfile_baseline",
        "sysctls",
        "windowsHostProcess",
    ]


def test_at_restricted_the_stricter_control_takes_the_place_of_the_one_of_baseline() -> None:
    assert rules(pod(WILD), "restricted") == [
        "appArmorProfile",
        "hostNamespaces",
        "hostPorts",
        "hostProbesAndHostLifecycle",
        "privileged",
        "seLinuxOptions",
        "sysctls",
        "windowsHostProcess",
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "procMount_restricted",
        "restrictedVolumes",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile_restricted",
    ]


def test_in_a_version_before_the_stricter_control_the_one_of_baseline_stays() -> None:
    assert "procMount" in rules(pod(WILD), "restricted", "v1.34")
    assert "capabilities_baseline" in rules(pod(WILD), "restricted", "v1.21")


@pytest.mark.parametrize("version", ["v1.99", "v1.99999999999999", "1.25", "v1.025", "", "v2.0"])
def test_a_version_that_is_not_known_is_the_latest(version: str) -> None:
    assert evaluate(pod(WILD), "restricted", version) == evaluate(pod(WILD), "restricted")


def test_the_plugins_words_are_one_reason_for_each_control() -> None:
    found = evaluate(pod(WILD), "restricted")

    assert len(said(pod(WILD), found)) == len({finding.rule for finding in found})
    assert (
        said(pod(WILD), evaluate(pod(WILD), "baseline"))[2] == "host namespaces (hostNetwork=true)"
    )


ODD: tuple[Any, ...] = (None, "", "*", 0, True, [], [None], ["a"], {}, {"a": None})


def misshapen(value: Any) -> Iterator[Any]:
    """Yield copies of a value in which one part, however deep, is something else."""
    yield from ODD
    if isinstance(value, dict):
        for key, item in value.items():
            for odd in misshapen(item):
                yield {**value, key: odd}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for odd in misshapen(item):
                yield [*value[:index], odd, *value[index + 1 :]]


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize("version", ["v1.18", "latest"])
def test_whatever_stands_in_a_pod_is_answered(level: Any, version: str) -> None:
    for value in misshapen(pod(WILD)):
        said(value, evaluate(value, level, version))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"spec.hostNetwork": "true"}, "spec.hostNetwork"),
        ({"spec.containers[0].securityContext": []}, "spec.containers[0].securityContext"),
        ({"spec.volumes": {}}, "spec.volumes"),
        ({"spec.containers[0].ports": [None]}, "spec.containers[0].ports[0]"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(changes: Any, path: str) -> None:
    (finding,) = evaluate(pod(changes), "baseline")

    assert (finding.rule, str(finding.path)) == ("unreadable", path)


def test_null_is_not_set() -> None:
    holed = pod()
    holed["spec"].update(hostPID=None, securityContext=None, volumes=None, initContainers=None)
    holed["spec"]["containers"][0].update(
        securityContext={"privileged": None, "capabilities": None},
        livenessProbe={"httpGet": None},
    )
    holed["metadata"]["annotations"] = None

    assert evaluate(holed, "baseline") == ()


def test_every_control_is_at_one_of_the_two_levels_and_overrides_one_of_baseline() -> None:
    baseline = {control.id for control in CONTROLS if control.level == "baseline"}
    for control in CONTROLS:
        assert not control.overrides or (
            control.level == "restricted" and control.overrides in baseline
        )
