"""Nobody touches what is another's: by no verb, no subresource and no kind of patch.

By RBAC everybody here may do everything, so whatever is refused, is refused by the webhook.
"""

from typing import Any

import pytest

from tests.cluster.cluster import ADMIN
from tests.cluster.tenancy import attempts
from tests.cluster.tenancy.api import Answer
from tests.cluster.tenancy.attempts import Attempt, changes, every, pod_reports
from tests.cluster.tenancy.world import DEPLOYER, MANAGED, TENANT

EVERY = {**every(), **pod_reports("web")}
"""On the ordinary objects, all of which are called web."""

FOREIGN = ["globex-app", "platform-system", "sandbox", "kube-system", "tenantgate-system"]
"""Another tenant's namespace, the platform's, nobody's, and those with an entry of their own."""

NAMESPACE = "/api/v1/namespaces/{}"


def refused(answer: Answer, rule: str) -> None:
    assert answer.status == 403, answer
    assert '.tenantgate.io" denied the request: ' in answer.message
    assert f"[{rule}]" in answer.message, answer.message


def passes(answer: Answer) -> None:
    """Whatever else the API server may say: that no pod runs, for example."""
    assert "tenantgate.io" not in answer.message, answer.message


class TestForeignNamespaces:
    """What is in a namespace that is not one's own."""

    @pytest.mark.parametrize("what", EVERY)
    @pytest.mark.parametrize("namespace", FOREIGN)
    def test_a_member_is_refused(self, api, world, what, namespace):
        refused(EVERY[what].by("alice", api, namespace), "T-BND-1")

    @pytest.mark.parametrize("user", ["olga", DEPLOYER, "system:serviceaccount:acme-web:default"])
    def test_so_are_owners_and_service_accounts(self, api, world, user):
        for namespace in FOREIGN:
            refused(EVERY["create a config map"].by(user, api, namespace), "T-BND-1")

    @pytest.mark.parametrize("what", every())
    def test_in_her_own_she_may(self, api, world, what):
        """Each of these attempts works where it is not a stranger's: the refusals are no accident."""
        passes(every()[what].by("alice", api, world.web))

    @pytest.mark.parametrize("what", every())
    @pytest.mark.parametrize("user", [ADMIN, "paula"])
    def test_so_may_the_platform(self, api, world, what, user):
        answer = every()[what].by(user, api, world.app)

        assert "T-" not in answer.message

    @pytest.mark.parametrize("what", EVERY)
    @pytest.mark.parametrize("namespace", ["kube-system", "globex-app"])
    def test_a_cluster_administrator_is_never_asked_about(self, api, world, what, namespace):
        passes(EVERY[what].by(ADMIN, api, namespace))

    def test_who_only_asks_what_he_may_do_gets_an_answer(self, api, world):
        review = {
            "spec": {
                "user": "bob",
                "resourceAttributes": {"namespace": world.web, "verb": "get", "resource": "pods"},
            }
        }
        path = f"/apis/authorization.k8s.io/v1/namespaces/{world.web}/localsubjectaccessreviews"

        assert api("bob", "POST", path, review).status == 201


class TestEngine:
    """Tenantgate's own namespace: whoever writes there could switch it off."""

    @pytest.mark.parametrize("what", [what for what, each in EVERY.items() if not each.connects])
    def test_it_is_closed_to_all_but_the_platform(self, api, world, what):
        refused(EVERY[what].by("otto", api, world.engine), "T-OBJ-6")

    @pytest.mark.parametrize("what", every())
    @pytest.mark.parametrize("user", [ADMIN, "paula"])
    def test_who_may_do_anything(self, api, world, what, user):
        passes(every()[what].by(user, api, world.engine))

    @pytest.mark.parametrize("what", every())
    def test_kube_system_is_left_to_rbac_for_those_of_no_tenant(self, api, world, what):
        passes(every()[what].by("otto", api, "kube-system"))


class TestNobody:
    """Who has not said who it is; by a careless binding, RBAC lets it do everything, too."""

    @pytest.mark.parametrize("what", ["create a config map", "pod: delete", "pod: exec"])
    @pytest.mark.parametrize("namespace", ["acme-web", "sandbox", "kube-system"])
    def test_writes_nothing(self, api, world, namespace, what):
        refused(EVERY[what].by("", api, namespace), "T-ID-1")

    def test_does_not_even_ask(self, api, world):
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        spec = {"resourceAttributes": {"verb": "get", "resource": "pods"}}

        refused(api("", "POST", path, {"spec": spec}), "T-ID-1")


MANAGED_OBJECTS: dict[str, tuple[Attempt, str]] = {
    **{
        f"pod: {what}": (each, "T-OBJ-1" if what in ("label", "resize") else "T-WL-9")
        for what, each in attempts.on_pod("platform-agent").items()
    },
    **{
        f"deployment: {what}": (each, "T-OBJ-1")
        for what, each in attempts.on_deployment("platform-logs").items()
    },
    **{
        f"config map: {what}": (each, "T-OBJ-1")
        for what, each in attempts.on_config_map("platform-configmap").items()
    },
    **{
        f"service: {what}": (each, "T-WL-9" if "proxy" in what else "T-OBJ-1")
        for what, each in attempts.on_service("platform-agent").items()
    },
    "mint a token": (attempts.token("platform-serviceaccount"), "T-RBAC-5"),
}


