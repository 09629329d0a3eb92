"""Which SCC documents are refused, at which field, and what would be allowed there."""

from typing import Any

import pytest

from tests.core.samples import SCC
from webhook.core.model.finding import UNSET
from webhook.core.scc.defaulting import default
from webhook.core.scc.document import read_scc
from webhook.core.scc.validation import problems, unusable

ONE_RANGE = {"type": "MustRunAs", "ranges": [{"min": 1, "max": 2}]}


def refused(**fields: Any) -> list[tuple[str, Any]]:
    return [
        (str(problem.path), problem.observed) for problem in problems(default({**SCC, **fields}))
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"priority": 0},
        {"priority": None},
        {"runAsUser": {"type": "MustRunAs", "uid": 0}},
        {"runAsUser": {"type": "MustRunAsRange", "uidRangeMin": 9, "uidRangeMax": 1}},
        {"runAsUser": {"type": "MustRunAsRange", "uidRangeMin": -9, "uidRangeMax": -1}},
        {"runAsUser": {"type": "MustRunAsNonRoot"}},
        {"fsGroup": ONE_RANGE, "supplementalGroups": ONE_RANGE},
        {"fsGroup": {"type": "MustRunAs", "ranges": [{"max": 5}, {}]}},
        {"defaultAddCapabilities": ["foo"], "requiredDropCapabilities": ["FOO"]},
        {"allowedCapabilities": ["*"], "requiredDropCapabilities": []},
        {"allowedCapabilities": ["ALL"], "requiredDropCapabilities": ["KILL"]},
        {"defaultAllowPrivilegeEscalation": True},
        {"defaultAllowPrivilegeEscalation": False, "allowPrivilegeEscalation": False},
        {"volumes": ["none"]},
        {"volumes": ["unheardOf"]},
        {"volumes": ["flexVolume"], "allowedFlexVolumes": [{"driver": "example/foo"}]},
        {
            "volumes": ["*"],
            "allowHostDirVolumePlugin": True,
            "allowedFlexVolumes": [{"driver": "example/foo"}],
        },
        {"seccompProfiles": ["whatever", "*", ""]},
        {"allowedUnsafeSysctls": ["*"]},
        {"allowedUnsafeSysctls": ["kernel.sem", "net.*"], "forbiddenSysctls": ["kernel.shm*"]},
        {"allowedUnsafeSysctls": ["a" * 253]},
        {"metadata": {"name": "a.b-c.0"}},
        {"metadata": {"name": "a" * 253}},
    ],
    ids=str,
)
def test_a_valid_document(fields):
    assert refused(**fields) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"metadata": {}}, [("metadata.name", UNSET)]),
        ({"metadata": {"name": ""}}, [("metadata.name", UNSET)]),
        ({"metadata": {"name": "Loud"}}, [("metadata.name", "Loud")]),
        ({"metadata": {"name": "-a"}}, [("metadata.name", "-a")]),
        ({"metadata": {"name": "a..b"}}, [("metadata.name", "a..b")]),
        ({"metadata": {"name": "a\n"}}, [("metadata.name", "a\n")]),
        ({"metadata": {"name": "a" * 254}}, [("metadata.name", "a" * 254)]),
        ({"priority": -1}, [("priority", -1)]),
        ({"runAsUser": None}, [("runAsUser.type", UNSET)]),
        ({"runAsUser": {"type": "mustRunAs"}}, [("runAsUser.type", "mustRunAs")]),
        ({"runAsUser": {"type": "RunAsAny", "uid": -1}}, [("runAsUser.uid", -1)]),
        ({"seLinuxContext": None}, [("seLinuxContext.type", UNSET)]),
        ({"seLinuxContext": {"type": "MustRunAsRange"}}, [("seLinuxContext.type", "MustRunAsRange")]),
        ({"fsGroup": {"type": "Any"}}, [("fsGroup.type", "Any")]),
        ({"supplementalGroups": {"type": "Any"}}, [("supplementalGroups.type", "Any")]),
        (
            {"fsGroup": {"type": "MustRunAs", "ranges": [{"min": 1, "max": 2}, {"min": 4, "max": 3}]}},
            [("fsGroup.ranges[1].min", 4)],
        ),
        (
            {"supplementalGroups": {"type": "MustRunAs", "ranges": [{"min": -5, "max": -6}]}},
            [
                ("supplementalGroups.ranges[0].min", -5),
                ("supplementalGroups.ranges[0].max", -6),
                ("supplementalGroups.ranges[0].min", -5),
            ],
        ),
        ({"fsGroup": {"type": "MustRunAs", "ranges": [{"min": 1}]}}, [("fsGroup.ranges[0].min", 1)]),
        (
            {"defaultAddCapabilities": ["foo", "bar"], "requiredDropCapabilities": ["foo", "bar"]},
            [("defaultAddCapabilities", "foo"), ("defaultAddCapabilities", "bar")],
        ),
        (
            {"allowedCapabilities": ["foo"], "requiredDropCapabilities": ["foo"]},
            [("allowedCapabilities", "foo")],
        ),
        (
            {"allowedCapabilities": ["*"], "requiredDropCapabilities": ["foo"]},
            [("requiredDropCapabilities", ["foo"])],
        ),
        (
            {"allowPrivilegeEscalation": False, "defaultAllowPrivilegeEscalation": True},
            [("defaultAllowPrivilegeEscalation", True)],
        ),
        ({"volumes": ["none", "csi"]}, [("volumes", ["csi", "none"])]),
        (
            {"volumes": ["none"], "allowHostDirVolumePlugin": True},
            [("volumes", ["hostPath", "none"])],
        ),
        (
            {"volumes": ["csi"], "allowedFlexVolumes": [{"driver": "example/foo"}]},
            [("allowedFlexVolumes", [{"driver": "example/foo"}])],
        ),
        (
            {"volumes": ["flexVolume"], "allowedFlexVolumes": [{"driver": "x"}, {}]},
            [("allowedFlexVolumes[1].driver", UNSET)],
        ),
        ({"allowedUnsafeSysctls": [""]}, [("allowedUnsafeSysctls[0]", "")]),
        ({"forbiddenSysctls": ["a.*.b"]}, [("forbiddenSysctls[0]", "a.*.b")]),
        ({"forbiddenSysctls": ["a/b"]}, [("forbiddenSysctls[0]", "a/b")]),
        ({"forbiddenSysctls": ["a" * 254]}, [("forbiddenSysctls[0]", "a" * 254)]),
        ({"allowedUnsafeSysctls": ["Loud", "ok"]}, [("allowedUnsafeSysctls[0]", "Loud")]),
        ({"forbiddenSysctls": ["*", "a"]}, [("forbiddenSysctls.items", ["*", "a"])]),
        ({"allowedUnsafeSysctls": ["a", "*"]}, [("allowedUnsafeSysctls.items", ["a", "*"])]),
    ],
    ids=str,
)  # fmt: skip
def test_an_invalid_document(fields, expected):
    assert refused(**fields) == expected


