"""Which Pod Security level constraints amount to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.core.model.ranges import RangeError
from webhook.core.model.request import EVERYTHING, Grants, User
from webhook.core.pss.sync import SyncError, level_of, namespace_level
from webhook.core.scc.defaulting import default

FOLDER = Path(__file__).parents[3] / "policies" / "scc"
BUILTIN: Mapping[str, Any] = {
    path.stem: default(yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))
}
RANGE = {"openshift.io/sa.scc.uid-range": "1000/10"}
STRICT = BUILTIN["restricted-v2"]


def changed(**fields: Any) -> Any:
    return {**STRICT, **fields}


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("restricted-v2", "restricted"),
        ("restricted-v3", "restricted"),
        ("nonroot-v2", "restricted"),
        ("restricted", "baseline"),
        ("nonroot", "baseline"),
        ("anyuid", "baseline"),
        ("hostaccess", "privileged"),
        ("hostmount-anyuid", "privileged"),
        ("hostmount-anyuid-v2", "privileged"),
        ("hostnetwork", "privileged"),
        ("hostnetwork-v2", "privileged"),
        ("nested-container", "privileged"),
        ("privileged", "privileged"),
    ],
)
def test_built_in_constraints(name: str, level: str) -> None:
    assert level_of(BUILTIN[name], RANGE) == level


def test_every_built_in_constraint_has_a_level() -> None:
    assert len(BUILTIN) == 13


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({}, "restricted"),
        ({"allowHostDirVolumePlugin": True}, "privileged"),
        ({"allowHostIPC": True}, "privileged"),
        ({"allowHostNetwork": True}, "privileged"),
        ({"allowHostPID": True}, "privileged"),
        ({"allowHostPorts": True}, "privileged"),
        ({"allowPrivilegedContainer": True}, "privileged"),
        ({"allowPrivilegeEscalation": None}, "baseline"),
        ({"allowPrivilegeEscalation": True}, "baseline"),
        ({"allowedCapabilities": None}, "restricted"),
        ({"allowedCapabilities": ["CHOWN"]}, "baseline"),
        ({"allowedCapabilities": ["NET_RAW"]}, "privileged"),
        ({"allowedCapabilities": ["*"]}, "privileged"),
        ({"requiredDropCapabilities": ["KILL"]}, "baseline"),
        ({"defaultAddCapabilities": ["SYS_ADMIN"]}, "restricted"),
        ({"allowedUnsafeSysctls": ["net.ipv4.tcp_syncookies"]}, "restricted"),
        ({"allowedUnsafeSysctls": ["net.ipv4.tcp_rmem"]}, "privileged"),
        ({"volumes": []}, "restricted"),
        ({"volumes": ["secret", "image", "nfs"]}, "baseline"),
        ({"volumes": ["nfs", "hostPath"]}, "privileged"),
        ({"volumes": ["*"]}, "privileged"),
        ({"seLinuxContext": {"type": "RunAsAny"}}, "privileged"),
        (
            {
                "seLinuxContext": {
                    "type": "MustRunAs",
                    "seLinuxOptions": {"type": "container_kvm_t"},
                }
            },
            "restricted",
        ),
        (
            {"seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"type": "spc_t"}}},
            "privileged",
        ),
        ({"seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"user": "u"}}}, "privileged"),
        ({"seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"role": "r"}}}, "privileged"),
        ({"seccompProfiles": []}, "baseline"),
        ({"seccompProfiles": ["docker/default", "localhost/a"]}, "restricted"),
        ({"seccompProfiles": ["runtime/default", "unconfined"]}, "privileged"),
        ({"seccompProfiles": ["*"]}, "privileged"),
        ({"runAsUser": {"type": "RunAsAny"}}, "baseline"),
        ({"runAsUser": {"type": "MustRunAsNonRoot"}}, "restricted"),
        ({"runAsUser": {"type": "MustRunAs"}}, "baseline"),
        ({"runAsUser": {"type": "MustRunAs", "uid": 0}}, "baseline"),
        ({"runAsUser": {"type": "MustRunAs", "uid": 5}}, "restricted"),
        (
            {"runAsUser": {"type": "MustRunAsRange", "uidRangeMin": 0, "uidRangeMax": 9}},
            "baseline",
        ),
        (
            {"runAsUser": {"type": "MustRunAsRange", "uidRangeMin": 1, "uidRangeMax": 9}},
            "restricted",
        ),
        ({"runAsUser": {"type": "MustRunAsRange", "uidRangeMin": 0}}, "restricted"),
        # The worst of all parts wins.
        ({"seccompProfiles": [], "allowHostPID": True}, "privileged"),
    ],
    ids=str,
)
def test_parts_of_a_constraint(fields: dict[str, Any], level: str) -> None:
    assert level_of(changed(**fields), RANGE) == level


def test_a_namespace_whose_range_begins_with_root() -> None:
    assert level_of(STRICT, {"openshift.io/sa.scc.uid-range": "0/10"}) == "baseline"


@pytest.mark.parametrize("annotations", [{}, {"openshift.io/sa.scc.uid-range": "all"}])
def test_a_range_that_is_needed_has_to_be_there(annotations: dict[str, str]) -> None:
    with pytest.raises(RangeError, match=r"openshift\.io/sa\.scc\.uid-range"):
        level_of(STRICT, annotations)


def test_a_volume_type_of_no_known_level() -> None:
    with pytest.raises(SyncError, match='SCC "restricted-v2" allows volumes of type "tape"'):
        level_of(changed(volumes=["tape"]), RANGE)


def level(accounts: list[str], grants: dict[str, list[str]] | None = None, **own: Any) -> Any:
    table = grants or {}

    def granted(user: User) -> Grants:
        return frozenset(name for who in (user.name, *user.groups) for name in table.get(who, ()))

    sccs = [{**BUILTIN[name], **own.get(name.replace("-", "_"), {})} for name in BUILTIN]
    return namespace_level("shop", RANGE, accounts, sccs, granted)


ROBOT = "system:serviceaccount:shop:robot"


def test_a_namespace_gets_the_laxest_level_that_one_of_its_accounts_may_use() -> None:
    everybody = {"system:authenticated": ["restricted-v2"]}

    assert level(["default"], everybody) == "restricted"
    assert level(["default"], everybody | {ROBOT: ["anyuid"]}) == "restricted"
    assert level(["default", "robot"], everybody | {ROBOT: ["anyuid"]}) == "baseline"
    assert level(["default", "robot"], everybody | {ROBOT: ["hostnetwork"]}) == "privileged"


@pytest.mark.parametrize(
    "fields",
    [
        {"users": [ROBOT]},
        {"groups": ["system:serviceaccounts"]},
        {"groups": ["system:serviceaccounts:shop"]},
        {"groups": ["system:authenticated"]},
    ],
    ids=str,
)
def test_those_whom_a_constraint_lists_may_use_it(fields: dict[str, Any]) -> None:
    assert level(["robot"], anyuid=fields) == "baseline"
    assert level([], anyuid=fields) is None


def test_without_any_usable_constraint_there_is_no_level() -> None:
    assert level(["robot"]) is None


def test_who_may_use_everything_may_do_everything() -> None:
    found = namespace_level("shop", RANGE, ["a"], BUILTIN.values(), lambda user: EVERYTHING)

    assert found == "privileged"
