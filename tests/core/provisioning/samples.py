"""Small templates and tenants, and what is said of wrong ones."""

from collections.abc import Mapping
from typing import Any

import pytest

from webhook.core.model.world import Namespace
from webhook.core.policyset import PolicyError, PolicySet, parse_policies
from webhook.core.provisioning.wanted import Wanted, wanted

AROUND = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec:
  namespaces: [kube-system, monitoring]
  cluster: {podCIDRs: [10.1.0.0/16], serviceCIDRs: [10.2.0.0/16], nodeCIDRs: [192.168.7.0/24]}
---
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: plain}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""
"""What a set with tenants needs to be loaded without a warning."""

HEAD = """\
apiVersion: tenantgate.io/v1
kind: NamespaceTemplate
metadata: {name: standard}
spec:
"""
QUOTA = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: platform-quota}, spec: {hard: {pods: 10}}}"
OBJECTS = f"  objects:\n  - {QUOTA}\n"
TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
"""


def tenant(provision: str = "{}", name: str = "acme") -> str:
    """Return a Tenant with some `provision`, in flow style."""
    return f"{TENANT.replace('acme', name)}  provision: {provision}\n"


def template(spec: str, name: str = "standard") -> str:
    """Return a template; `spec` is indented by two."""
    return f"{HEAD.replace('standard', name)}{spec}"


def loaded(*texts: str) -> PolicySet:
    """Return a set of documents that loads without a warning, beside those that a set needs."""
    policies = parse_policies({"a.yaml": "---\n".join(texts), "around.yaml": AROUND})
    assert policies.warnings == ()
    return policies


def wrong(text: str, *others: str) -> list[str]:
    """Return what is said of `a.yaml`, beside other documents, without its name."""
    with pytest.raises(PolicyError) as error:
        parse_policies({"a.yaml": text, "b.yaml": "---\n".join(others), "around.yaml": AROUND})
    told = [str(problem) for problem in error.value.problems]
    return [line.removeprefix("a.yaml:") for line in told]


def odd(text: str, *others: str) -> list[str]:
    """Return what `a.yaml` is warned of, beside other documents, without its name."""
    found = parse_policies({"a.yaml": text, "b.yaml": "---\n".join(others), "around.yaml": AROUND})
    return [line.removeprefix("a.yaml:") for line in found.warnings]


def namespace(
    owner: str = "acme",
    name: str = "shop",
    annotations: Mapping[str, str] | None = None,
    **labels: str,
) -> Namespace:
    """Return a namespace of a tenant, or of none ("")."""
    stamp = {"tenantgate.io/tenant": owner} if owner else {}
    return Namespace(name, {**stamp, **labels}, annotations or {})


def wants(policies: PolicySet, where: Namespace | None = None) -> Wanted:
    """Return what a namespace is to hold; it is not to be left as it is."""
    found = wanted(where or namespace(), policies.platform, policies.registry, policies.templates)
    assert found is not None
    return found


def objects(found: Wanted) -> dict[str, Any]:
    """Return objects by kind and name."""
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in found.objects}
