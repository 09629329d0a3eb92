"""`decide` on requests of every sort, and what it asks to know beforehand."""

from dataclasses import replace
from typing import Any

import jsonpatch  # type: ignore[import-untyped, unused-ignore]  # typed in some releases only
import pytest

from tests.core.samples import (
    ALICE,
    EVERYBODY,
    FROM_NAMESPACE,
    LAX,
    ROBOT,
    Granted,
    changed,
    facts,
    may_use,
    namespace,
    pod,
    policies,
    request,
    scc,
)
from webhook.core.engine import decide, identities, needs, not_evaluated
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request, User
from webhook.core.workload import KINDS

ORDINARY, ANYTHING = scc(**FROM_NAMESPACE), scc(**LAX)
POLICIES = policies(ORDINARY, ANYTHING)
KNOWN = facts(may_use(ORDINARY))


def decided(asked: Request, known: Any = KNOWN, /, **settings: Any) -> Decision:
    return decide(asked, known, policies(ORDINARY, ANYTHING, **settings))


def applied(decision: Decision, sent: Any) -> Any:
    return jsonpatch.apply_patch(sent, [dict(operation) for operation in decision.patch])


# pods


def test_a_created_pod_is_filled_in_by_a_patch_that_says_all_that_changed() -> None:
    sent = pod()

    decision = decided(request(sent))

    assert decision.allowed
    assert (decision.scc, decision.subject) == ("from-namespace", "user")
    assert applied(decision, sent) == decision.object
    assert sorted(str(operation["path"]) for operation in decision.patch) == [
        "/metadata/annotations",
        "/spec/containers/0/securityContext",
        "/spec/securityContext",
    ]
    assert {operation["op"] for operation in decision.patch} == {"add"}
    assert sent == pod()


def test_the_patch_escapes_slashes_in_annotation_keys() -> None:
    sent = pod({"metadata.annotations": {"note": "1"}})

    decision = decided(request(sent), facts(may_use(ANYTHING)))

    assert [operation["path"] for operation in decision.patch] == [
        "/metadata/annotations/openshift.io~1scc",
        "/metadata/annotations/security.openshift.io~1validated-scc-subject-type",
    ]


def test_the_second_pass_confirms_what_the_first_made_of_a_pod() -> None:
    made = decided(request(pod())).object

    decision = decided(request(made, phase="validate"))

    assert (decision.allowed, decision.scc, decision.patch) == (True, "from-namespace", ())
    assert decision.object == made


def test_the_second_pass_refuses_a_pod_that_was_loosened_after_the_first() -> None:
    made = decided(request(pod())).object
    loosened = changed(made, {"spec.containers[0].securityContext.privileged": True})

    decision = decided(request(loosened, phase="validate"))

    assert (decision.allowed, decision.code, decision.reason) == (False, 403, "Forbidden")
    assert [str(finding.path) for finding in decision.findings] == [
        "spec.containers[0].securityContext.privileged"
    ]


def test_the_second_pass_refuses_a_pod_that_the_first_never_saw() -> None:
    assert not decided(request(pod(), phase="validate")).allowed


def test_a_refusal_carries_everything_and_changes_nothing() -> None:
    sent = pod({"spec.hostPID": True})

    decision = decided(request(sent))

    assert (decision.allowed, decision.code, decision.reason) == (False, 403, "Forbidden")
    assert (decision.patch, decision.object, decision.retry_after) == ((), sent, 0)
    assert decision.evaluated
    assert [attempt.scc for attempt in decision.attempts] == ["from-namespace", "lax"]
    assert decision.findings[0].policy == "from-namespace"
    assert decision.findings[0].rule == "host-namespaces"


@pytest.mark.parametrize(
    ("metadata", "name", "said"),
    [
        ({"name": "web"}, "asked", "asked"),
        ({"name": "web"}, "", "web"),
        ({"generateName": "web-"}, "", "web-"),
        ({"name": "web", "generateName": "web-"}, "", "web"),
        ({}, "", "Unknown"),
    ],
    ids=str,
)
def test_a_refusal_names_the_pod(metadata, name, said):
    sent = pod({"metadata": metadata, "spec.hostPID": True})

    assert decided(request(sent, name=name)).message.startswith(
        f'no security context constraint (SCC) admits pod "{said}"; "from-namespace" comes closest:'
    )


