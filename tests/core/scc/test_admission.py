"""Which SCC a pod gets, through whom, and what is said when it gets none."""

from typing import Any

import pytest

from tests.core.samples import (
    EVERYBODY,
    FROM_NAMESPACE,
    LAX,
    ROBOT,
    STRICT,
    Granted,
    may_use,
    namespace,
    pod,
    scc,
)
from webhook.core.model.request import EVERYTHING, Access, Grants, User
from webhook.core.scc.admission import Mode, Question, Verdict, judge
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.order import in_order

ALICE = User("alice", ("devs", EVERYBODY))
REQUIRED = "metadata.annotations[openshift.io/required-scc]"
HINT = "metadata.annotations[openshift.io/scc]"
lax, strict, from_namespace = scc(**LAX), scc(**STRICT), scc(**FROM_NAMESPACE)


def asked(
    changes: dict[str, Any] | None = None,
    *sccs: Constraint,
    access: Access | None = None,
    mode: Mode = "create",
    user: User = ALICE,
    found: Any = "shop",
) -> Verdict:
    """Judge the smallest pod with some changes; everybody may use every SCC unless told otherwise."""
    question = Question(
        pod=pod(changes),
        mode=mode,
        what='pod "web"',
        user=user,
        namespace="shop",
        found=namespace() if found == "shop" else found,
        access=access or may_use(*sccs),
    )
    return judge(question, in_order(sccs))


# the choice


def test_the_first_scc_that_admits_is_chosen_and_fills_the_pod_in() -> None:
    verdict = asked({}, lax, from_namespace)

    assert verdict.scc == "from-namespace"
    assert verdict.pod == pod(
        {
            "metadata.annotations[openshift.io/scc]": "from-namespace",
            "metadata.annotations[security.openshift.io/validated-scc-subject-type]": "user",
            "spec.securityContext.supplementalGroups": [2],
            "spec.securityContext.fsGroup": 2,
            "spec.securityContext.seLinuxOptions": {"level": "s0:c1,c0"},
            "spec.containers[0].securityContext": {"runAsUser": 1, "runAsNonRoot": True},
        }
    )


def test_a_stricter_scc_that_does_not_fit_gives_way_without_a_word() -> None:
    verdict = asked(
        {"spec.containers[0].securityContext.runAsUser": 3}, strict, from_namespace, lax
    )

    assert (verdict.scc, verdict.message) == ("from-namespace", "")
    assert verdict.findings == ()
    assert [attempt.scc for attempt in verdict.attempts] == ["strict"]


EVERYWHERE = ["spec.containers[0]", "spec.initContainers[0]", "spec.ephemeralContainers[0]"]


@pytest.mark.parametrize("place", EVERYWHERE)
@pytest.mark.parametrize(
    "asks",
    [
        {"privileged": True},
        {"runAsUser": 1001},
        {"seLinuxOptions": {"level": "s1:q0,q1"}},
        {"capabilities": {"add": ["SYS_ADMIN"]}},
        {"seccompProfile": {"type": "Unconfined"}},
    ],
    ids=str,
)
def test_what_a_narrow_scc_refuses_to_a_container_is_admitted_once_a_lax_one_is_there(place, asks):
    changes = {f"{place}.securityContext": asks}

    assert asked(changes, strict, from_namespace).scc == ""
    assert asked(changes, strict, from_namespace, lax).scc == "lax"


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.hostNetwork": True},
        {"spec.hostPID": True},
        {"spec.hostIPC": True},
        {"spec.containers[0].ports": [{"containerPort": 1, "hostPort": 1}]},
        {"spec.securityContext.fsGroup": 1},
        {"spec.securityContext.supplementalGroups": [1]},
        {"spec.securityContext.seLinuxOptions": {"level": "l", "role": "r"}},
        {"spec.volumes": [{"name": "a", "hostPath": {"path": "/"}}]},
    ],
    ids=str,
)
def test_what_a_narrow_scc_refuses_to_a_pod_is_admitted_once_a_lax_one_is_there(changes):
    assert asked(changes, strict, from_namespace).scc == ""
    assert asked(changes, strict, from_namespace, lax).scc == "lax"


