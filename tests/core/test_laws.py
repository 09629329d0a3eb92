"""What holds for every pod, every set of SCCs, every namespace and every grant.

The namespaces are well-formed: their annotations are there, and their blocks hold at least one id.
Where they are not, two of the laws need not hold, on OpenShift as here. An SCC that cannot be
completed refuses every pod, so taking it away admits some. And from an empty block an SCC may fill
in a group that it then refuses itself; once another SCC has filled the pod in, it may admit it.
"""

import copy
from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import Any, cast

import jsonpatch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.core.samples import (
    ALICE,
    EVERYBODY,
    GROUPS,
    LAX,
    MCS,
    ROBOT,
    SCC,
    UID_RANGE,
    Granted,
    changed,
    facts,
    pod,
    policies,
    request,
    scc,
)
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import Namespace
from webhook.core.model.shapes import pod as shaped
from webhook.core.model.walk import KINDS
from webhook.core.scc.constraint import Constraint, complete, namespace_values
from webhook.core.scc.document import read_scc
from webhook.core.scc.evaluate import admits, fill, objections
from webhook.core.scc.order import in_order, reason, score

ONE_BY_ONE = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
POD_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"

# Few tweaks of a plain pod, and few of an SCC that allows everything or nothing: so they often meet.

IDS = (0, 1, 2, 5)
YES_NO = (True, False)
CAPABILITIES: tuple[list[str], ...] = (
    [],
    ["ALL"],
    ["KILL", "kill"],
    ["NET_BIND_SERVICE", "KILL"],
    ["CAP_SYS_ADMIN"],
)
LABELS: tuple[dict[str, str], ...] = (
    {},
    {"level": "s0:c0,c1"},
    {"level": "s1:c1,c0"},
    {"level": "s0:c1,c0", "type": "spc_t"},
)
PROFILES = ("runtime/default", "docker/default", "unconfined", "localhost/a", "foo")
SECCOMP_FIELDS = (
    {"type": "RuntimeDefault"},
    {"type": "Unconfined"},
    {"type": "Localhost", "localhostProfile": "a"},
    {"type": "Localhost"},
)
SYSCTLS = ("kernel.shm_rmid_forced", "kernel.sem")
OWN = {"type": "MustRunAs", "ranges": [{"min": 1, "max": 3}, {"max": 0}]}
GROUP_STRATEGIES = ({"type": "RunAsAny"}, {"type": "MustRunAs"}, OWN)