MADE = decided(request(pod())).object
IMAGE = {"spec.containers[0].image": "registry.example.com/app:2"}


def test_an_update_is_not_filled_in() -> None:
    hardened = {"spec.securityContext.runAsUser": 2}

    decision = decided(request(pod(hardened), "UPDATE", old=pod()))

    assert not decision.allowed
    assert {finding.rule for finding in decision.findings} == {"unchanged"}


def test_an_update_of_a_filled_pod_passes() -> None:
    decision = decided(request(changed(MADE, IMAGE), "UPDATE", old=MADE), pod_updates="openshift")

    assert (decision.allowed, decision.scc, decision.patch) == (True, "from-namespace", ())


def test_an_update_may_be_admitted_by_another_scc_which_is_then_recorded() -> None:
    opened = changed(MADE, {"spec.hostPID": True})

    decision = decided(request(opened, "UPDATE", old=MADE), facts(may_use(ORDINARY, ANYTHING)))

    assert decision.scc == "lax"
    assert decision.patch == (
        {"op": "replace", "path": "/metadata/annotations/openshift.io~1scc", "value": "lax"},
    )


def test_an_update_counts_the_rights_of_whoever_updates() -> None:
    bob = User("bob")

    decision = decided(
        request(changed(MADE, IMAGE), "UPDATE", old=MADE, user=bob), pod_updates="openshift"
    )

    assert not decision.allowed
    assert 'User "bob" may not use' in decision.message


REQUIRED = "metadata.annotations[openshift.io/required-scc]"


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (None, "lax", "not set, as on the stored pod"),
        ("lax", None, '"lax", as on the stored pod'),
        ("lax", "from-namespace", '"lax", as on the stored pod'),
        ("lax", "", '"lax", as on the stored pod'),
    ],
)
@pytest.mark.parametrize("subresource", ["", "ephemeralcontainers", "resize"])
def test_an_update_may_not_change_which_scc_a_pod_demands(before, after, allowed, subresource):
    old, new = (changed(MADE, {REQUIRED: value} if value is not None else {}) for value in (before, after))  # fmt: skip

    decision = decided(request(new, "UPDATE", old=old, subresource=subresource))

    assert (decision.allowed, decision.code) == (False, 403)
    assert [(str(finding.path), finding.allowed) for finding in decision.findings] == [
        (REQUIRED, allowed)
    ]


def test_an_empty_demand_may_come_and_go() -> None:
    emptied = changed(MADE, {REQUIRED: ""})

    assert decided(request(emptied, "UPDATE", old=MADE)).allowed
    assert decided(request(MADE, "UPDATE", old=emptied)).allowed


def debugged(stored: Any, **fields: Any) -> Any:
    return changed(stored, {"spec.ephemeralContainers[0]": {"name": "debug", **fields}})


def test_an_ephemeral_container_is_filled_in_on_its_own_subresource_only() -> None:
    new = debugged(MADE)
    own = decided(request(new, "UPDATE", old=MADE, subresource="ephemeralcontainers"))
    other = decided(request(new, "UPDATE", old=MADE))

    assert own.allowed
    assert own.patch == (
        {
            "op": "add",
            "path": "/spec/ephemeralContainers/0/securityContext",
            "value": {"runAsUser": 1, "runAsNonRoot": True},
        },
    )
    assert not other.allowed
    assert [str(finding.path) for finding in other.findings] == [
        "spec.ephemeralContainers[0].securityContext"
    ]


def test_an_ephemeral_container_does_not_get_a_pod_filled_in_that_never_was() -> None:
    decision = decided(
        request(debugged(pod()), "UPDATE", old=pod(), subresource="ephemeralcontainers")
    )

    assert not decision.allowed


