"""Who may use which SCC, and who may do what, by RBAC."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.request import EVERYTHING, User
from webhook.core.rbac import KINDS, Kind, Rbac, RbacError, RbacIndex, read_rbac

USE = {"verbs": ["use"], "apiGroups": ["security.openshift.io"]}
USE_SCCS = {**USE, "resources": ["securitycontextconstraints"]}
ALICE = User("alice", ("devs", "system:authenticated"))
ROBOT = User.service_account("shop", "robot")


def role(name: str, *rules: dict[str, Any], namespace: str = "", **rest: Any) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "rules": list(rules),
        **rest,
    }


def binding(
    ref: str, *subjects: dict[str, Any], namespace: str = "", name: str = "b"
) -> dict[str, Any]:
    kind, _, role_name = ref.partition("/")
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name},
        "subjects": list(subjects),
    }


def user(name: str) -> dict[str, Any]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}


def group(name: str) -> dict[str, Any]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


def account(name: str, namespace: str = "") -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": name}
    return {**subject, "namespace": namespace} if namespace else subject


def named(*names: str) -> dict[str, Any]:
    return {**USE_SCCS, "resourceNames": list(names)}


RULES = {
    "the named SCC": (named("web"), {"web"}),
    "several names": (named("web", "batch"), {"web", "batch"}),
    "no names: every SCC": (USE_SCCS, EVERYTHING),
    "an empty list of names: every SCC": (named(), EVERYTHING),
    "a star among names is a name": (named("*"), {"*"}),
    "every verb": ({**named("web"), "verbs": ["*"]}, {"web"}),
    "the verb among others": ({**named("web"), "verbs": ["get", "use"]}, {"web"}),
    "another verb": ({**named("web"), "verbs": ["get", "list"]}, set()),
    "a verb in another case": ({**named("web"), "verbs": ["Use"]}, set()),
    "every group": ({**named("web"), "apiGroups": ["*"]}, {"web"}),
    "another group": ({**named("web"), "apiGroups": ["policy"]}, set()),
    "the core group": ({**named("web"), "apiGroups": [""]}, set()),
    "a glob of groups is no wildcard": ({**named("web"), "apiGroups": ["*.openshift.io"]}, set()),
    "every resource": ({**named("web"), "resources": ["*"]}, {"web"}),
    "another resource": ({**named("web"), "resources": ["pods"]}, set()),
    "a subresource only": (
        {**named("web"), "resources": ["securitycontextconstraints/status"]},
        set(),
    ),
    "every subresource only": ({**named("web"), "resources": ["*/status", "*/*"]}, set()),
    "all of everything": (
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        EVERYTHING,
    ),
    "URLs": ({"verbs": ["*"], "nonResourceURLs": ["*"]}, set()),
}


@pytest.mark.parametrize(("rule", "expected"), RULES.values(), ids=list(RULES))
def test_a_rule_grants_the_sccs_it_speaks_of(rule, expected):
    rbac = Rbac.from_objects([role("r", rule), binding("ClusterRole/r", user("alice"))])

    granted = rbac.grants(ALICE, "shop")

    assert granted is EVERYTHING if expected is EVERYTHING else granted == expected


def test_rules_and_bindings_add_up():
    rbac = Rbac.from_objects(
        [
            role("r", named("a"), named("b")),
            role("s", named("c"), namespace="shop"),
            binding("ClusterRole/r", user("alice")),
            binding("Role/s", group("devs"), namespace="shop"),
        ]
    )

    assert rbac.grants(ALICE, "shop") == {"a", "b", "c"}


SUBJECTS = {
    "the user": (user("alice"), ALICE, True),
    "another user": (user("bob"), ALICE, False),
    "a user's name in another case": (user("Alice"), ALICE, False),
    "a group of the user": (group("devs"), ALICE, True),
    "another group": (group("ops"), ALICE, False),
    "a group with the user's name": (group("alice"), ALICE, False),
    "a user with the group's name": (user("devs"), ALICE, False),
    "everybody authenticated": (group("system:authenticated"), ALICE, True),
    "everybody authenticated, for a pod's service account": (
        group("system:authenticated"),
        ROBOT,
        False,
    ),
    "a service account of the binding's namespace": (account("robot"), ROBOT, True),
    "a service account with its namespace": (account("robot", "shop"), ROBOT, True),
    "the account of that name elsewhere": (account("robot", "office"), ROBOT, False),
    "another account": (account("clerk"), ROBOT, False),
    "an account spelt as a user": (user("system:serviceaccount:shop:robot"), ROBOT, True),
    "another account spelt as a user": (user("system:serviceaccount:office:robot"), ROBOT, False),
    "the accounts of the namespace": (group("system:serviceaccounts:shop"), ROBOT, True),
    "the accounts of another namespace": (group("system:serviceaccounts:office"), ROBOT, False),
    "all accounts": (group("system:serviceaccounts"), ROBOT, True),
    "a user who is no account": (account("alice"), ALICE, False),
}


@pytest.mark.parametrize(("subject", "who", "expected"), SUBJECTS.values(), ids=list(SUBJECTS))
def test_a_binding_reaches_its_subjects(subject, who, expected):
    rbac = Rbac.from_objects(
        [role("r", named("web")), binding("ClusterRole/r", subject, namespace="shop")]
    )

    assert ("web" in rbac.grants(who, "shop")) is expected
    assert rbac.grants(who, "office") == set()


def test_a_binding_of_several_subjects_reaches_each():
    rbac = Rbac.from_objects(
        [
            role("r", named("web")),
            binding("ClusterRole/r", user("bob"), account("robot", "shop"), group("devs")),
        ]
    )

    assert rbac.grants(ALICE, "anywhere") == {"web"}
    assert rbac.grants(ROBOT, "anywhere") == {"web"}
    assert rbac.grants(User("carol"), "anywhere") == set()


def test_a_service_account_of_another_namespace_can_be_bound():
    rbac = Rbac.from_objects(
        [
            role("r", named("web")),
            binding("ClusterRole/r", account("robot", "shop"), namespace="office"),
        ]
    )

    assert rbac.grants(ROBOT, "office") == {"web"}
    assert rbac.grants(ROBOT, "shop") == set()


def test_a_role_of_the_same_name_in_another_namespace_is_another_role():
    rbac = Rbac.from_objects(
        [
            role("r", named("theirs"), namespace="office"),
            role("r", named("ours"), namespace="shop"),
            role("r", named("everyones")),
            binding("Role/r", user("alice"), namespace="shop"),
        ]
    )

    assert rbac.grants(ALICE, "shop") == {"ours"}


@pytest.mark.parametrize("ref", ["Role/r", "ClusterRole/missing"])
def test_a_binding_to_a_role_that_does_not_exist_grants_nothing(ref):
    rbac = Rbac.from_objects(
        [role("r", named("web")), binding(ref, user("alice"), namespace="shop")]
    )

    assert rbac.grants(ALICE, "shop") == set()


def test_a_namespaced_binding_means_nothing_cluster_wide():
    rbac = Rbac.from_objects(
        [role("r", named("web")), binding("ClusterRole/r", user("alice"), namespace="shop")]
    )

    assert rbac.grants(ALICE, "") == set()


def test_superusers_may_use_everything():
    rbac = Rbac.from_objects([])

    assert rbac.grants(User("root", ("system:masters",)), "shop") is EVERYTHING
    assert rbac.grants(User("system:masters"), "shop") == set()
    assert rbac.allows(User("root", ("system:masters",)), "delete", "", "nodes", "")


AGGREGATED = """
kind: ClusterRole
metadata: {name: all, labels: {agg: "yes"}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: all}}]}
rules: [{verbs: [use], apiGroups: ["*"], resources: ["*"], resourceNames: [own]}]
---
kind: ClusterRole
metadata: {name: web, labels: {to: all, tier: web}}
rules: [{verbs: [use], apiGroups: ["*"], resources: ["*"], resourceNames: [web]}]
---
kind: ClusterRole
metadata: {name: more, labels: {to: all}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: more}}, {matchLabels: {agg: "yes"}}]}
---
kind: ClusterRole
metadata: {name: batch, labels: {to: more}}
rules: [{verbs: [use], apiGroups: ["*"], resources: ["*"], resourceNames: [batch]}]
---
kind: ClusterRole
metadata: {name: bare}
rules: [{verbs: [use], apiGroups: ["*"], resources: ["*"], resourceNames: [bare]}]
"""


def cluster_roles(*extra: dict[str, Any]) -> list[dict[str, Any]]:
    version = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    return [{**version, **item} for item in (*yaml.safe_load_all(AGGREGATED), *extra)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("all", {"web", "batch"}), ("more", {"web", "batch"}), ("web", {"web"})],
)
def test_an_aggregated_role_has_the_rules_of_those_it_selects(name, expected):
    rbac = Rbac.from_objects([*cluster_roles(), binding(f"ClusterRole/{name}", user("alice"))])

    assert rbac.grants(ALICE, "shop") == expected


def test_without_aggregation_the_stored_rules_count():
    objects = [*cluster_roles(), binding("ClusterRole/all", user("alice"))]

    assert Rbac.from_objects(objects, aggregate=False).grants(ALICE, "shop") == {"own"}


SELECTORS = {
    "everything": ({}, {"web", "batch", "bare"}),
    "a label": ({"matchLabels": {"tier": "web"}}, {"web"}),
    "an absent label": ({"matchLabels": {"tier": ""}}, set()),
    "In": ({"matchExpressions": [{"key": "to", "operator": "In", "values": ["more"]}]}, {"batch"}),
    "NotIn, absent counts": (
        {"matchExpressions": [{"key": "to", "operator": "NotIn", "values": ["all"]}]},
        {"batch", "bare"},
    ),
    "Exists": ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, {"web"}),
    "DoesNotExist": (
        {"matchExpressions": [{"key": "to", "operator": "DoesNotExist", "values": []}]},
        {"bare"},
    ),
    "all parts have to fit": (
        {
            "matchLabels": {"to": "all"},
            "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}],
        },
        set(),
    ),
}


@pytest.mark.parametrize(("selector", "expected"), SELECTORS.values(), ids=list(SELECTORS))
def test_a_selector_selects_as_a_label_selector_does(selector, expected):
    top = {
        "kind": "ClusterRole",
        "metadata": {"name": "top"},
        "aggregationRule": {"clusterRoleSelectors": [selector]},
    }
    plain = [item for item in cluster_roles() if "aggregationRule" not in item]
    [aggregate] = [item for item in cluster_roles(top) if item["metadata"]["name"] == "top"]
    rbac = Rbac.from_objects([aggregate, *plain, binding("ClusterRole/top", user("alice"))])

    assert rbac.grants(ALICE, "shop") == expected


REQUESTS = [
    ("get", "", "pods", "", "", True),
    ("get", "", "pods", "log", "", False),
    ("delete", "", "pods", "", "", False),
    ("get", "apps", "pods", "", "", False),
    ("update", "apps", "deployments", "scale", "", True),
    ("update", "apps", "statefulsets", "scale", "", True),
    ("update", "apps", "deployments", "", "", False),
    ("update", "apps", "deployments", "ascale", "", False),
    ("get", "", "pods", "exec", "", True),
    ("get", "", "secrets", "", "tls", True),
    ("get", "", "secrets", "", "other", False),
    ("list", "", "secrets", "", "", False),
    ("bind", "batch", "anything", "at-all", "", True),
]


@pytest.mark.parametrize(("verb", "group_", "resource", "sub", "name", "expected"), REQUESTS)
def test_any_verb_on_any_resource_can_be_asked(verb, group_, resource, sub, name, expected):
    rbac = Rbac.from_objects(
        [
            role(
                "r",
                {"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/exec"]},
                {"verbs": ["update"], "apiGroups": ["apps"], "resources": ["*/scale"]},
                {
                    "verbs": ["get", "list"],
                    "apiGroups": [""],
                    "resources": ["secrets"],
                    "resourceNames": ["tls"],
                },
                {"verbs": ["*"], "apiGroups": ["batch"], "resources": ["*"]},
            ),
            binding("ClusterRole/r", user("alice")),
        ]
    )

    assert rbac.allows(ALICE, verb, group_, resource, "shop", name, sub) is expected
    assert not rbac.allows(User("bob"), verb, group_, resource, "shop", name, sub)


@pytest.mark.parametrize(
    ("verb", "path", "expected"),
    [
        ("get", "/healthz", True),
        ("get", "/healthz/etcd", False),
        ("post", "/healthz", False),
        ("get", "/metrics/cadvisor", True),
        ("get", "/metrics", False),
        ("get", "/v*/x", True),
        ("get", "/v1/x", False),
    ],
)
def test_urls_that_are_no_resource(verb, path, expected):
    rule = {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/metrics/*", "/v*/x"]}
    rbac = Rbac.from_objects([role("r", rule), binding("ClusterRole/r", user("alice"))])

    assert rbac.allows_url(ALICE, verb, path) is expected
    assert rbac.allows_url(User("root", ("system:masters",)), verb, path)


def test_of_two_documents_for_one_object_the_last_counts():
    rbac = Rbac.from_objects(
        [
            role("r", USE_SCCS),
            binding("ClusterRole/r", user("alice")),
            role("r", named("web")),
        ]
    )

    assert rbac.grants(ALICE, "shop") == {"web"}


def test_a_document_without_namespace_takes_the_one_given():
    objects = [
        {**role("r", named("web")), "kind": "Role"},
        {**binding("Role/r", account("robot")), "kind": "RoleBinding"},
    ]

    assert Rbac.from_objects(objects, namespace="shop").grants(ROBOT, "shop") == {"web"}
    with pytest.raises(RbacError, match=r"^Role r: metadata.namespace is not set; allowed: "):
        Rbac.from_objects(objects)


def test_documents_of_other_groups_are_passed_over():
    assert (
        Rbac.from_objects([{"apiVersion": "v1", "kind": "Namespace"}, {}]).grants(ALICE, "x")
        == set()
    )


def test_nulls_count_as_absent():
    objects = [
        {**role("r", {**USE_SCCS, "resourceNames": None, "nonResourceURLs": None})},
        {**role("empty"), "rules": None, "aggregationRule": None},
        binding("ClusterRole/r", {**user("alice"), "namespace": None, "apiGroup": None}),
        {**binding("ClusterRole/r", name="nobody"), "subjects": None},
    ]

    assert Rbac.from_objects(objects).grants(ALICE, "shop") is EVERYTHING


BROKEN = {
    "verbs as a string": (
        role("r", {**USE_SCCS, "verbs": "use"}),
        "rules[0].verbs",
        "a list of strings",
    ),
    "a number among names": (
        role("r", {**USE_SCCS, "resourceNames": ["a", 7]}),
        "rules[0].resourceNames",
        "a list of strings",
    ),
    "no verbs": (
        role("r", {"apiGroups": [""], "resources": ["pods"]}),
        "rules[0].verbs",
        "at least one",
    ),
    "no group": (
        role("r", {"verbs": ["get"], "resources": ["pods"]}),
        "rules[0].apiGroups",
        "at least one",
    ),
    "no resource": (
        role("r", {"verbs": ["get"], "apiGroups": [""]}),
        "rules[0].resources",
        "at least one",
    ),
    "URLs and resources": (
        role("r", {**USE_SCCS, "nonResourceURLs": ["/healthz"]}),
        "rules[0].nonResourceURLs",
        "either",
    ),
    "URLs in a Role": (
        role("r", {"verbs": ["get"], "nonResourceURLs": ["/"]}, namespace="shop"),
        "rules[0].nonResourceURLs",
        "none in a Role",
    ),
    "rules as a map": ({**role("r"), "rules": {}}, "rules", "a list"),
    "a null rule": ({**role("r"), "rules": [None]}, "rules[0]", "a map"),
    "a misspelt field": (
        role("r", {**USE_SCCS, "resourceName": ["web"]}),
        "rules[0].resourceName",
        "no such field",
    ),
    "a field of another kind": ({**role("r"), "subjects": []}, "subjects", "no such field"),
    "an aggregated Role": (
        {**role("r", namespace="shop"), "aggregationRule": {}},
        "aggregationRule",
        "no such field",
    ),
    "labels of another type": (
        {**role("r"), "metadata": {"name": "r", "labels": {"a": 1}}},
        "metadata.labels",
        "a map of strings",
    ),
    "no selector": (
        role("r", aggregationRule={"clusterRoleSelectors": []}),
        "aggregationRule.clusterRoleSelectors",
        "at least one",
    ),
    "an unknown operator": (
        role(
            "r",
            aggregationRule={
                "clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "in"}]}]
            },
        ),
        "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator",
        "In, NotIn, Exists, DoesNotExist",
    ),
    "no name": ({**role("r"), "metadata": {}}, "metadata.name", "the object's name"),
    "no metadata": ({**role("r"), "metadata": 3}, "metadata.name", "the object's name"),
    "a slash in the name": (role("a/b"), "metadata.name", "a name without"),
    "an old version": (
        {**role("r"), "apiVersion": "rbac.authorization.k8s.io/v1beta1"},
        "apiVersion",
        "rbac.authorization.k8s.io/v1",
    ),
    "an unknown kind": ({**role("r"), "kind": "Rolle"}, "kind", "Role, ClusterRole"),
    "no roleRef": (
        {**binding("ClusterRole/r"), "roleRef": None},
        "roleRef.name",
        "the name of a role",
    ),
    "a Role bound cluster-wide": (binding("Role/r"), "roleRef.kind", "ClusterRole"),
    "an unknown role kind": (
        binding("Clusterrole/r", namespace="shop"),
        "roleRef.kind",
        "Role or ClusterRole",
    ),
    "a foreign group in roleRef": (
        {
            **binding("ClusterRole/r"),
            "roleRef": {"apiGroup": "x", "kind": "ClusterRole", "name": "r"},
        },
        "roleRef.apiGroup",
        "rbac.authorization.k8s.io",
    ),
    "an unknown subject": (
        binding("ClusterRole/r", {"kind": "user", "name": "a"}),
        "subjects[0].kind",
        "User",
    ),
    "a subject without name": (
        binding("ClusterRole/r", {"kind": "User"}),
        "subjects[0].name",
        "name",
    ),
    "a foreign group of a subject": (
        binding("ClusterRole/r", {**user("a"), "apiGroup": "x"}),
        "subjects[0].apiGroup",
        "rbac.authorization.k8s.io",
    ),
    "an account with a group": (
        binding("ClusterRole/r", {**account("a", "b"), "apiGroup": "rbac.authorization.k8s.io"}),
        "subjects[0].apiGroup",
        "none for a ServiceAccount",
    ),
    "an account without namespace, cluster-wide": (
        binding("ClusterRole/r", account("robot")),
        "subjects[0].namespace",
        "the namespace",
    ),
    "an account that cannot exist": (
        binding("ClusterRole/r", account("a:b", "c")),
        "subjects[0].name",
        "lower-case",
    ),
    "subjects as a map": (
        {**binding("ClusterRole/r"), "subjects": user("a")},
        "subjects",
        "a list",
    ),
    "roleRef as a string": ({**binding("ClusterRole/r"), "roleRef": "admin"}, "roleRef", "a map"),
}


@pytest.mark.parametrize(("obj", "path", "allowed"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_document_is_named_with_its_field(obj, path, allowed):
    with pytest.raises(RbacError) as caught:
        Rbac.from_objects([role("fine"), obj])

    problem = caught.value.problems[0]
    assert (str(problem.path), problem.index) == (path, 1)
    assert allowed in problem.allowed
    assert str(problem).startswith(str(obj["kind"]))
    assert problem.fix


def test_every_broken_document_is_told_at_once():
    with pytest.raises(RbacError) as caught:
        Rbac.from_objects(
            [
                role("r", {**USE_SCCS, "verbs": "use", "resourceName": ["web"]}),
                binding("Role/r", user("")),
            ]
        )

    assert str(caught.value).splitlines() == [
        'ClusterRole r: rules[0].resourceName is ["web"]; allowed: no such field, but verbs, '
        "apiGroups, resources, resourceNames, nonResourceURLs. Fix: write resourceNames.",
        'ClusterRole r: rules[0].verbs is "use"; allowed: a list of strings. '
        "Fix: write a list of quoted strings.",
        'ClusterRoleBinding b: roleRef.kind is "Role"; allowed: ClusterRole. '
        "Fix: write kind: ClusterRole.",
        'ClusterRoleBinding b: subjects[0].name is ""; allowed: the subject\'s name. '
        "Fix: write subjects[0].name as a string.",
    ]


# An index that follows a watch.

NAMESPACES = st.sampled_from(["shop", "office"])
NAMES = st.sampled_from(["a", "b", "c"])
SUBJECT = st.sampled_from(
    [user("alice"), user("bob"), group("devs"), group("ops"), account("robot", "shop")]
)


@st.composite
def objects(draw):
    namespace = draw(st.one_of(st.just(""), NAMESPACES))
    if draw(st.booleans()):
        return role(draw(NAMES), named(*draw(st.sets(NAMES, min_size=1))), namespace=namespace)
    kind = draw(st.sampled_from(["Role", "ClusterRole"])) if namespace else "ClusterRole"
    subjects = draw(st.lists(SUBJECT, max_size=3))
    return binding(f"{kind}/{draw(NAMES)}", *subjects, namespace=namespace, name=draw(NAMES))


def identity(obj: dict[str, Any]) -> tuple[Kind, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


@given(st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), objects()), max_size=30))
def test_an_index_changed_step_by_step_equals_one_built_at_once(steps):
    index, state = RbacIndex(), {}
    live = Rbac(index)
    for action, obj in steps:
        if action == "put":
            index.put(read_rbac(obj))
            state[identity(obj)] = obj
        else:
            index.delete(*identity(obj))
            state.pop(identity(obj), None)
        rebuilt = Rbac.from_objects(copy.deepcopy(list(state.values())))
        for who in (ALICE, ROBOT, User("bob", ("ops",))):
            for namespace in ("shop", "office", ""):
                assert live.grants(who, namespace) == rebuilt.grants(who, namespace)


def test_of_two_bindings_the_other_stays_when_one_goes():
    index = RbacIndex()
    rbac = Rbac(index)
    for obj in (
        role("r", named("web")),
        role("s", named("batch")),
        binding("ClusterRole/r", user("alice"), namespace="shop", name="one"),
        binding("ClusterRole/s", user("alice"), namespace="shop", name="two"),
    ):
        index.put(read_rbac(obj))

    index.delete("RoleBinding", "shop", "one")

    assert rbac.grants(ALICE, "shop") == {"batch"}


def test_a_list_replaces_all_objects_of_its_kind():
    index = RbacIndex()
    rbac = Rbac(index)
    for obj in (role("r", named("web")), binding("ClusterRole/r", user("alice"))):
        index.put(read_rbac(obj))
    assert rbac.grants(ALICE, "shop") == {"web"}

    index.replace("ClusterRole", [read_rbac(role("r", named("batch")))])
    assert rbac.grants(ALICE, "shop") == {"batch"}

    for kind in KINDS:
        index.replace(kind, [])
    assert rbac.grants(ALICE, "shop") == set()


def test_many_askers_do_not_make_it_forget_what_is_right():
    rbac = Rbac.from_objects([role("r", named("web")), binding("ClusterRole/r", user("alice"))])

    for number in range(9000):
        assert rbac.grants(User(f"user-{number}"), "shop") == set()
    assert rbac.grants(ALICE, "shop") == {"web"}