def test_all_containers_have_to_pass_under_the_same_scc() -> None:
    changes = {
        "spec.containers[0].securityContext.runAsUser": 1,
        "spec.containers[1]": {"name": "second", "securityContext": {"runAsUser": 2}},
    }
    one = scc("one", runAsUser={"type": "MustRunAs", "uid": 1})
    two = scc("two", runAsUser={"type": "MustRunAs", "uid": 2})

    assert asked(changes, one, two).scc == ""


def test_a_mutating_scc_is_chosen_before_a_laxer_one_that_would_change_nothing() -> None:
    assert asked({}, lax, scc("any"), from_namespace).scc == "from-namespace"


def test_what_a_client_writes_as_the_result_is_overwritten() -> None:
    subject = "metadata.annotations[security.openshift.io/validated-scc-subject-type]"
    verdict = asked({HINT: "privileged", subject: "serviceaccount"}, lax)

    assert verdict.pod["metadata"]["annotations"] == {
        "openshift.io/scc": "lax",
        "security.openshift.io/validated-scc-subject-type": "user",
    }


# who may use an SCC


class Counting:
    """RBAC that notes who it was asked about."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.asked: list[str] = []

    def grants(self, user: User, namespace: str) -> Grants:
        assert namespace == "shop"
        self.asked.append(user.name)
        return self.access.grants(user, namespace)


@pytest.mark.parametrize(
    ("fields", "table", "subject"),
    [
        ({"users": ["alice"]}, {}, "user"),
        ({"groups": ["devs"]}, {}, "user"),
        ({"groups": [EVERYBODY]}, {}, "user"),
        ({}, {"alice": ["lax"]}, "user"),
        ({}, {"devs": ["lax"]}, "user"),
        ({"users": [ROBOT]}, {}, "serviceaccount"),
        ({"groups": ["system:serviceaccounts"]}, {}, "serviceaccount"),
        ({"groups": ["system:serviceaccounts:shop"]}, {}, "serviceaccount"),
        ({}, {ROBOT: ["lax"]}, "serviceaccount"),
        ({}, {"system:serviceaccounts": ["lax"]}, "serviceaccount"),
        ({"users": ["alice", ROBOT]}, {}, "serviceaccount"),
        ({"users": ["alice"]}, {ROBOT: ["lax"]}, "serviceaccount"),
        ({"users": ["bob"]}, {"bob": ["lax"]}, None),
        ({"groups": ["system:serviceaccounts:office"]}, {"ops": ["lax"]}, None),
        ({"users": ["*", "ali*"], "groups": ["*"]}, {}, None),
        ({}, {"alice": ["lax-v2", "LAX", "*"]}, None),
        ({}, {}, None),
    ],
    ids=str,
)
def test_through_whom_an_scc_is_usable(fields, table, subject):
    usable = scc(**{**LAX, **fields})

    verdict = asked({"spec.serviceAccountName": "robot"}, usable, access=Granted(table))

    assert verdict.subject == (subject or "")
    assert verdict.scc == ("lax" if subject else "")


def test_a_pods_service_account_is_not_authenticated_for_its_groups() -> None:
    granted = Granted({EVERYBODY: ["lax"]})
    nobody = User("nobody")

    assert asked({"spec.serviceAccountName": "robot"}, lax, access=granted, user=nobody).scc == ""


def test_without_a_service_account_only_the_user_counts() -> None:
    access = Granted({"system:serviceaccounts": ["lax"]})

    assert asked({}, lax, access=access).scc == ""
    assert asked({"spec.serviceAccountName": ""}, lax, access=access).scc == ""


def test_whoever_may_use_everything_gets_the_first_scc_that_fits() -> None:
    class All:
        def grants(self, user: User, namespace: str) -> Grants:
            return EVERYTHING

    assert asked({}, lax, from_namespace, access=All()).scc == "from-namespace"


def test_rbac_is_asked_once_for_each_identity() -> None:
    access = Counting(may_use(lax))
    asked({"spec.serviceAccountName": "robot"}, strict, from_namespace, lax, access=access)
    assert access.asked == [ROBOT, "alice"]

    access = Counting(may_use(lax))
    asked({}, strict, from_namespace, lax, access=access)
    assert access.asked == ["alice"]


# candidates


def test_a_demanded_scc_is_the_only_candidate() -> None:
    assert asked({REQUIRED: "lax"}, strict, from_namespace, lax).scc == "lax"


def test_an_empty_demand_is_none() -> None:
    assert asked({REQUIRED: ""}, from_namespace, lax).scc == "from-namespace"


def test_a_demanded_scc_has_to_admit_the_pod() -> None:
    six = scc("six", runAsUser={"type": "MustRunAs", "uid": 6})
    verdict = asked({REQUIRED: "six", "spec.containers[0].securityContext.runAsUser": 5}, six, lax)

    assert [str(finding.path) for finding in verdict.findings] == [
        "spec.containers[0].securityContext.runAsUser"
    ]
    assert verdict.findings[0].allowed == "6"
    assert "lax" not in verdict.message


def test_a_demanded_scc_has_to_be_usable() -> None:
    verdict = asked({REQUIRED: "lax"}, lax, strict, access=may_use(strict))

    assert verdict.scc == ""
    assert [attempt.scc for attempt in verdict.attempts] == ["lax"]


def test_a_demanded_scc_has_to_exist() -> None:
    verdict = asked({REQUIRED: "does-not-exist"}, strict, lax)

    assert not verdict.undecided
    assert verdict.message == (
        'scc/required-scc: metadata.annotations[openshift.io/required-scc] is "does-not-exist"; '
        "allowed: the name of an SCC that exists: lax, strict. "
        "Fix: name one of them, or remove the annotation."
    )


@pytest.mark.parametrize("mode", ["create", "ephemeral", "update", "validate"])
def test_without_any_scc_nothing_can_be_decided(mode):
    verdict = asked({}, mode=mode)

    assert verdict.undecided
    assert not verdict.retry
    assert verdict.message == (
        "the policies hold no SecurityContextConstraints, so no pod can be admitted"
    )


# the second pass


def test_the_second_pass_changes_nothing_and_starts_with_the_recorded_scc() -> None:
    low = scc("low", seccompProfiles=["*"])
    high = scc("high", priority=9, **{k: v for k, v in LAX.items() if k != "metadata"})

    verdict = asked({HINT: "low"}, low, high, mode="validate")

    assert (verdict.scc, verdict.attempts) == ("low", ())
    assert verdict.pod == pod({HINT: "low"})
    assert asked({HINT: "low"}, low, high).scc == "high"


def test_the_recorded_scc_goes_first_and_the_others_keep_their_order() -> None:
    verdict = asked({HINT: "strict"}, scc("b"), scc("a"), strict, mode="validate")

    assert (verdict.scc, [one.scc for one in verdict.attempts]) == ("a", ["strict"])


def test_another_scc_than_the_recorded_one_may_confirm_a_pod() -> None:
    verdict = asked({HINT: "from-namespace"}, from_namespace, lax, mode="validate")

    assert verdict.scc == "lax"
    assert dict(verdict.audit) == {
        "chosen": "lax",
        "reason-validation": (
            'originally chosen "from-namespace" did not pass final validation after mutating '
            'admission, but "lax" did instead'
        ),
    }


def test_a_recorded_scc_that_is_gone_is_no_mistake() -> None:
    assert asked({HINT: "gone"}, lax, mode="validate").scc == "lax"


def test_the_recorded_scc_has_to_be_the_demanded_one() -> None:
    changes = {REQUIRED: "lax", HINT: "strict"}
    verdict = asked(changes, lax, strict, mode="validate")

    assert verdict.message == (
        'scc/required-scc: metadata.annotations[openshift.io/scc] is "strict"; '
        'allowed: "lax", which openshift.io/required-scc demands. '
        "Fix: let the mutating webhook choose the SCC."
    )
    assert asked({REQUIRED: "lax", HINT: "lax"}, lax, strict, mode="validate").scc == "lax"


# updates


def test_an_update_is_admitted_by_the_strictest_scc_that_changes_nothing() -> None:
    a, b = scc("a", requiredDropCapabilities=["ALL"]), scc("b")

    verdict = asked({}, a, b, lax, mode="update")

    assert (verdict.scc, verdict.subject) == ("b", "user")
    assert [(one.scc, one.findings) for one in verdict.attempts] == [("a", ())]
    assert verdict.pod["metadata"]["annotations"]["openshift.io/scc"] == "b"


def test_an_update_that_would_have_to_be_filled_in_says_which_fields() -> None:
    verdict = asked({}, from_namespace, mode="update")

    assert [str(finding.path) for finding in verdict.findings] == [
        "spec.containers[0].securityContext",
        "spec.securityContext",
    ]


def test_ephemeral_containers_are_filled_in_where_the_rest_is_as_the_scc_wants_it() -> None:
    filled = asked({}, from_namespace).pod
    debugged: Any = {
        **filled,
        "spec": {**filled["spec"], "ephemeralContainers": [{"name": "debug"}]},
    }
    question = Question(
        debugged, "ephemeral", "it", ALICE, "shop", namespace(), may_use(from_namespace)
    )

    verdict = judge(question, [from_namespace])

    assert verdict.scc == "from-namespace"
    assert verdict.pod["spec"]["ephemeralContainers"] == [
        {"name": "debug", "securityContext": {"runAsUser": 1, "runAsNonRoot": True}}
    ]
    assert verdict.pod["spec"]["containers"] == filled["spec"]["containers"]


def test_ephemeral_containers_do_not_open_the_rest_of_the_pod() -> None:
    changes = {"spec.ephemeralContainers[0]": {"name": "debug"}}

    assert asked(changes, from_namespace, mode="ephemeral").scc == ""
    assert asked(changes, from_namespace, scc("b"), lax, mode="ephemeral").scc == "b"


# what the namespace has to say


def test_a_namespace_that_is_not_known_is_a_matter_of_time() -> None:
    verdict = asked({}, lax, found=None)

    assert (verdict.undecided, verdict.retry) == (True, True)
    assert verdict.message == (
        'namespace "shop" is not known yet. '
        "Fix: try again; if it stays so, see whether the namespace exists"
    )


@pytest.mark.parametrize(
    ("annotations", "missing"),
    [
        ({"uid_range": None}, "uid-range"),
        ({"mcs": None}, "mcs"),
        ({"uid_range": None, "mcs": None}, "uid-range"),
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["create", "ephemeral", "update", "validate"])
def test_a_namespace_without_its_annotations_is_a_matter_of_time(annotations, missing, mode):
    verdict = asked({}, lax, mode=mode, found=namespace(**annotations))

    assert (verdict.undecided, verdict.retry, verdict.scc) == (True, True, "")
    assert verdict.message == (
        f'namespace "shop" has no annotation openshift.io/sa.scc.{missing} yet. '
        "Fix: try again; if it stays so, have an administrator annotate the namespace"
    )


def test_supplemental_groups_may_be_absent() -> None:
    verdict = asked({}, from_namespace, found=namespace(supplemental_groups=None))

    assert verdict.pod["spec"]["securityContext"]["supplementalGroups"] == [1]


def test_malformed_annotations_refuse_every_pod_when_a_candidate_needs_them() -> None:
    found = namespace(uid_range="foo", supplemental_groups="", mcs="s0")
    verdict = asked({}, lax, from_namespace, found=found, access=may_use(lax))

    assert (verdict.undecided, verdict.retry) == (True, False)
    assert verdict.message == (
        'namespace "shop": annotation openshift.io/sa.scc.uid-range: '
        '"foo" is neither <start>/<size> nor <start>-<end> (needed by from-namespace). '
        "Fix: have an administrator correct the annotation"
    )
    assert asked({}, lax, found=found).scc == "lax"
    assert asked({REQUIRED: "lax"}, lax, from_namespace, found=found).scc == "lax"


def test_each_malformed_annotation_is_told_once_with_those_that_need_it() -> None:
    found = namespace(uid_range="foo", mcs="")
    label = {"seLinuxContext": {"type": "MustRunAs"}}
    user = {"runAsUser": {"type": "MustRunAsRange"}}

    verdict = asked({}, scc("a", **label), scc("b", **user), scc("c", **label), found=found)

    told, fix = verdict.message.removeprefix('namespace "shop": ').split(". ")
    assert fix == "Fix: have an administrator correct the annotation"
    assert sorted(told.split("; ")) == [
        "annotation openshift.io/sa.scc.mcs is empty (needed by a, c)",
        'annotation openshift.io/sa.scc.uid-range: "foo" is neither <start>/<size> nor '
        "<start>-<end> (needed by b)",
    ]


# what is noted for the audit log


def test_the_runner_up_is_the_next_scc_that_is_usable_and_admits_the_pod() -> None:
    barred = scc("barred", requiredDropCapabilities=["KILL"])
    verdict = asked(
        {}, from_namespace, barred, strict, lax, access=may_use("from-namespace", "lax")
    )

    assert dict(verdict.audit) == {
        "denied": "strict",
        "reason": (
            '"from-namespace" is most restrictive, not denied, and chosen over "lax" '
            'because "from-namespace" forbids privileged'
        ),
    }


def test_an_scc_may_be_the_only_one() -> None:
    verdict = asked({"spec.hostPID": True}, strict, from_namespace, lax)

    assert verdict.audit["reason"] == '"lax" is the only one not too restrictive and not denied'
    assert sorted(verdict.audit) == [
        "reason",
        "too-restrictive-from-namespace",
        "too-restrictive-strict",
    ]
    assert verdict.audit["too-restrictive-strict"] == (
        "strict/host-namespaces: spec.hostPID is true; allowed: false. Fix: remove hostPID."
    )


@pytest.mark.parametrize(
    ("usable", "reason"),
    [([], "all denied"), (["strict"], "all too restrictive or denied")],
    ids=str,
)
def test_the_reason_of_a_refusal(usable, reason):
    verdict = asked({"spec.hostPID": True}, strict, lax, access=may_use(*usable))

    assert verdict.audit["reason"] == reason
    assert verdict.audit["denied"] == ",".join(
        name for name in ("strict", "lax") if name not in usable
    )


@pytest.mark.parametrize("mode", ["ephemeral", "update", "validate"])
def test_whatever_is_no_creation_notes_the_chosen_scc(mode):
    assert dict(asked({}, lax, mode=mode).audit) == {"chosen": "lax"}


# what people read

MESSAGES: list[tuple[str, dict[str, Any], str]] = [
    (
        "one objection, and a wider SCC that nobody granted",
        {"usable": ["strict"], "spec.hostPID": True},
        """\