@pytest.mark.parametrize(
    "asks",
    [
        {"ports": [{"containerPort": 80, "hostPort": 80}]},
        {"securityContext": {"privileged": True}},
        {"securityContext": {"runAsUser": 0}},
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("subresource", ["ephemeralcontainers", ""])
def test_an_ephemeral_container_cannot_escalate(asks, subresource):
    new = debugged(MADE, **asks)

    assert not decided(request(new, "UPDATE", old=MADE, subresource=subresource)).allowed


def test_a_resize_is_judged_and_changes_nothing() -> None:
    resized = changed(MADE, {"spec.containers[0].resources": {"requests": {"cpu": "2"}}})

    decision = decided(request(resized, "UPDATE", old=MADE, subresource="resize"))

    assert (decision.allowed, decision.scc, decision.patch) == (True, "from-namespace", ())
    assert not decided(request(pod(), "UPDATE", old=MADE, subresource="resize")).allowed


def test_the_dry_run_of_a_request_is_decided_like_the_request() -> None:
    real, dry = decided(request(pod())), decided(request(pod(), dry_run=True))

    assert real == dry


# exec and attach


def connected(stored: Any, subresource: str = "exec", **rest: Any) -> Decision:
    asked = request(
        {"kind": "PodExecOptions"}, "CONNECT", subresource=subresource, name="web", **rest
    )
    return decided(asked, facts(may_use(ORDINARY), pod=stored))


@pytest.mark.parametrize("phase", ["mutate", "validate"])
@pytest.mark.parametrize("subresource", ["exec", "attach"])
def test_who_connects_to_a_pod_must_be_able_to_create_it(subresource, phase):
    decision = connected(pod({"spec.hostPID": True}), subresource, phase=phase)

    assert (decision.allowed, decision.code) == (False, 403)
    assert decision.message.splitlines()[:2] == [
        f"{subresource} is refused, as you could not create this pod yourself: no security context "
        'constraint (SCC) admits pod "web"; "from-namespace" comes closest:',
        "from-namespace/host-namespaces: spec.hostPID is true; allowed: false. Fix: remove hostPID.",
    ]


@pytest.mark.parametrize("phase", ["mutate", "validate"])
@pytest.mark.parametrize("subresource", ["exec", "attach"])
@pytest.mark.parametrize("stored", [pod(), MADE], ids=["not filled in", "filled in"])
def test_who_could_create_a_pod_may_connect_to_it_and_nothing_is_patched(
    subresource, phase, stored
):
    decision = connected(stored, subresource, phase=phase)

    assert (decision.allowed, decision.scc, decision.patch) == (True, "from-namespace", ())


def test_a_pods_own_service_account_counts_when_somebody_connects() -> None:
    stored = pod({"spec.hostPID": True, "spec.serviceAccountName": "robot"})
    asked = request(None, "CONNECT", subresource="exec", name="web")

    decision = decided(asked, facts(Granted({ROBOT: ["lax"]}), pod=stored))

    assert (decision.allowed, decision.subject) == (True, "serviceaccount")


def test_a_demand_for_an_scc_counts_when_somebody_connects() -> None:
    assert not connected(pod({REQUIRED: "lax"})).allowed


def test_a_pod_that_is_gone_cannot_be_connected_to() -> None:
    decision = connected(None)

    assert (decision.allowed, decision.code, decision.reason) == (False, 404, "NotFound")
    assert decision.message == 'exec: pod "web" does not exist in namespace "shop"'


def test_windows_pods_and_exempt_namespaces_are_connected_to_freely() -> None:
    assert connected(pod({"spec.hostPID": True, "spec.os": {"name": "windows"}})).skipped
    assert connected(pod({"spec.hostPID": True}), namespace="kube-system").skipped


def test_a_stored_pod_that_cannot_be_read_is_not_connected_to() -> None:
    decision = connected({"spec": {"containers": 5}})

    assert (decision.allowed, decision.evaluated) == (False, False)


# what nobody judges


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "DELETE"},
        {"operation": "CONNECT", "subresource": "portforward"},
        {"operation": "CONNECT", "subresource": "proxy"},
        {"operation": "CONNECT", "subresource": "log"},
        {"operation": "CREATE", "subresource": "exec"},
        {"operation": "CREATE", "subresource": "binding"},
        {"operation": "CREATE", "subresource": "eviction"},
        {"operation": "UPDATE", "subresource": "status"},
        {"operation": "CONNECT", "subresource": "exec", "resource": "nodes"},
        {"operation": "CREATE", "resource": "configmaps", "kind": "ConfigMap"},
        {"operation": "CREATE", "resource": "pods", "group": "metrics.k8s.io"},
        {"operation": "CONNECT", "resource": "pods", "group": "example.com", "subresource": "exec"},
        {"operation": "DELETE", "resource": "deployments", "group": "apps", "phase": "validate"},
        {"operation": "CREATE", "resource": "deployments", "group": "apps"},
        {"operation": "CREATE", "resource": "deployments", "group": "example.com",
         "phase": "validate"},
        {"operation": "UPDATE", "resource": "deployments", "group": "apps", "phase": "validate",
         "subresource": "scale"},
    ],
    ids=str,
)  # fmt: skip
def test_what_no_policy_judges_passes_untouched(other):
    sent = {"anything": [1, None], "spec": "of any shape"}
    asked = replace(request(sent), **other)

    decision = decided(asked)

    assert decision.allowed
    assert (decision.patch, decision.object, decision.warnings) == ((), sent, ())
    assert decision.skipped == "no policy judges it"
    assert needs(asked, POLICIES) == needs(replace(asked, namespace="kube-system"), POLICIES)


