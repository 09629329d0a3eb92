"""In which order SCCs are tried, and what is said of it."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from tests.core.samples import scc
from webhook.core.scc.constraint import Constraint, RunAsUser, SELinux
from webhook.core.scc.order import in_order, reason, score
from webhook.store import load

STRATEGIES = 80_000
CAPABILITIES = 5_000
PLAIN = STRATEGIES + CAPABILITIES  # `scc()` allows any user and any label


def bare(**fields: Any) -> Constraint:
    """Return an SCC that lists no volume, so that its other fields alone give the points."""
    return scc(**{"volumes": [], **fields})


def names(*sccs: Constraint) -> list[str]:
    return [one.name for one in in_order(sccs)]


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"allowPrivilegedContainer": True}, 1_600_000),
        ({"allowHostPorts": True}, 800_000),
        ({"allowHostNetwork": True}, 400_000),
        ({"allowHostPID": True, "allowHostIPC": True}, 0),
        ({"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False}, 0),
        ({"seccompProfiles": ["*"], "allowedUnsafeSysctls": ["*"]}, 0),
        ({"userNamespaceLevel": "RequirePodLevel", "users": ["a"], "groups": ["b"]}, 0),
        ({"fsGroup": {"type": "MustRunAs"}, "supplementalGroups": {"type": "MustRunAs"}}, 0),
        ({"seLinuxContext": {"type": "MustRunAs"}}, -30_000),
        ({"runAsUser": {"type": "MustRunAsNonRoot"}}, -10_000),
        ({"runAsUser": {"type": "MustRunAsRange"}}, -20_000),
        ({"runAsUser": {"type": "MustRunAs", "uid": 1}}, -30_000),
    ],
)
def test_the_score_of_a_grant(fields, points):
    assert score(bare(**fields)) == PLAIN + points


@pytest.mark.parametrize(
    ("volumes", "points"),
    [
        (["*"], 200_000),
        (["hostPath"], 200_000),
        (["hostPath", "emptyDir", "nfs"], 200_000),
        (["*", "hostPath"], 200_000),
        (["awsElasticBlockStore"], 100_000),
        (["awsElasticBlockStore", "secret"], 100_000),
        (["persistentVolumeClaim"], 100_000),
        (["unheardOf"], 100_000),
        *(
            ([name], 0)
            for name in ("secret", "configMap", "emptyDir", "downwardAPI", "projected", "none")
        ),
        (["secret", "configMap", "emptyDir", "downwardAPI", "projected"], 0),
        ([], 0),
    ],
    ids=str,
)
def test_the_score_of_volumes_counts_the_worst_once(volumes, points):
    assert score(replace(bare(), volumes=frozenset(volumes))) == PLAIN + points


@pytest.mark.parametrize(
    ("add", "allowed", "drop", "points"),
    [
        ([], [], [], 5000),
        (["a", "b"], [], [], 5600),
        ([], ["a", "b"], [], 5020),
        ([], ["a", "a"], [], 5020),
        ([], ["*"], [], 9000),
        ([], ["ALL"], [], 9000),
        ([], ["All", "a"], [], 9000),
        ([], [], ["a", "b"], 4900),
        ([], [], ["a", "a"], 4900),
        ([], [], ["ALL"], 2000),
        ([], [], ["all", "a"], 2000),
        ([], [], ["*"], 4950),
        (["a", "b"], ["*"], ["c"], 9550),
        (["a"] * 30, ["*"], [], 9999),
        ([], [], ["a"] * 200, 0),
    ],
    ids=str,
)
def test_the_score_of_capabilities(add, allowed, drop, points):
    constraint = replace(
        bare(),
        default_add_capabilities=tuple(add),
        allowed_capabilities=tuple(allowed),
        required_drop_capabilities=tuple(drop),
    )

    assert score(constraint) == STRATEGIES + points


def test_a_strategy_that_nobody_knows_scores_nothing() -> None:
    strange = replace(bare(), run_as_user=RunAsUser("Strange"), se_linux=SELinux(""))

    assert score(strange) == CAPABILITIES


def test_priority_comes_first() -> None:
    sccs = [replace(scc(f"p{n}"), priority=n) for n in (2, -1, 100, 1, 3)]

    assert names(*sccs) == ["p100", "p3", "p2", "p1", "p-1"]


def test_an_absent_priority_is_zero() -> None:
    assert names(scc("b", priority=0), scc("a"), scc("c", priority=1)) == ["c", "a", "b"]


def test_priority_beats_every_score() -> None:
    lax = scc("lax", priority=5, allowPrivilegedContainer=True)
    strict = scc("strict", priority=1, requiredDropCapabilities=["ALL"])

    assert names(strict, lax) == ["lax", "strict"]


def test_with_equal_priority_the_stricter_comes_first() -> None:
    privileged = scc("a-privileged", allowPrivilegedContainer=True)
    host_files = scc("b-host-files", allowHostDirVolumePlugin=True)
    plain = scc("c-plain")

    for some in permutations([privileged, host_files, plain]):
        assert names(*some) == ["c-plain", "b-host-files", "a-privileged"]


def test_with_equal_score_the_name_decides_by_bytes() -> None:
    sccs = [scc(name) for name in ("e", "d", "a", "c", "b", "a-1", "a.1")]

    assert names(*sccs) == ["a", "a-1", "a.1", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"priority": 1, "allowPrivilegedContainer": True}, {}, "has higher priority"),
        ({}, {"allowPrivilegedContainer": True}, "forbids privileged"),
        ({}, {"allowHostPorts": True}, "forbids host ports"),
        ({}, {"allowHostNetwork": True}, "forbids host networking"),
        ({}, {"allowHostDirVolumePlugin": True}, "forbids host volume mounts"),
        ({"volumes": ["secret"]}, {"volumes": ["nfs"]}, "forbids non-trivial volume mounts"),
        ({"runAsUser": {"type": "MustRunAsNonRoot"}}, {}, "permits less runAs strategies"),
        ({"seLinuxContext": {"type": "MustRunAs"}}, {}, "permits less runAs strategies"),
        ({"requiredDropCapabilities": ["ALL"]}, {}, "permits less capabilities"),
        ({}, {}, "ordered by name"),
        ({}, {"allowHostPID": True}, "ordered by name"),
        (
            {"allowPrivilegedContainer": True},
            {"allowPrivilegedContainer": True, "allowHostNetwork": True},
            "forbids host networking",
        ),
        (
            {"allowHostPorts": True, "allowHostNetwork": True},
            {"allowPrivilegedContainer": True},
            "forbids privileged",
        ),
        (
            {"allowHostPorts": True, "volumes": ["secret"]},
            {"allowHostPorts": True, "volumes": ["nfs"]},
            "forbids non-trivial volume mounts",
        ),
    ],
    ids=str,
)
def test_the_reason_names_the_first_difference_that_weighs(first, second, said):
    a, b = scc("a", **first), scc("b", **second)

    assert names(b, a) == ["a", "b"]
    assert reason(a, b) == said


SHIPPED = {
    "anyuid": 154950,
    "restricted-v2": 132010,
    "restricted-v3": 132010,
    "restricted": 134800,
    "nested-container": 135020,
    "nonroot-v2": 142010,
    "nonroot": 144800,
    "hostmount-anyuid": 254950,
    "hostmount-anyuid-v2": 284950,
    "hostnetwork-v2": 1332010,
    "hostnetwork": 1334800,
    "hostaccess": 1434800,
    "privileged": 3089000,
}
"""OpenShift's thirteen in the order in which it tries them, with its scores."""


def test_the_shipped_sccs_stand_in_openshifts_order_with_its_scores() -> None:
    sccs = load().sccs

    assert {one.name: score(one) for one in sccs} == SHIPPED
    assert [one.name for one in sccs] == list(SHIPPED)
    assert [one.name for one in sccs if one.priority] == ["anyuid"]