no security context constraint (SCC) admits pod "web"; "strict" comes closest:
strict/host-namespaces: spec.hostPID is true; allowed: false. Fix: remove hostPID.
User "alice" may not use: from-namespace, lax (would admit it).""",
    ),
    (
        "several objections, in pod and containers, and a service account",
        {
            "usable": ["strict", "from-namespace"],
            "spec.serviceAccountName": "robot",
            "spec.securityContext.fsGroup": 2,
            "spec.initContainers[0]": {"name": "setup", "securityContext": {"privileged": True}},
            "spec.containers[0].securityContext.runAsUser": 3,
        },
        """\
no security context constraint (SCC) admits pod "web"; "from-namespace" comes closest:
from-namespace/privileged: spec.initContainers[0].securityContext.privileged is true; allowed: \
false. Fix: remove privileged.
Also tried: strict (3 objections).
Neither user "alice" nor service account "shop/robot" may use: lax (would admit it).""",
    ),
    (
        "nothing is usable",
        {"usable": [], "spec.serviceAccountName": "robot"},
        """\
no security context constraint (SCC) is usable for pod "web":
scc/use: spec.serviceAccountName is "robot"; allowed: a service account or a user that may use \
one of strict, from-namespace, lax. \
Fix: ask an administrator to bind one of the ClusterRoles system:openshift:scc:<name>.
Neither user "alice" nor service account "shop/robot" may use: strict (would admit it), \
from-namespace (would admit it), lax (would admit it).""",
    ),
    (
        "nothing is usable, and there is no service account",
        {"usable": [], "spec.hostPID": True},
        """\
