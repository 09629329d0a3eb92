"""Our RBAC gives the answers of the API server's, and of its aggregation controller."""

import os
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.envtest import ASSETS
from tests.cluster.process import Process, eventually
from webhook.cluster.client import Api, connect
from webhook.core.model.request import User
from webhook.core.rbac import Rbac, Role, read_rbac
from webhook.core.rbac.aggregation import aggregated

GROUP = "rbac.authorization.k8s.io"
RESOURCES = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
QUESTIONS = 1500

DICE = random.Random(4711)  # noqa: S311 - the same cases in every run


def some(*values: str) -> list[str]:
    """Return one to three of the values."""
    return DICE.sample(values, DICE.randint(1, min(3, len(values))))


def rule(*, urls: bool) -> dict[str, Any]:
    """Return a rule of a role, odd ones included."""
    if urls and DICE.random() < 0.2:
        return {
            "verbs": some("get", "*"),
            "nonResourceURLs": some("/a", "/a/*", "/b*", "*", "/*/c"),
        }
    made = {
        "verbs": some("use", "get", "*", "Use"),
        "apiGroups": some("security.openshift.io", "", "*", "apps", "*.openshift.io"),
        "resources": some(
            "securitycontextconstraints", "pods", "*", "*/scale", "pods/log", "pods/*", "*/*", "*/"
        ),
    }
    if DICE.random() < 0.6:
        made["resourceNames"] = some("web", "batch", "*")
    return made


def subject(kind: str, namespaces: list[str]) -> dict[str, Any]:
    """Return a subject of a binding of that kind."""
    robots = [f"system:serviceaccount:{namespace}:robot" for namespace in namespaces]
    match DICE.choice(["User", "Group", "ServiceAccount"]):
        case "User":
            return {"kind": "User", "apiGroup": GROUP, "name": DICE.choice(["ann", "bob", *robots])}
        case "Group":
            groups = [f"system:serviceaccounts:{namespace}" for namespace in namespaces]
            names = ["devs", "ops", "ann", "system:serviceaccounts", *groups]
            return {"kind": "Group", "apiGroup": GROUP, "name": DICE.choice(names)}
        case _:
            made = {"kind": "ServiceAccount", "name": DICE.choice(["robot", "default", "ann"])}
            if kind == "ClusterRoleBinding" or DICE.random() < 0.5:
                made["namespace"] = DICE.choice(namespaces)
            return made


def objects(namespaces: list[str]) -> Iterator[dict[str, Any]]:
    """Yield roles and bindings; some bindings name roles that do not exist."""
    for number in range(12):
        rules = [rule(urls=True) for _ in range(DICE.randint(0, 2))]
        yield _object("ClusterRole", f"random-{number}", "", rules=rules)
        for namespace in namespaces:
            rules = [rule(urls=False) for _ in range(DICE.randint(0, 2))]
            yield _object("Role", f"random-{number}", namespace, rules=rules)
    for number in range(10):
        for namespace in ("", *namespaces):
            kind = "RoleBinding" if namespace else "ClusterRoleBinding"
            role_kind = DICE.choice(["Role", "ClusterRole"]) if namespace else "ClusterRole"
            name = f"random-{DICE.randint(0, 13)}"
            subjects = [subject(kind, namespaces) for _ in range(DICE.randint(0, 2))]
            ref = {"apiGroup": GROUP, "kind": role_kind, "name": name}
            yield _object(kind, f"random-{number}", namespace, roleRef=ref, subjects=subjects)


def users(namespaces: list[str]) -> list[User]:
    """Return people and service accounts, with and without what a token would bring along."""
    robots = [User.service_account(namespace, "robot") for namespace in namespaces]
    return [
        User("ann"),
        User("ann", ("devs",)),
        User("bob", ("ops", "system:authenticated")),
        User("carol", ("ann", "devs", "ops")),
        User("root", ("system:masters",)),
        User("system:serviceaccounts"),
        User(robots[0].name),
        *robots,
    ]


def _object(kind: str, name: str, namespace: str, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, **rest}


def listed(api: Api, resource: str) -> list[dict[str, Any]]:
    """Return all objects of an RBAC resource, spelt as in a file."""
    page = api.get(f"/apis/{GROUP}/v1/{resource}", timeout=10)
    kind = page["kind"].removesuffix("List")
    return [{"apiVersion": f"{GROUP}/v1", "kind": kind, **item} for item in page["items"]]


def allowed(api: Api, who: User, **attributes: Any) -> bool:
    """Return the API server's own answer."""
    spec = {"user": who.name, "groups": list(who.groups), **attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    review = api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body, timeout=10)
    return bool(review["status"]["allowed"])


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> Iterator[Api]:
    api = connect(cluster.kubeconfig(ADMIN))
    yield api
    api.close()


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster, admin: Api) -> Iterator[list[str]]:
    """Two namespaces full of random roles and bindings, which the API server has taken up.

    Afterwards nothing is bound cluster-wide any more.
    """
    bound = {item["metadata"]["name"] for item in listed(admin, "clusterrolebindings")}
    made = [cluster.namespace("rbac"), cluster.namespace("rbac")]
    cluster.create(*objects(made))
    rules = [{"verbs": ["see"], "apiGroups": [""], "resources": ["last"]}]
    for kind, namespace in (("ClusterRole", ""), ("Role", made[0])):
        ref = {"apiGroup": GROUP, "kind": kind, "name": "last"}
        last = [{"kind": "User", "apiGroup": GROUP, "name": f"last-{kind}"}]
        cluster.create(
            _object(kind, "last", namespace, rules=rules),
            _object(f"{kind}Binding", "last", namespace, roleRef=ref, subjects=last),
        )
        asked = {"verb": "see", "resource": "last", "namespace": namespace}
        eventually(partial(allowed, admin, User(f"last-{kind}"), resourceAttributes=asked))
    yield made
    for item in listed(admin, "clusterrolebindings"):
        if (name := item["metadata"]["name"]) not in bound:
            cluster.kubectl("delete", "clusterrolebinding", name, user=ADMIN)


