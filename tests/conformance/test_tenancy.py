"""The tenancy rules against cases with known decisions."""

import json
from typing import Any, cast

import jsonpatch
import pytest

from tests.conformance.oracle import FOLDER, records
from webhook.cluster.world import OfflineWorld
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import Facts, Request, User
from webhook.core.policyset import parse_policies

NEUTRAL, OURS = "tenancy.example.io", "tenantgate.io"


def translated(text: str) -> str:
    """Put our label domain where the neutral one stands; look-alikes stay look-alikes."""
    for mark in ('"', "/", " ", "=", "."):
        text = text.replace(f"{mark}{NEUTRAL}", f"{mark}{OURS}")
    return text


RECORDS = [
    json.loads(translated(json.dumps(record))) for record in records("tenancy-examples.jsonl")
]
BASELINE = json.loads(translated((FOLDER / "tenancy-baseline.json").read_text()))
_ALLOWED = {
    "ingressClasses": ("ingressClasses", "names"),
    "defaultIngressClass": ("ingressClasses", "default"),
    "storageClasses": ("storageClasses", "names"),
    "defaultStorageClass": ("storageClasses", "default"),
    "priorityClasses": ("priorityClasses", "names"),
    "defaultPriorityClass": ("priorityClasses", "default"),
    "gatewayClasses": ("gatewayClasses", "names"),
    "runtimeClasses": ("runtimeClasses", "names"),
    "loadBalancerClasses": ("loadBalancers", "classes"),
    "loadBalancerCIDRs": ("loadBalancers", "sourceRanges"),
}


def platform(overrides: dict[str, Any]) -> dict[str, Any]:
    merged = {**BASELINE, **overrides}
    merged["rules"] = {**BASELINE["rules"], **overrides.get("rules", {})}
    keys = (
        *("admins", "namespaces", "reservedNames", "reservedObjectPrefix", "cluster"),
        *("protectedCIDRs", "controlPlaneLabels", "hostnames", "otherSubjects", "rules"),
        "tenantClusterKinds",
    )
    spec = {key: merged[key] for key in keys if key in merged}
    spec["engineNamespace"] = merged["policyEngine"]["namespace"]
    return {
        "apiVersion": "tenantgate.io/v1",
        "kind": "Platform",
        "metadata": {"name": "platform"},
        "spec": spec,
    }


def tenant(described: dict[str, Any]) -> dict[str, Any]:
    allow: dict[str, Any] = {}
    for key, value in (described.get("allowed") or {}).items():
        if key in _ALLOWED:
            outer, inner = _ALLOWED[key]
            allow.setdefault(outer, {})[inner] = value
        else:
            allow[key] = value
    namespaces = {
        ours: described[key]
        for key, ours in (
            ("namespacePrefix", "prefix"),
            ("namespaceQuota", "quota"),
            ("nodeSelector", "nodeSelector"),
            ("protectNamespaces", "protect"),
            ("namespaceLabels", "labels"),
        )
        if key in described
    }
    spec = {
        "owners": described.get("owners") or [],
        "members": described.get("members") or [],
        "suspended": described.get("suspended", False),
        "namespaces": namespaces,
        "allow": allow,
    }
    return {
        "apiVersion": "tenantgate.io/v1",
        "kind": "Tenant",
        "metadata": {"name": described["name"]},
        "spec": spec,
    }


class Described:
    """The cluster that a record describes."""

    def __init__(self, context: dict[str, Any]) -> None:
        namespaces = [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": item["name"],
                    "labels": item.get("labels") or {},
                    "annotations": item.get("annotations") or {},
                    **(
                        {"deletionTimestamp": "2026-01-01T00:00:00Z"}
                        if item.get("phase") == "Terminating"
                        else {}
                    ),
                },
                "status": {"phase": item.get("phase", "Active")},
            }
            for item in context["namespaces"]
        ]
        self.world = OfflineWorld([*namespaces, *(context.get("objects") or ())])


def ask(record: dict[str, Any], phase: Any, obj: Any) -> Decision:
    context, described = record["context"], record["request"]
    documents = [
        platform(context.get("platform") or {}),
        *map(tenant, context.get("tenants") or ()),
    ]
    policies = parse_policies(
        {f"{index}.json": json.dumps(document) for index, document in enumerate(documents)}
    )
    world = Described(context).world
    user = described["userInfo"]
    request = Request(
        operation=described["operation"],
        group=described["resource"]["group"],
        version=described["resource"]["version"],
        resource=described["resource"]["resource"],
        kind=described["kind"]["kind"],
        subresource=described.get("subResource") or "",
        namespace=described.get("namespace") or "",
        name=described.get("name") or "",
        user=User(user.get("username") or "", tuple(user.get("groups") or ())),
        dry_run=described.get("dryRun", False),
        phase=phase,
        load=lambda: obj,
        load_old=lambda: described.get("oldObject"),
    )
    facts = Facts(namespace=world.namespace(request.namespace), world=world)
    return decide(request, facts, policies)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['id']}-{r['rule']}-{r['expect']}")
def test_same_decision(record: dict[str, Any]) -> None:
    sent = record["request"].get("object")
    admitted = ask(record, "mutate", sent)
    final = jsonpatch.apply_patch(sent, list(admitted.patch)) if admitted.patch else sent
    decision = ask(record, "validate", final) if admitted.allowed else admitted

    assert decision.allowed == (record["expect"] != "deny"), decision.message or record["why"]
    if record["expect"] == "mutate":
        for wanted in record["assert"]:
            value = cast(Any, final)
            for step in wanted["path"]:
                value = value[step]
            assert value == wanted["equals"]
