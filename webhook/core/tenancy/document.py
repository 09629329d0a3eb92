"""The Tenant document: its schema, and all that can be wrong in one on its own."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.pattern import network
from webhook.core.model.schema import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    METADATA,
    STRING,
    STRING_OR_INTEGER,
    STRINGS,
    ListOf,
    MapOf,
    Mistake,
    Object,
    Scalar,
)
from webhook.core.model.selector import SelectorError, read_selector
from webhook.core.platform import LEVELS

API_VERSION = "tenantgate.io/v1"
KIND = "Tenant"

_SUBJECTS = ListOf(
    Object(
        {
            "kind": Scalar(str, ("User", "Group", "ServiceAccount")),
            "name": STRING,
            "namespace": STRING,
            "apiGroup": STRING,
        },
        required=("kind", "name"),
    )
)
_CLASSES = Object({"names": STRINGS, "default": STRING})
_KEYS = Object({"allow": STRINGS, "deny": STRINGS, "required": MapOf(STRING)})
_ALLOW = Object(
    {
        "serviceTypes": ListOf(
            Scalar(str, ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"))
        ),
        "nodePorts": ListOf(STRING_OR_INTEGER),
        "loadBalancers": Object({"classes": STRINGS, "sourceRanges": STRINGS, "ips": STRINGS}),
        "externalIPs": STRINGS,
        "externalNames": STRINGS,
        "endpointCIDRs": STRINGS,
        "ingressClasses": _CLASSES,
        "hostnames": STRINGS,
        "wildcardHosts": BOOLEAN,
        "hostCollision": Scalar(str, ("cluster", "tenant", "namespace", "off")),
        "gatewayClasses": _CLASSES,
        "gateways": STRINGS,
        "storageClasses": _CLASSES,
        "csiInline": STRINGS,
        "priorityClasses": _CLASSES,
        "runtimeClasses": _CLASSES,
        "schedulers": STRINGS,
        "deviceClasses": STRINGS,
        "registries": STRINGS,
        "pullPolicies": ListOf(Scalar(str, ("Always", "IfNotPresent", "Never"))),
        "tolerations": STRINGS,
        "clusterRoles": STRINGS,
        "subjects": _SUBJECTS,
        "tokenAudiences": STRINGS,
        "iamRoles": STRINGS,
        "clusterRefs": MapOf(STRINGS),
        "peers": STRINGS,
        "objectLabels": _KEYS,
        "objectAnnotations": _KEYS,
    }
)
SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "spec": Object(
            {
                "owners": _SUBJECTS,
                "members": _SUBJECTS,
                "allowForeignServiceAccounts": BOOLEAN,
                "suspended": BOOLEAN,
                "namespaces": Object(
                    {
                        "prefix": STRING,
                        "prefixOverlap": Scalar(str, ("refuse", "accept")),
                        "names": STRINGS,
                        "selector": ANYTHING,
                        "quota": INTEGER,
                        "protect": BOOLEAN,
                        "labels": _KEYS,
                        "annotations": _KEYS,
                        "nodeSelector": MapOf(STRING),
                    }
                ),
                "allow": _ALLOW,
                "podSecurity": Object({"require": Scalar(str, LEVELS)}),
                "provision": Object(
                    {
                        "template": STRING,
                        "parameters": MapOf(STRING),
                        "resourceQuota": MapOf(STRING_OR_INTEGER),
                        "limitRange": Object(
                            {
                                key: MapOf(STRING_OR_INTEGER)
                                for key in (
                                    "default",
                                    "defaultRequest",
                                    "min",
                                    "max",
                                    "maxLimitRequestRatio",
                                )
                            }
                        ),
                        "networkPolicy": Scalar(str, ("default-deny", "none")),
                        "roleBindings": ListOf(
                            Object(
                                {
                                    "clusterRole": STRING,
                                    "to": Scalar(str, ("owners", "members")),
                                },
                                required=("clusterRole", "to"),
                            )
                        ),
                    }
                ),
            },
            required=("owners",),
        ),
    },
    required=("metadata", "spec"),
)


def mistakes(document: Mapping[str, Any]) -> list[Mistake]:
    """Return everything that is wrong with a Tenant document on its own."""
    found = list(SCHEMA.mistakes(document))
    if not found:
        spec = document["spec"]
        for part in ("owners", "members"):
            found += _subject_mistakes(spec.get(part) or (), ROOT / "spec" / part)
        allow = spec.get("allow") or {}
        path = ROOT / "spec" / "allow"
        found += _subject_mistakes(allow.get("subjects") or (), path / "subjects", any_group=True)
        found += _namespace_mistakes(spec.get("namespaces") or {}, ROOT / "spec" / "namespaces")
        found += _allow_mistakes(allow, path)
    return found


def _subject_mistakes(
    subjects: Sequence[Mapping[str, Any]], path: FieldPath, any_group: bool = False
) -> Iterator[Mistake]:
    for index, subject in enumerate(subjects):
        at, kind, name = path / index, subject["kind"], subject["name"]
        if not name or name == "*":
            yield Mistake(at / "name", f'{at}/name is "{name}"; allowed: one name in full')
        if kind == "ServiceAccount" and not subject.get("namespace"):
            yield Mistake(at, f'"namespace" is missing in {at}; a ServiceAccount has one')
        if kind != "ServiceAccount" and subject.get("namespace"):
            yield Mistake(at / "namespace", f"{at}.namespace: only a ServiceAccount has one")
        system = name.startswith("system:") and not (
            kind == "Group" and name.startswith("system:serviceaccounts:")
        )
        if system and not any_group:
            yield Mistake(
                at / "name",
                f'{at}.name is "{name}"; allowed: names that do not begin with "system:", except '
                "groups system:serviceaccounts:<namespace>. Fix: name a group of people, or a "
                "ServiceAccount by namespace and name.",
            )


def _namespace_mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    selector = spec.get("selector")
    if selector is not None:
        at = path / "selector"
        try:
            read = read_selector(selector, at)
        except SelectorError as error:
            yield Mistake(error.path, f"{error}. Fix: {error.fix}.")
        else:
            if not read.requirements:
                yield Mistake(at, f"{at} is empty, which selects every namespace; name a label")
    if (quota := spec.get("quota")) is not None and quota < 0:
        yield Mistake(path / "quota", f"{path / 'quota'} is {quota}; allowed: 0 or more")
    for part in ("labels", "annotations"):
        for key, pattern in ((spec.get(part) or {}).get("required") or {}).items():
            try:
                re.compile(pattern)
            except re.error as error:
                at = path / part / "required" / key
                yield Mistake(at, f'{at} is "{pattern}", no regular expression: {error}')


def _allow_mistakes(allow: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    networks = [("externalIPs",), ("endpointCIDRs",)]
    balancers = [("loadBalancers", "sourceRanges"), ("loadBalancers", "ips")]
    for steps in (*networks, *balancers):
        value: Any = allow
        for step in steps:
            value = (value or {}).get(step)
        for index, text in enumerate(value or ()):
            if network(text) is None:
                at = FieldPath((*path, *steps, index))
                yield Mistake(at, f'{at} is "{text}"; allowed: an address or a CIDR')
    for index, ports in enumerate(allow.get("nodePorts") or ()):
        if ports_in(ports) is None:
            at = path / "nodePorts" / index
            yield Mistake(at, f'{at} is "{ports}"; allowed: a port, or a range as 30000-30100')


def ports_in(value: Any) -> tuple[int, int] | None:
    """Return the first and last port of `30000` or `30000-30100`, None if it is neither."""
    low, dash, high = str(value).partition("-")
    if not low.strip().isdigit() or (dash and not high.strip().isdigit()):
        return None
    return int(low), int(high) if dash else int(low)