CONTEXT: dict[str, tuple[Any, ...]] = {
    "runAsUser": IDS,
    "runAsNonRoot": YES_NO,
    "privileged": YES_NO,
    "allowPrivilegeEscalation": YES_NO,
    "readOnlyRootFilesystem": YES_NO,
    "capabilities.add": CAPABILITIES,
    "capabilities.drop": CAPABILITIES,
    "capabilities": ({}, {"add": None}),
    "seLinuxOptions": LABELS,
    "seccompProfile": SECCOMP_FIELDS,
}
PLACES = ("containers[0]", "containers[1]", "initContainers[0]", "ephemeralContainers[0]")
TWEAKS: dict[str, tuple[Any, ...]] = {
    **{f"spec.{place}": ({"name": "extra"},) for place in PLACES[1:]},
    **{f"spec.{place}.securityContext": ({}, {"runAsUser": None}) for place in PLACES},
    **{
        f"spec.{place}.securityContext.{field}": values
        for place in PLACES
        for field, values in CONTEXT.items()
    },
    "spec.containers[0].ports": ([{"containerPort": 80, "hostPort": 80}],),
    "spec.hostNetwork": YES_NO,
    "spec.hostUsers": YES_NO,
    "spec.serviceAccountName": ("robot",),
    "spec.securityContext": ({}, {"fsGroup": None}),
    "spec.securityContext.runAsUser": IDS,
    "spec.securityContext.runAsNonRoot": YES_NO,
    "spec.securityContext.fsGroup": IDS,
    "spec.securityContext.supplementalGroups": ([], [1], [2, 5]),
    "spec.securityContext.seLinuxOptions": LABELS,
    "spec.securityContext.seccompProfile": SECCOMP_FIELDS,
    "spec.securityContext.sysctls": tuple([{"name": name}] for name in SYSCTLS),
    "spec.volumes": (
        [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}],
        [{"name": "a", "projected": {"sources": []}}],
    ),
    "metadata.annotations": ({}, {"note": None}),
    "metadata.annotations.note": ("~/",),
    "metadata.annotations[openshift.io/scc]": ("a", "gone"),
    f"metadata.annotations[{POD_SECCOMP}]": (*PROFILES, ""),
    f"metadata.annotations[{CONTAINER_SECCOMP}app]": (*PROFILES, ""),
    f"metadata.annotations[{CONTAINER_SECCOMP}extra]": PROFILES,
}
NARROWINGS: dict[str, tuple[Any, ...]] = {
    "priority": (1, 2),
    "allowPrivilegedContainer": YES_NO,
    "allowHostDirVolumePlugin": YES_NO,
    "allowHostNetwork": YES_NO,
    "allowHostPorts": YES_NO,
    "userNamespaceLevel": ("RequirePodLevel",),
    "allowPrivilegeEscalation": YES_NO,
    "defaultAllowPrivilegeEscalation": YES_NO,
    "readOnlyRootFilesystem": YES_NO,
    "defaultAddCapabilities": CAPABILITIES,
    "requiredDropCapabilities": CAPABILITIES,
    "allowedCapabilities": (*CAPABILITIES, ["*"]),
    "volumes": ([], ["*"], ["emptyDir", "secret"], ["hostPath"]),
    "fsGroup": GROUP_STRATEGIES,
    "supplementalGroups": GROUP_STRATEGIES,
    "seccompProfiles": ([], ["*"], *([name] for name in PROFILES), ["*", "unconfined"]),
    "allowedUnsafeSysctls": (["*"], ["kernel.sem"]),
    "forbiddenSysctls": (["kernel.shm_*"],),
    "users": (["alice"], [ROBOT]),
    "groups": (["devs"], ["system:serviceaccounts"]),
    "seLinuxContext": (
        {"type": "RunAsAny"},
        {"type": "MustRunAs"},
        {"type": "MustRunAs", "seLinuxOptions": {"type": "spc_t"}},
    ),
    "runAsUser": (
        {"type": "RunAsAny"},
        {"type": "MustRunAsNonRoot"},
        {"type": "MustRunAsRange"},
        {"type": "MustRunAsRange", "uidRangeMin": 0, "uidRangeMax": 2},
        {"type": "MustRunAs", "uid": 1},
    ),
}