@pytest.mark.parametrize(
    ("allowed", "forbidden", "expected"),
    [
        (["a.b"], ["a.b"], ["allowedUnsafeSysctls[0]"]),
        (["a.b"], ["a.c"], []),
        (["a.b"], ["a.*"], ["allowedUnsafeSysctls[0]"]),
        (["a.*"], ["a.b"], ["forbiddenSysctls[0]"]),
        (["a.*"], ["a"], []),
        (["a.b.*"], ["a.*"], ["allowedUnsafeSysctls[0]"]),
        (["a.*"], ["a.b.*"], ["forbiddenSysctls[0]"]),
        (["a.*"], ["b.*"], []),
        (["*"], ["a"], ["forbiddenSysctls[0]"]),
        (
            ["kernel.shmmax", "net.ipv4.ip_local_port_range"],
            ["kernel.*", "net.ipv4.ip_local_port_range"],
            ["allowedUnsafeSysctls[0]", "allowedUnsafeSysctls[1]"],
        ),
    ],
    ids=str,
)
def test_a_sysctl_cannot_be_allowed_and_forbidden(allowed, forbidden, expected):
    found = refused(allowedUnsafeSysctls=allowed, forbiddenSysctls=forbidden)

    assert [path for path, _ in found] == expected


@pytest.mark.parametrize(
    ("user", "path"),
    [
        ({"type": "MustRunAs"}, "runAsUser.uid"),
        ({"type": "MustRunAsRange", "uidRangeMin": 5}, "runAsUser.uidRangeMax"),
        ({"type": "MustRunAsRange", "uidRangeMax": 5}, "runAsUser.uidRangeMin"),
    ],
    ids=str,
)
def test_what_openshift_accepts_but_could_never_evaluate(user, path):
    document = default({**SCC, "runAsUser": user})

    assert problems(document) == []
    assert [str(problem.path) for problem in unusable(document)] == [path]


@pytest.mark.parametrize("user", [{"type": "MustRunAs", "uid": 0}, {"type": "MustRunAsRange"},
                                  {"type": "MustRunAsRange", "uidRangeMin": 0, "uidRangeMax": 0},
                                  {"type": "RunAsAny"}], ids=str)  # fmt: skip
def test_what_can_be_evaluated(user):
    assert unusable(default({**SCC, "runAsUser": user})) == []


def test_every_problem_of_a_document_is_told_at_once() -> None:
    found = refused(
        metadata={"name": "Loud"},
        priority=-1,
        runAsUser={"type": "Any", "uid": -5},
        seLinuxContext={},
        fsGroup={"type": "Any"},
        volumes=["none", "csi"],
        forbiddenSysctls=[""],
    )

    assert [path for path, _ in found] == [
        "metadata.name",
        "priority",
        "runAsUser.type",
        "runAsUser.uid",
        "seLinuxContext.type",
        "fsGroup.type",
        "volumes",
        "forbiddenSysctls[0]",
    ]


def test_a_problem_says_what_is_allowed_and_how_to_mend_it() -> None:
    _, mistakes, _ = read_scc({**SCC, "runAsUser": {"type": "MustRunAsRang"}, "priority": -1})

    assert [mistake.message for mistake in mistakes] == [
        "priority is -1; allowed: 0 or more. Fix: raise the priorities of the others instead.",
        'runAsUser.type is "MustRunAsRang"; allowed: MustRunAs, MustRunAsNonRoot, MustRunAsRange, '
        "RunAsAny. Fix: use one of them; case counts.",
    ]


def test_an_empty_sysctl_is_told_as_one() -> None:
    (problem,) = problems(default({**SCC, "forbiddenSysctls": [""]}))

    assert (problem.allowed, problem.fix) == ("a sysctl's name", "remove the empty entry")