class TestManagedObjects:
    """What the platform keeps in a tenant's own namespace."""

    @pytest.mark.parametrize("what", MANAGED_OBJECTS)
    @pytest.mark.parametrize("user", ["alice", "otto"])
    def test_is_for_the_platform_alone(self, api, world, user, what):
        attempt, rule = MANAGED_OBJECTS[what]

        refused(attempt.by(user, api, world.web), rule)

    @pytest.mark.parametrize("what", MANAGED_OBJECTS)
    @pytest.mark.parametrize("user", ["paula", ADMIN])
    def test_which_may(self, api, world, user, what):
        answer = MANAGED_OBJECTS[what][0].by(user, api, world.web)

        assert "T-" not in answer.message

    def test_the_marker_is_not_dropped_along_with_an_edit(self, api, world):
        edit = {"metadata": {"labels": {MANAGED: None}}, "data": {"a": "mine"}}
        path = f"{NAMESPACE}/configmaps/platform-configmap"

        refused(Attempt("PATCH", path, edit, "merge patch").by("alice", api, world.web), "T-OBJ-1")

    @pytest.mark.parametrize(
        "metadata",
        [
            {"labels": {MANAGED: "true"}},
            {"annotations": {MANAGED: "true"}},
            {"name": "platform-mine"},
        ],
        ids=["label", "annotation", "name"],
    )
    def test_its_marks_are_not_forged(self, api, world, metadata):
        body = {"metadata": {"name": "mine", **metadata}}

        refused(
            Attempt("POST", f"{NAMESPACE}/configmaps", body).by("alice", api, world.web), "T-OBJ-2"
        )

    def test_nothing_is_hung_on_it(self, api, world, cluster):
        """As its dependent it would keep it from going, or go along."""
        quota = cluster.get("resourcequota", "platform-resourcequota", world.web)
        owner = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "name": quota["metadata"]["name"],
            "uid": quota["metadata"]["uid"],
        }
        body = {"metadata": {"name": "mine", "ownerReferences": [owner]}}

        refused(
            Attempt("POST", f"{NAMESPACE}/configmaps", body).by("alice", api, world.web), "T-OBJ-4"
        )


def _as_owned_by(tenant: str | None) -> dict[str, Any]:
    return {"metadata": {"labels": {TENANT: tenant}}}


def _ways(namespace: str, patch: dict[str, Any]) -> dict[str, Attempt]:
    """Return every way to change a Namespace's labels, its subresources included."""
    put = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace}},
    }
    put["metadata"]["labels"].update(  # type: ignore[index]  # the test has just made it so
        {key: value for key, value in patch["metadata"]["labels"].items() if value}
    )
    path = f"/api/v1/namespaces/{namespace}"
    return {
        **changes(path, put, patch),
        **{f"status, {what}": each for what, each in changes(f"{path}/status", put, patch).items()},
        "finalize, replace": Attempt("PUT", f"{path}/finalize", put),
    }


MOVES = {
    "hand over": _ways("acme-web", _as_owned_by("globex")),
    "adopt": _ways("sandbox", _as_owned_by("acme")),
    "relax pod security": _ways(
        "acme-web", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    ),
}
MOVE_CASES = [
    pytest.param(attempt, id=f"{what}, {how}")
    for what, ways in MOVES.items()
    for how, attempt in ways.items()
]


class TestNamespaceObjects:
    """Whose a namespace is does not change by anybody's hand but the platform's."""

    @pytest.mark.parametrize("attempt", MOVE_CASES)
    @pytest.mark.parametrize("user", ["olga", "alice", "gina", "otto"])
    def test_it_is_not_moved(self, api, world, user, attempt):
        answer = attempt.by(user, api)

        assert answer.status == 403, answer
        assert "[T-" in answer.message

    @pytest.mark.parametrize("user", ["olga", "otto"])
    @pytest.mark.parametrize("how", ["replace", "json patch"])
    def test_it_is_not_let_go(self, api, world, user, how):
        """Without its stamp it would be nobody's, and no rule's business."""
        put = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "acme-web"}}
        remove = [{"op": "remove", "path": "/metadata/labels/tenantgate.io~1tenant"}]
        path = "/api/v1/namespaces/acme-web"
        attempt = (
            Attempt("PUT", path, put) if how == "replace" else Attempt("PATCH", path, remove, how)
        )

        refused(attempt.by(user, api), "T-NS-4")

    @pytest.mark.parametrize(
        ("user", "namespace"),
        [
            ("alice", "acme-web"),
            ("alice", "globex-app"),
            ("olga", "globex-app"),
            ("olga", "sandbox"),
            ("olga", "platform-system"),
            ("olga", "tenantgate-system"),
        ],
    )
    def test_it_is_not_deleted_by_others(self, api, world, user, namespace):
        refused(Attempt("DELETE", f"/api/v1/namespaces/{namespace}").by(user, api), "T-NS-6")

    def test_its_owner_may_delete_it(self, api, world):
        passes(Attempt("DELETE", "/api/v1/namespaces/acme-ci").by("olga", api))

    def test_its_owner_may_label_it(self, api, world):
        patch = {"metadata": {"labels": {"team": "web"}}}

        answer = Attempt("PATCH", "/api/v1/namespaces/acme-web", patch, "merge patch").by(
            "olga", api
        )

        assert answer.status == 200, answer

    @pytest.mark.parametrize("what", [what for what in MOVES if what != "relax pod security"])
    def test_the_platform_may(self, api, world, what):
        for attempt in MOVES[what].values():
            assert "T-" not in attempt.by("paula", api).message
