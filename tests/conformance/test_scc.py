"""The engine against verdicts recorded from OpenShift's own admission plugin."""

import json
from functools import cache
from typing import Any

import pytest

from tests.conformance.oracle import FOLDER, records
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import EVERYTHING, Facts, Grants, Namespace, Request, User
from webhook.core.platform import Platform, SccSettings
from webhook.core.policyset import PolicySet
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.document import read_scc
from webhook.core.scc.order import in_order

DIFFERENT_BY_DESIGN = {"missing-builtin", "unbuildable-scc"}
RECORDS = records("scc-examples.jsonl.gz")
BUILTIN = json.loads((FOLDER / "builtin-sccs.json").read_text())
PLATFORM = Platform(scc=SccSettings(exempt_namespaces=frozenset(), pod_updates="openshift"))


class Granted:
    """RBAC as a record lists it."""

    def __init__(self, grants: list[dict[str, Any]]) -> None:
        self._grants = grants

    def grants(self, user: User, namespace: str) -> Grants:
        names = {
            grant["scc"]
            for grant in self._grants
            if (grant.get("user") == user.name or grant.get("group") in user.groups)
            and grant.get("namespace") in (None, namespace)
        }
        return EVERYTHING if "*" in names else frozenset(names)


@cache
def constraint(text: str) -> Constraint:
    built, mistakes, _ = read_scc(json.loads(text))
    assert built is not None, mistakes
    return built


def policies(record: dict[str, Any]) -> PolicySet:
    by_name: dict[str, dict[str, Any]] = {}
    for scc in record["sccs"]:
        if scc == "@builtin":
            by_name.update(BUILTIN)
        elif isinstance(scc, str):
            by_name[scc] = BUILTIN[scc]
        else:
            by_name[scc["metadata"]["name"]] = scc
    sccs = in_order([constraint(json.dumps(scc)) for scc in by_name.values()])
    return PolicySet(sccs=sccs, platform=PLATFORM)


def facts(record: dict[str, Any]) -> Facts:
    described = record["namespace"]
    namespace = Namespace(
        described["name"], described.get("labels") or {}, described.get("annotations") or {}
    )
    return Facts(
        namespace=None if described.get("missing") else namespace,
        access=Granted(record["grants"]),
    )


def ask(record: dict[str, Any], phase: Any, pod: Any) -> Decision:
    request = Request(
        operation=record["op"],
        resource="pods",
        kind="Pod",
        subresource=record.get("subresource", ""),
        namespace=record["namespace"]["name"],
        name=pod["metadata"].get("name", ""),
        user=User(record["user"]["name"], tuple(record["user"].get("groups") or ())),
        phase=phase,
        load=lambda: pod,
        load_old=lambda: record.get("oldPod"),
    )
    return decide(request, facts(record), policies(record))


def sent(record: dict[str, Any]) -> Any:
    """Return the pod as in-tree admission saw it: JSON would have lost an explicit empty list."""
    pod = json.loads(json.dumps(record.get("defaultedPod") or record["pod"]))
    context = record["pod"]["spec"].get("securityContext") or {}
    if context.get("supplementalGroups") == []:
        pod["spec"].setdefault("securityContext", {})["supplementalGroups"] = []
    return pod


def compact(value: Any) -> Any:
    """Leave out null and empty members, and compare capability lists as sets."""
    if isinstance(value, dict):
        members = {key: compact(item) for key, item in value.items()}
        kept = {key: item for key, item in members.items() if item not in (None, {}, [])}
        for key in ("add", "drop"):
            if key in kept:
                kept[key] = sorted(set(kept[key]))
        return kept
    return [compact(item) for item in value] if isinstance(value, list) else value


def contexts(pod: Any) -> Any:
    spec = pod["spec"]
    kinds = ("containers", "initContainers", "ephemeralContainers")
    return compact(
        {
            "pod": spec.get("securityContext"),
            **{
                kind: {c["name"]: c.get("securityContext") for c in spec.get(kind) or ()}
                for kind in kinds
            },
        }
    )


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if not DIFFERENT_BY_DESIGN & set(record["tags"])],
    ids=lambda record: record["id"],
)
def test_same_as_openshift(record: dict[str, Any]) -> None:
    expect = record["expect"]
    pod = sent(record)

    admitted = ask(record, "mutate", pod)
    decision = ask(record, "validate", admitted.object) if admitted.allowed else admitted

    assert decision.allowed == expect["allowed"], decision.message
    if not decision.allowed:
        assert expect["stage"] == ("validate" if admitted.allowed else "admit")
        return
    assert bool(admitted.skipped) == bool(expect.get("skipped"))
    result = admitted.object
    if expect.get("skipped"):
        assert result == pod
        return
    assert admitted.scc == expect["scc"]
    assert admitted.subject == expect["subjectType"]
    assert (result["metadata"].get("annotations") or {}) == expect["annotations"]
    assert contexts(result) == compact(expect["securityContext"])
    if record["op"] == "CREATE":
        assert admitted.audit["reason"] == expect["reason"]


@pytest.mark.parametrize(
    "record",
    [r for r in RECORDS if "order" in r["expect"] and not DIFFERENT_BY_DESIGN & set(r["tags"])],
    ids=lambda record: record["id"],
)
def test_same_order(record: dict[str, Any]) -> None:
    required = (record["pod"]["metadata"].get("annotations") or {}).get("openshift.io/required-scc")
    order = [scc.name for scc in policies(record).sccs]

    assert [name for name in order if not required or name == required] == record["expect"]["order"]