def choices(table: dict[str, tuple[Any, ...]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return a few keys of a table, each with one of its values; parents come before children."""
    pairs = st.sampled_from([(key, value) for key, values in table.items() for value in values])
    return st.lists(pairs, max_size=most).map(lambda drawn: dict(sorted(drawn, key=_key)))


def _key(pair: tuple[str, Any]) -> str:
    return pair[0]


PODS = choices(TWEAKS, 6).map(pod)
DEBUGS = choices({f"securityContext.{field}": values for field, values in CONTEXT.items()}, 2).map(
    lambda tweaks: changed({"name": "debug"}, tweaks)
)


def _built(name: str, base: dict[str, Any], fields: dict[str, Any]) -> Constraint | None:
    return read_scc({**SCC, **base, **fields, "metadata": {"name": name}})[0]


def sccs(name: str = "a") -> st.SearchStrategy[Constraint]:
    built = st.builds(
        _built, st.just(name), st.sampled_from([LAX, LAX, {}]), choices(NARROWINGS, 5)
    )
    return cast(st.SearchStrategy[Constraint], built.filter(lambda scc: scc is not None))


@st.composite
def namespaces(draw: st.DrawFn) -> Namespace:
    blocks = st.builds("{}/{}".format, st.integers(0, 2), st.integers(1, 5))
    annotations = {UID_RANGE: draw(blocks), MCS: draw(st.sampled_from(["s0:c1,c0", "s1:c1,c0"]))}
    if draw(st.booleans()):
        annotations[GROUPS] = ",".join(draw(st.lists(blocks, min_size=1, max_size=2)))
    return Namespace("shop", {}, annotations)


NAMES = ("a", "b", "c", "d")
SETS = st.integers(1, 4).flatmap(lambda number: st.tuples(*(sccs(name) for name in NAMES[:number])))
GRANTS = st.dictionaries(
    st.sampled_from([EVERYBODY, "alice", ROBOT, "system:serviceaccounts"]),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    min_size=1,
    max_size=3,
)
Table = dict[str, list[str]]


def asked(
    sent: Any, some: Sequence[Constraint], grants: Table, where: Namespace, **more: Any
) -> Decision:
    return decide(request(sent, **more), facts(Granted(grants), namespace=where), policies(*some))


def applied(decision: Decision, sent: Any) -> Any:
    return jsonpatch.apply_patch(sent, [dict(operation) for operation in decision.patch])


# laws of a decision


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces())
def test_the_patch_applied_to_what_was_sent_gives_what_was_decided(sent, some, grants, where):
    before = copy.deepcopy(sent)

    decision = asked(sent, some, grants, where)

    assert sent == before
    if decision.allowed:
        assert shaped(applied(decision, sent)) == decision.object
    else:
        assert (decision.patch, decision.object) == ((), sent)


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces())
def test_whatever_the_first_pass_made_of_a_pod_the_second_accepts(sent, some, grants, where):
    first = asked(sent, some, grants, where)
    assume(first.allowed)

    second = asked(applied(first, sent), some, grants, where, phase="validate")

    assert (second.allowed, second.scc, second.patch) == (True, first.scc, ())


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces())
def test_mutating_twice_chooses_the_same_scc_and_changes_nothing(sent, some, grants, where):
    first = asked(sent, some, grants, where)
    assume(first.allowed)

    again = asked(applied(first, sent), some, grants, where)

    assert (again.allowed, again.scc, again.subject) == (True, first.scc, first.subject)
    assert again.patch == ()


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces(), added=DEBUGS)
def test_an_update_is_mutated_and_validated_alike(sent, some, grants, where, added):
    created = asked(sent, some, grants, where)
    assume(created.allowed)
    old: Any = applied(created, sent)
    spec = old["spec"]
    debugs = [*spec.get("ephemeralContainers", ()), added]
    new = {**old, "spec": {**spec, "ephemeralContainers": debugs}}

    for subresource in ("ephemeralcontainers", ""):
        update = {"operation": "UPDATE", "old": old, "subresource": subresource}
        first = asked(new, some, grants, where, **update)
        if first.allowed:
            made = applied(first, new)
            assert shaped(made)["spec"]["containers"] == shaped(old)["spec"]["containers"]
            assert asked(made, some, grants, where, phase="validate", **update).allowed
            assert asked(made, some, grants, where, **update).patch == ()


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces(), data=st.data())
def test_taking_an_scc_away_never_admits_what_was_refused(sent, some, grants, where, data):
    assume(not asked(sent, some, grants, where).allowed)

    gone = data.draw(st.sampled_from(some))
    fewer = [one for one in some if one is not gone]

    assert not asked(sent, fewer, grants, where).allowed


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces(), data=st.data())
def test_taking_a_grant_away_never_admits_what_was_refused(sent, some, grants, where, data):
    assume(not asked(sent, some, grants, where).allowed)

    loser = data.draw(st.sampled_from(sorted(grants)))
    fewer = {**grants, loser: grants[loser][1:]}

    assert not asked(sent, some, fewer, where).allowed


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces())
def test_a_refusal_says_why(sent, some, grants, where):
    decision = asked(sent, some, grants, where)
    assume(not decision.allowed)

    assert (decision.code, decision.evaluated) == (403, True)
    assert decision.findings
    assert len(decision.attempts) == len(some)
    for finding in decision.findings[:10]:
        assert f"{finding.path} is " in decision.message


@ONE_BY_ONE
@given(sent=PODS, some=SETS, grants=GRANTS, where=namespaces())
def test_the_chosen_scc_is_the_first_that_is_usable_and_objects_to_nothing(
    sent, some, grants, where
):
    decision = asked(sent, some, grants, where)
    values, whole = namespace_values(where.annotations), shaped(sent)
    account = "robot" if sent["spec"].get("serviceAccountName") else ""
    names = {"alice", *ALICE.groups}
    if account:
        names |= {ROBOT, "system:serviceaccounts"}
    granted = {one for name, given in grants.items() if name in names for one in given}

    fitting = [
        one.name
        for one in in_order(some)
        if (one.name in granted or names & (one.users | one.groups))
        and not list(objections(fill(whole, complete(one, values)), complete(one, values)))
    ]

    assert decision.scc == (fitting[0] if fitting else "")


def test_from_an_empty_block_a_second_pass_of_mutation_may_choose_an_earlier_scc() -> None:
    """OpenShift runs its plugin again after webhooks, and may choose anew in the same way."""
    where = Namespace("shop", {}, {UID_RANGE: "1/1", GROUPS: "1000/0,2000/5", MCS: "s0"})
    narrow = scc("narrow", supplementalGroups={"type": "MustRunAs"}, priority=1)
    wide = scc(
        "wide", supplementalGroups={"type": "MustRunAs", "ranges": [{"min": 2000, "max": 2000}]}
    )
    grants = {EVERYBODY: ["narrow", "wide"]}

    first = asked(pod(), (narrow, wide), grants, where)
    again = asked(first.object, (narrow, wide), grants, where)
    third = asked(again.object, (narrow, wide), grants, where)

    assert [decision.scc for decision in (first, again, third)] == ["wide", "narrow", "narrow"]
    assert [operation["path"] for operation in again.patch] == [
        "/metadata/annotations/openshift.io~1scc"
    ]
    assert third.patch == ()


# laws of an SCC


@ONE_BY_ONE
@given(sent=PODS, one=sccs(), where=namespaces())
def test_filling_twice_is_filling_once_and_leaves_the_argument_alone(sent, one, where):
    constraint = complete(one, namespace_values(where.annotations))
    given_pod = shaped(sent)
    before = copy.deepcopy(given_pod)

    filled = fill(given_pod, constraint)

    assert given_pod == before
    assert fill(filled, constraint) == filled


@ONE_BY_ONE
@given(sent=PODS, one=sccs(), where=namespaces())
def test_the_short_answer_is_that_of_the_whole_evaluation(sent, one, where):
    constraint = complete(one, namespace_values(where.annotations))
    whole = shaped(sent)

    assert admits(whole, constraint) == (not list(objections(fill(whole, constraint), constraint)))


def kept(before: Any, after: Any) -> bool:
    """Tell whether everything in one value is still in the other, with the same value."""
    if isinstance(before, dict):
        return all(
            key in after and kept(value, after[key])
            for key, value in before.items()
            if key not in ("capabilities", "seccompProfile", POD_SECCOMP)
        )
    if isinstance(before, list):
        return len(before) == len(after) and all(map(kept, before, after))
    return bool(before == after)


@ONE_BY_ONE
@given(sent=PODS, one=sccs(), where=namespaces())
def test_a_value_that_was_given_is_never_overwritten(sent, one, where):
    """Capabilities are completed instead, and the two spellings of a seccomp profile agreed."""
    given_pod: Any = shaped(sent)

    filled: Any = fill(given_pod, complete(one, namespace_values(where.annotations)))

    assert kept(given_pod, filled)
    for kind in KINDS:
        for old, new in zip(
            given_pod["spec"].get(kind, ()), filled["spec"].get(kind, ()), strict=True
        ):
            was = old.get("securityContext", {}).get("capabilities", {})
            now = new.get("securityContext", {}).get("capabilities", {})
            for side in ("add", "drop"):
                assert set(was.get(side, ())) <= set(now.get(side, ()))


# laws of the order


@ONE_BY_ONE
@given(some=SETS)
def test_the_order_is_total(some):
    ordered = in_order(some)

    for shuffled in permutations(some):
        assert in_order(shuffled) == ordered
    for first, second in pairwise(ordered):
        assert first.priority >= second.priority
        if first.priority == second.priority:
            assert score(first) <= score(second)
            assert (reason(first, second) == "ordered by name") == (score(first) == score(second))
        else:
            assert reason(first, second) == "has higher priority"
