"""What an SCC document means where it is silent."""

import copy
from typing import Any

import pytest

from tests.core.samples import SCC
from webhook.core.scc.defaulting import VOLUME_TYPES, default

BUT_HOST_PATH = [name for name in VOLUME_TYPES if name != "hostPath"]


def defaulted(**fields: Any) -> dict[str, Any]:
    return default({**SCC, **fields})


def test_there_are_thirty_types_of_volume_in_byte_order() -> None:
    assert len(set(VOLUME_TYPES)) == 30
    assert sorted(VOLUME_TYPES) == list(VOLUME_TYPES)


@pytest.mark.parametrize("absent", [{}, {"volumes": None}], ids=str)
@pytest.mark.parametrize(
    ("host_path", "expected"),
    [({"allowHostDirVolumePlugin": True}, ["*"]), ({}, BUT_HOST_PATH)],
    ids=["granted", "not granted"],
)
def test_no_list_of_volumes_is_every_type_that_is_granted(absent, host_path, expected):
    assert defaulted(**absent, **host_path)["volumes"] == expected


@pytest.mark.parametrize(
    ("volumes", "granted", "not_granted"),
    [
        ([], ["hostPath"], ["none"]),
        (["*"], ["*"], BUT_HOST_PATH),
        (["*", "hostPath"], ["*", "hostPath"], BUT_HOST_PATH),
        (["hostPath"], ["hostPath"], []),
        (["emptyDir", "hostPath"], ["emptyDir", "hostPath"], ["emptyDir"]),
        (["emptyDir"], ["emptyDir", "hostPath"], ["emptyDir"]),
        (["none"], ["hostPath", "none"], ["none"]),
        (["secret", "csi", "secret"], ["csi", "hostPath", "secret"], ["csi", "secret"]),
        (["unheardOf", "*"], ["*", "unheardOf"], sorted([*BUT_HOST_PATH, "unheardOf"])),
    ],
    ids=str,
)
def test_the_grant_of_the_nodes_files_rules_the_list_of_volumes(volumes, granted, not_granted):
    given = defaulted(volumes=volumes, allowHostDirVolumePlugin=True)
    withheld = defaulted(volumes=volumes, allowHostDirVolumePlugin=False)

    assert (given["volumes"], withheld["volumes"]) == (granted, not_granted)
    assert given["allowHostDirVolumePlugin"] is True
    assert withheld["allowHostDirVolumePlugin"] is False
    assert defaulted(volumes=volumes)["volumes"] == not_granted


@pytest.mark.parametrize(
    ("field", "silent", "meaning"),
    [
        ("fsGroup", None, {"type": "RunAsAny"}),
        ("fsGroup", {}, {"type": "RunAsAny"}),
        ("fsGroup", {"type": ""}, {"type": "RunAsAny"}),
        (
            "supplementalGroups",
            {"ranges": [{"min": 0, "max": 5}]},
            {"type": "RunAsAny", "ranges": [{"max": 5}]},
        ),
        ("users", None, []),
        ("groups", None, []),
        ("allowPrivilegeEscalation", None, True),
        ("userNamespaceLevel", None, "AllowHostLevel"),
        ("userNamespaceLevel", "", "AllowHostLevel"),
        ("priority", None, None),
        ("allowHostNetwork", None, False),
        ("readOnlyRootFilesystem", None, False),
        ("requiredDropCapabilities", None, None),
    ],
    ids=str,
)
def test_a_silent_field(field, silent, meaning):
    assert defaulted(**{field: silent})[field] == meaning
    if silent is None:
        assert defaulted()[field] == meaning


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowPrivilegeEscalation", False),
        ("userNamespaceLevel", "RequirePodLevel"),
        ("users", ["a"]),
        ("fsGroup", {"type": "MustRunAs", "ranges": [{"min": 1, "max": 5}]}),
        ("priority", 0),
        ("requiredDropCapabilities", []),
    ],
    ids=str,
)
def test_what_is_said_stays(field, value):
    assert defaulted(**{field: value})[field] == value


def test_a_strategy_that_is_mandatory_is_not_made_up() -> None:
    out = default({"metadata": {"name": "x"}})

    assert (out["runAsUser"], out["seLinuxContext"]) == ({}, {})


def test_the_argument_stays_as_it_is() -> None:
    document = {**SCC, "volumes": ["secret", "csi"], "fsGroup": {"ranges": [{"min": 0, "max": 1}]}}
    before = copy.deepcopy(document)

    default(document)

    assert document == before


@pytest.mark.parametrize("host_path", [True, False])
@pytest.mark.parametrize("volumes", [None, [], ["*"], ["hostPath"], ["none"], ["nfs", "csi"]])
def test_defaulting_twice_changes_nothing_but_what_openshift_changes_too(volumes, host_path):
    once = defaulted(volumes=volumes, allowHostDirVolumePlugin=host_path)

    if once["volumes"]:  # an emptied list reads as "none" the second time
        assert default(once) == once
    else:
        assert default(once)["volumes"] == ["none"]