no security context constraint (SCC) is usable for pod "web":
scc/use: spec.serviceAccountName is not set; allowed: a service account or a user that may use \
one of strict, from-namespace, lax. \
Fix: ask an administrator to bind one of the ClusterRoles system:openshift:scc:<name>.
User "alice" may not use: strict, from-namespace, lax (would admit it).""",
    ),
    (
        "an update that would have to be filled in",
        {
            "usable": ["strict"],
            "mode": "update",
            "spec.containers[0].securityContext.runAsUser": 999,
        },
        """\
no security context constraint (SCC) admits pod "web"; "strict" comes closest:
strict/unchanged: spec.containers[0].securityContext.runAsNonRoot is not set; allowed: true. \
Fix: create the pod anew, so that it is filled in; an update may not change it.
strict/unchanged: spec.securityContext is not set; allowed: {fsGroup: 999, \
supplementalGroups: [999], seLinuxOptions: {level: "s9:z0,z1"}}. \
Fix: create the pod anew, so that it is filled in; an update may not change it.
User "alice" may not use: from-namespace, lax (would admit it).""",
    ),
    (
        "more objections than anybody reads",
        {
            "usable": ["strict"],
            "spec.volumes": [{"name": f"v{i}", "nfs": {"path": "/"}} for i in range(12)],
        },
        'no security context constraint (SCC) admits pod "web"; "strict" comes closest:\n'
        + "".join(
            f'strict/volumes: spec.volumes[{i}] is "nfs"; allowed: no volume. '
            "Fix: use a volume of an allowed type, or none.\n"
            for i in range(10)
        )
        + """\
