"""Whoever edits tenantgate's own policies is told at once what would not load."""

import base64
from typing import Any

import pytest

from tests.core.registration.samples import SCC, policies
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import Facts, Operation, Request, User
from webhook.core.policyset import PolicySet

POLICIES = policies(SCC, engineNamespace="gate")
MASTER = User("admin", ("system:masters", "system:authenticated"))
BROKEN = SCC + "priority: x\n"


def config_map(
    data: Any = None, *, label: str | None = "true", binary: dict[str, str] | None = None
) -> dict[str, Any]:
    labels = {} if label is None else {"tenantgate.io/policies": label}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "policies", "namespace": "gate", "labels": labels},
        **({} if data is None else {"data": data}),
        **({} if binary is None else {"binaryData": binary}),
    }


def write(
    new: Any,
    old: Any = None,
    *,
    user: User = MASTER,
    namespace: str = "gate",
    loaded: PolicySet = POLICIES,
) -> Decision:
    operation: Operation = "CREATE" if old is None else "UPDATE"
    request = Request(
        operation=operation,
        resource="configmaps",
        kind="ConfigMap",
        user=user,
        namespace=namespace,
        name="policies",
        phase="validate",
        load=lambda: new,
        load_old=lambda: old,
    )
    return decide(request, Facts(), loaded)


def test_a_set_that_loads_is_stored() -> None:
    decision = write(config_map({"only.yaml": SCC}))

    assert decision.allowed
    assert decision.warnings == ()


def test_mistakes_are_told_all_at_once_with_their_places() -> None:
    decision = write(config_map({"a.yaml": BROKEN, "b.yaml": "kind: Tenant"}))

    assert not decision.allowed
    assert (decision.code, decision.reason) == (403, "Forbidden")
    assert decision.message.splitlines() == [
        'the policies in ConfigMap "policies" would not load: 2 mistakes',
        'a.yaml:7:11: priority is "x"; allowed: a whole number.',
        decision.message.splitlines()[2],
        "Fix: correct them and apply again; until then the policies in force stay as they are.",
    ]
    assert decision.message.splitlines()[2].startswith("b.yaml:1:1: ")


def test_no_more_is_told_than_fits() -> None:
    many = {f"{number:03}.yaml": BROKEN for number in range(200)}

    message = write(config_map(many)).message

    assert 1800 < len(message.encode()) <= 2048
    assert "would not load: 399 mistakes" in message  # each name but one is there twice, too
    assert message.splitlines()[-2].startswith("... and 3")


@pytest.mark.parametrize("enforcement", ["deny", "warn", "audit"])
def test_so_they_are_where_policies_only_observe(enforcement: str) -> None:
    loaded = policies(SCC, engineNamespace="gate", enforcement=enforcement)

    assert not write(config_map({"a.yaml": BROKEN}), loaded=loaded).allowed


def test_what_is_odd_is_a_warning() -> None:
    tenant = (
        "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\n"
        "spec: {owners: [{kind: Group, name: acme-leads}]}\n"
    )
    decision = write(config_map({"tenant.yaml": tenant}))

    assert decision.allowed
    assert any("no SecurityContextConstraints" in warning for warning in decision.warnings)


@pytest.mark.parametrize(
    ("new", "namespace"),
    [
        (config_map({"a.yaml": BROKEN}, label=None), "gate"),
        (config_map({"a.yaml": BROKEN}, label="no"), "gate"),
        (config_map({"a.yaml": BROKEN}), "shop"),
    ],
    ids=["no label", "another value", "another namespace"],
)
def test_other_config_maps_are_nobodys_policies(new: Any, namespace: str) -> None:
    assert write(new, namespace=namespace).allowed


@pytest.mark.parametrize("data", [None, {}, {"README.md": "a"}, {"a_test.yaml": SCC}])
def test_a_set_without_a_policy_would_not_load(data: Any) -> None:
    """An empty folder is a slip, not the wish that nothing be judged any more."""
    assert "a set holds at least one" in write(config_map(data)).message


def test_only_files_that_the_loader_reads_count() -> None:
    data = {"a.yaml": SCC, "notes.txt": "a: [", ".hidden.yaml": "a: [", "a_test.yaml": "a: ["}

    assert write(config_map(data, binary={"logo.png": "/9j/"})).allowed


def test_binary_files_count_like_others() -> None:
    """A file with a mark of byte order ends up there."""
    good = base64.b64encode(b"\xef\xbb\xbf" + SCC.encode()).decode()
    bad = base64.b64encode(BROKEN.encode()).decode()

    assert write(config_map(binary={"a.yaml": good})).allowed
    assert "a.yaml:7:11" in write(config_map(binary={"a.yaml": bad})).message
    assert "a.yaml:1:1: is not UTF-8 text" in write(config_map(binary={"a.yaml": "/9j/"})).message


class TestUpdates:
    def test_a_set_may_not_become_worse(self) -> None:
        old = config_map({"a.yaml": SCC})

        assert not write(config_map({"a.yaml": BROKEN}), old).allowed
        assert not write(config_map({}), old).allowed

    def test_what_leaves_the_files_alone_passes_whatever_they_hold(self) -> None:
        """It was stored while nobody answered, say; its owner and its finalizers may change."""
        old = config_map({"a.yaml": BROKEN})
        new = config_map({"a.yaml": BROKEN})
        new["metadata"]["annotations"] = {"team": "platform"}

        assert write(new, old).allowed

    def test_to_put_the_label_on_is_to_make_a_policy_of_it(self) -> None:
        old = config_map({"a.yaml": BROKEN}, label=None)

        assert not write(config_map({"a.yaml": BROKEN}), old).allowed

    def test_the_label_may_be_taken_off_and_somebody_is_warned(self) -> None:
        decision = write(config_map({"a.yaml": SCC}, label=None), config_map({"a.yaml": SCC}))

        assert decision.allowed
        (warning,) = decision.warnings
        assert "later edits of this ConfigMap are not checked" in warning

    def test_it_does_not_come_off_together_with_a_mistake(self) -> None:
        new = config_map({"a.yaml": BROKEN}, label=None)

        assert not write(new, config_map({"a.yaml": SCC})).allowed


@pytest.mark.parametrize("data", [[], "a", {"a.yaml": 1}])
def test_what_is_no_config_map_is_refused(data: Any) -> None:
    decision = write(config_map(data))

    assert not decision.allowed
    assert decision.code == 422
    assert decision.message.startswith("not evaluated: the object is no readable ConfigMap")


def test_others_than_the_platform_are_refused_in_any_case() -> None:
    tenant = "\n---\napiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\nspec: {owners: [{kind: Group, name: acme-leads}]}\n"
    loaded = policies(SCC + tenant, engineNamespace="gate")
    alice = User("alice", ("acme-leads", "system:authenticated"))

    decision = write(config_map({"a.yaml": BROKEN}), user=alice, loaded=loaded)

    assert not decision.allowed
    assert decision.code == 403
    assert "T-BND-1" in decision.message
    assert "a.yaml:7:11" in decision.message