# workloads


def workload(kind: str, template: Any = None) -> Request:
    """Return the second pass of creating a workload with the smallest pod as its template."""
    described = KINDS[kind]
    version = f"{described.group}/{described.version}".removeprefix("/")
    body: Any = template or {"spec": pod()["spec"]}
    for step in reversed(described.path):
        body = {step: body}
    sent = {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, **body}
    return request(
        sent,
        phase="validate",
        kind=kind,
        resource=described.resource,
        group=described.group,
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_a_workload_whose_pods_no_scc_would_admit_is_warned_of_and_admitted(kind, operation):
    spec = {"spec": pod({"spec.hostPID": True})["spec"]}
    decision = decided(replace(workload(kind, spec), operation=operation))
    path = f"{'.'.join(str(step) for step in KINDS[kind].path)}.spec.hostPID"

    assert (decision.allowed, decision.patch) == (True, ())
    assert decision.warnings == (
        f'no security context constraint (SCC) admits the pods of {kind} "web"; '
        '"from-namespace" comes closest:',
        f"from-namespace/host-namespaces: {path} is true; allowed: false. Fix: remove hostPID.",
    )
    assert [(str(one.path), one.action) for one in decision.findings] == [(path, "warn")]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_workload_whose_pods_an_scc_admits_gives_no_warning(kind):
    decision = decided(workload(kind))

    assert (decision.allowed, decision.warnings, decision.findings) == (True, (), ())
    assert decision.scc == "from-namespace"


def test_a_workloads_pods_are_judged_as_made_by_its_controller() -> None:
    asked = replace(workload("Deployment"), user=User("nobody"))

    by_everybody = decided(asked, facts(Granted({EVERYBODY: ["from-namespace"]})))
    by_account = decided(asked, facts(Granted({"system:serviceaccount:shop:default": ["lax"]})))
    by_requester = decided(asked, facts(Granted({"nobody": ["lax"]})))

    assert (by_everybody.scc, by_everybody.subject) == ("from-namespace", "user")
    assert (by_account.scc, by_account.subject) == ("lax", "serviceaccount")
    assert by_requester.warnings[0] == (
        'no security context constraint (SCC) is usable for the pods of Deployment "web":'
    )


def test_only_the_second_pass_warns_of_a_workload() -> None:
    refused = workload("Deployment", {"spec": pod({"spec.hostPID": True})["spec"]})

    assert decided(replace(refused, phase="mutate")).warnings == ()
    assert decided(refused, workloads="ignore").warnings == ()
    assert decided(replace(refused, namespace="kube-system")).warnings == ()
    assert len(decided(refused).warnings) == 2


def test_a_windows_workload_is_not_judged() -> None:
    spec = pod({"spec.os": {"name": "windows"}, "spec.hostPID": True})["spec"]

    assert decided(workload("Deployment", {"spec": spec})).warnings == ()


def test_a_workload_that_cannot_be_decided_is_admitted_and_says_so() -> None:
    decision = decided(workload("Deployment"), facts(may_use(ORDINARY), namespace=None))

    assert decision.allowed
    assert decision.warnings == (
        'not evaluated: namespace "shop" is not known yet. '
        "Fix: try again; if it stays so, see whether the namespace exists",
    )


# what cannot be decided


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (None, "the object is null; allowed: an object"),
        ([], "the object is []; allowed: an object"),
        ({"spec": []}, "spec is []; allowed: an object"),
        ({"metadata": "web"}, 'metadata is "web"; allowed: an object'),
        ({"spec": {"containers": {}}}, "spec.containers is {}; allowed: a list"),
        ({"spec": {"containers": [None]}}, "spec.containers[0] is null; allowed: an object"),
        ({"spec": {"hostPID": "true"}}, 'spec.hostPID is "true"; allowed: true or false'),
        ({"spec": {"hostPID": 1}}, "spec.hostPID is 1; allowed: true or false"),
        (
            {"spec": {"securityContext": {"fsGroup": "2"}}},
            'spec.securityContext.fsGroup is "2"; allowed: an integer of 64 bits',
        ),
        (
            {"spec": {"securityContext": {"fsGroup": True}}},
            "spec.securityContext.fsGroup is true; allowed: an integer of 64 bits",
        ),
        (
            {"spec": {"initContainers": [{"securityContext": {"runAsUser": 1.0}}]}},
            "spec.initContainers[0].securityContext.runAsUser is 1.0; "
            "allowed: an integer of 64 bits",
        ),
        (
            {"metadata": {"annotations": {"openshift.io/scc": 5}}},
            "metadata.annotations[openshift.io/scc] is 5; allowed: a string",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("phase", ["mutate", "validate"])
def test_a_pod_that_cannot_be_read_is_refused_as_not_evaluated(sent, why, phase):
    decision = decided(request(sent, phase=phase))

    assert (decision.allowed, decision.code, decision.reason) == (False, 422, "Invalid")
    assert decision.message == f"not evaluated: the object is no readable Pod: {why}"
    assert not decision.evaluated


def test_an_update_without_a_readable_stored_pod_is_refused() -> None:
    assert decided(request(pod(), "UPDATE")).code == 422
    assert decided(request(pod(), "UPDATE", old={"spec": 5})).code == 422


@pytest.mark.parametrize(
    ("known", "code", "message"),
    [
        ({"namespace": None}, 429, 'namespace "shop" is not known yet. Fix: try again; '),
        (
            {"namespace": namespace(mcs=None)},
            429,
            'namespace "shop" has no annotation openshift.io/sa.scc.mcs yet. Fix: try again; ',
        ),
        (
            {"namespace": namespace(mcs="")},
            500,
            'namespace "shop": annotation openshift.io/sa.scc.mcs is empty '
            "(needed by from-namespace). Fix: have an administrator ",
        ),
    ],
    ids=str,
)
def test_a_namespace_that_cannot_be_used_refuses_its_pods(known, code, message):
    decision = decided(request(pod()), facts(may_use(ORDINARY), **known))

    assert (decision.allowed, decision.code) == (False, code)
    assert decision.message.startswith(f"not evaluated: {message}")
    assert decision.retry_after == (1 if code == 429 else 0)
    assert decision.reason == ("TooManyRequests" if code == 429 else "InternalError")
    assert not decision.evaluated


def test_a_set_without_any_scc_admits_no_pod() -> None:
    decision = decide(request(pod()), KNOWN, policies())

    assert (decision.allowed, decision.code, decision.evaluated) == (False, 500, False)


def test_what_could_not_be_decided_is_never_allowed() -> None:
    for retry in (False, True):
        assert not not_evaluated("why", retry).allowed
        assert not_evaluated("why", retry).message == "not evaluated: why"


# observing


@pytest.mark.parametrize("phase", ["mutate", "validate"])
@pytest.mark.parametrize("enforcement", ["warn", "audit"])
def test_observing_refuses_nothing_and_tells_what_would_have_been(enforcement, phase):
    sent = pod({"spec.hostPID": True})
    asked = request(sent, phase=phase)
    would = decided(asked)

    decision = decided(asked, enforcement=enforcement)

    assert not would.allowed
    assert (decision.allowed, decision.code, decision.patch) == (True, 200, ())
    assert decision.object == sent
    assert {finding.action for finding in decision.findings} == {enforcement}
    told = {
        "warn": list(decision.warnings),
        "audit": decision.audit.get("would-deny", "").splitlines(),
    }
    assert told.pop(enforcement)[1] == (
        "from-namespace/host-namespaces: spec.hostPID is true; allowed: false. Fix: remove hostPID."
    )
    assert list(told.values()) == [[]]


@pytest.mark.parametrize("phase", ["mutate", "validate"])
@pytest.mark.parametrize("enforcement", ["warn", "audit"])
def test_observing_changes_nothing_and_finds_no_fault_with_a_pod_that_would_be_filled_in(
    enforcement, phase
):
    sent = pod()

    decision = decided(request(sent, phase=phase), enforcement=enforcement)

    assert (decision.allowed, decision.patch, decision.object) == (True, (), sent)
    assert (decision.warnings, decision.findings) == ((), ())
    assert "would-deny" not in decision.audit
    assert decision.scc == "from-namespace"


@pytest.mark.parametrize("enforcement", ["warn", "audit"])
@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (request({"spec": 5}), KNOWN),
        (request(pod()), facts(may_use(ORDINARY), namespace=None)),
        (request(None, "CONNECT", subresource="exec", name="web"), KNOWN),
    ],
    ids=["no pod", "no namespace", "no stored pod"],
)
def test_observing_lets_through_what_cannot_be_decided(enforcement, asked, known):
    decision = decided(asked, known, enforcement=enforcement)

    assert (decision.allowed, decision.code, decision.retry_after) == (True, 200, 0)
    assert decision.warnings or decision.audit["would-deny"]