... and 2 more; `tenantgate check` lists them all.
User "alice" may not use: from-namespace (would admit it), lax (would admit it).""",
    ),
]


@pytest.mark.parametrize(
    ("given", "message"), [row[1:] for row in MESSAGES], ids=[row[0] for row in MESSAGES]
)
def test_a_refusal_reads(given, message):
    changes = {path: value for path, value in given.items() if path not in ("usable", "mode")}
    verdict = asked(
        changes,
        strict,
        from_namespace,
        lax,
        access=may_use(*given["usable"]),
        mode=given.get("mode", "create"),
    )

    assert verdict.message == message


@pytest.mark.parametrize(("number", "told"), [(9, 9), (10, 10), (11, 10), (200, 10)])
def test_at_most_ten_objections_are_told_and_the_rest_is_counted(number, told):
    volumes = [{"name": f"v{i}", "nfs": {}} for i in range(number)]
    verdict = asked({"spec.volumes": volumes}, strict)

    lines = verdict.message.splitlines()
    assert len([text for text in lines if text.startswith("strict/volumes: ")]) == told
    assert len(verdict.findings) == number
    more = f"... and {number - told} more; `tenantgate check` lists them all."
    assert (more in lines) == (number > told)


def test_of_two_sccs_equally_close_the_first_leads() -> None:
    verdict = asked({"spec.hostPID": True}, scc("b"), scc("a"))

    first, *_, last = verdict.message.splitlines()
    assert first.endswith('"a" comes closest:')
    assert last == "Also tried: b (1 objection)."