def test_every_answer_is_the_api_servers(admin, namespaces):
    rbac = Rbac.from_objects(
        [item for resource in RESOURCES for item in listed(admin, resource)], aggregate=False
    )
    people = users(namespaces)
    yes = 0

    for _ in range(QUESTIONS):
        who = DICE.choice(people)
        asked = {
            "verb": DICE.choice(["use", "get", "delete"]),
            "group": DICE.choice(["security.openshift.io", "", "apps"]),
            "resource": DICE.choice(["securitycontextconstraints", "pods", "deployments"]),
            "subresource": DICE.choice(["", "", "", "scale", "log"]),
            "namespace": DICE.choice(["", *namespaces, "elsewhere"]),
            "name": DICE.choice(["", "web", "batch", "*", "other"]),
        }
        ours = rbac.allows(who, **asked)
        assert ours == allowed(admin, who, resourceAttributes=asked), f"{who} {asked}"
        yes += ours

    assert QUESTIONS / 5 < yes < QUESTIONS * 4 / 5, "cases that say next to nothing"


def test_urls_too(admin, namespaces):
    rbac = Rbac.from_objects(
        [item for resource in RESOURCES for item in listed(admin, resource)], aggregate=False
    )
    for who in users(namespaces):
        for verb in ("get", "post"):
            for path in ("/a", "/a/b", "/b", "/bc", "/c", "/x/c", "/healthz"):
                ours = rbac.allows_url(who, verb, path)
                asked = {"verb": verb, "path": path}
                theirs = allowed(admin, who, nonResourceAttributes=asked)
                assert ours == theirs, f"{who} {asked}"


def test_grants_are_the_names_that_may_be_used(admin, namespaces):
    rbac = Rbac.from_objects(
        [item for resource in RESOURCES for item in listed(admin, resource)], aggregate=False
    )
    for who in users(namespaces):
        for namespace in namespaces:
            granted = rbac.grants(who, namespace)
            for name in ("web", "batch", "*", "other"):
                asked = {
                    "verb": "use",
                    "group": "security.openshift.io",
                    "resource": "securitycontextconstraints",
                    "namespace": namespace,
                    "name": name,
                }
                theirs = allowed(admin, who, resourceAttributes=asked)
                assert (name in granted) == theirs, f"{who} {namespace} {name}"


SELECTORS = {
    "labels": [{"matchLabels": {"agg": "a"}}],
    "either": [{"matchLabels": {"agg": "a"}}, {"matchLabels": {"agg": "b"}}],
    "both": [{"matchLabels": {"agg": "a", "tier": "x"}}],
    "in": [{"matchExpressions": [{"key": "agg", "operator": "In", "values": ["b", "c"]}]}],
    "not-in": [
        {
            "matchExpressions": [
                {"key": "agg", "operator": "NotIn", "values": ["a"]},
                {"key": "agg", "operator": "Exists"},
            ]
        }
    ],
    "absent": [
        {
            "matchLabels": {"tier": "x"},
            "matchExpressions": [{"key": "agg", "operator": "DoesNotExist"}],
        }
    ],
    "nested": [{"matchLabels": {"chain": "inner"}}],
}


@pytest.fixture
def _aggregation(cluster: Cluster) -> Iterator[None]:
    """The ClusterRole aggregation controller."""
    binary = ASSETS / "kube-controller-manager"
    if not os.access(binary, os.X_OK):
        pytest.skip(f"no kube-controller-manager in {ASSETS}: put the API server's version there")
    running = Process(
        [
            binary,
            f"--kubeconfig={cluster.kubeconfig(ADMIN)}",
            "--controllers=clusterrole-aggregation-controller",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        cluster.plane.folder / "clusterrole-aggregation.log",
    )
    running.start()
    yield
    running.stop()


@pytest.mark.usefixtures("_aggregation")
def test_aggregated_roles_get_what_the_controller_gives_them(cluster, admin):
    parts = [("a", "x"), ("a", "y"), ("b", "x"), ("c", ""), ("", "x")]
    for number, (agg, tier) in enumerate(parts):
        labels = {key: value for key, value in (("agg", agg), ("tier", tier)) if value}
        made = _object("ClusterRole", f"part-{number}", "", rules=[rule(urls=True)])
        made["metadata"]["labels"] = labels
        cluster.create(made)
    for name, selectors in SELECTORS.items():
        made = _object("ClusterRole", f"whole-{name}", "", rules=[])
        made["metadata"]["labels"] = {"chain": "inner"} if name in ("in", "absent") else {}
        cluster.create({**made, "aggregationRule": {"clusterRoleSelectors": selectors}})

    def differing() -> list[str]:
        stored = listed(admin, "clusterroles")
        blank = [{**item, "rules": []} if item.get("aggregationRule") else item for item in stored]
        theirs = {role.name: role for item in stored if isinstance(role := read_rbac(item), Role)}
        ours = aggregated(role for item in blank if isinstance(role := read_rbac(item), Role))
        return [
            role.name
            for role in ours
            if set(role.permissions.rules) != set(theirs[role.name].permissions.rules)
        ]

    eventually(lambda: not differing(), timeout=30)
    assert listed(admin, "clusterroles")
    filled = {item["metadata"]["name"] for item in listed(admin, "clusterroles") if item["rules"]}
    assert filled >= {"admin", "edit", "view", *(f"whole-{name}" for name in SELECTORS)}