# what has to be known


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request(pod()), ["grants", "namespace"]),
        (request(pod(), "UPDATE", old=pod()), ["grants", "namespace"]),
        (
            request(pod(), "UPDATE", old=pod(), subresource="ephemeralcontainers"),
            ["grants", "namespace"],
        ),
        (
            request(None, "CONNECT", subresource="exec", name="web"),
            ["grants", "namespace", "pod"],
        ),
        (workload("Deployment"), ["grants", "namespace", "service_account"]),
        (replace(workload("Deployment"), phase="mutate"), []),
        (replace(workload("Deployment"), subresource="scale"), []),
        (workload("Deployment", {"spec": {"containers": 5}}), []),
        (request(pod(), namespace="kube-system"), []),
        (request(pod(), "DELETE"), []),
        (request(pod(), "UPDATE", subresource="status"), []),
        (request(None, "CONNECT", subresource="log"), []),
        (request({}, resource="configmaps", kind="ConfigMap"), []),
    ],
    ids=str,
)
def test_what_a_decision_needs_to_know(asked, wanted):
    found = needs(asked, POLICIES)

    fields = ("grants", "namespace", "pod", "service_account")
    assert [name for name in fields if getattr(found, name)] == wanted


def test_whose_grants_a_decision_asks_for() -> None:
    account = User.service_account("shop", "robot")
    robot = pod({"spec.serviceAccountName": "robot"})
    exec_ = request(None, "CONNECT", subresource="exec", name="web")

    assert identities(request(robot), POLICIES) == (account, ALICE)
    assert identities(request(pod()), POLICIES) == (ALICE,)
    assert identities(request({"spec": 5}), POLICIES) == (ALICE,)
    assert identities(exec_, POLICIES, robot) == (account, ALICE)
    assert identities(exec_, POLICIES, None) == (ALICE,)


def test_whose_grants_a_workload_asks_for() -> None:
    default, controller = identities(workload("Job"), POLICIES)

    assert default == User.service_account("shop", "default")
    assert controller.name == "system:serviceaccount:kube-system:job-controller"
    assert needs(workload("Job"), POLICIES).service_account == "default"
