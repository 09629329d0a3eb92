"""Namespace names: a new namespace begins with its tenant's prefix and takes nobody else's name.

A reserved name would pass for the platform's, one under another tenant's prefix for that tenant's,
and one like `com` answers, through the DNS search path, for `example.com` in everybody's pods.
"""

import re
from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.namespaces import CREATED, SUFFIX, chosen_tenant, name_of
from webhook.core.tenancy.rule import Case, Rule, mapping

_DOMAINS = frozenset(
    {"arpa", "com", "edu", "gov", "internal", "io", "local", "localhost", "net", "org", "svc"}
)
"""`<service>.<namespace>` under the search path `svc.<cluster domain>` is a name of the internet."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a name that is reserved, lacks the tenant's prefix, or is another tenant's."""
    name = name_of(value, case.request)
    if not name:
        return
    metadata = mapping(mapping(value).get("metadata"))
    generated = not metadata.get("name") and not case.request.name
    shown = name.removesuffix(SUFFIX) if generated else name
    path = FieldPath(("metadata", "generateName" if generated else "name"))
    tenant = case.registry.get(chosen) if (chosen := chosen_tenant(value, case)) else None
    prefix = tenant.namespaces.prefix if tenant else ""
    begins = f'names that begin with "{prefix}"' if prefix else "other names"
    if reserved := _reserved(name, case):
        yield Finding(
            path=path,
            observed=shown,
            allowed=begins,
            fix="choose another name, or ask the platform team to create it",
            why=f"{reserved} for the platform",
        )
        return
    if tenant is None or name in tenant.namespaces.names:
        return
    if prefix and not name.startswith(prefix):
        yield Finding(
            path=path,
            observed=shown,
            allowed=begins,
            fix=f'try "{prefix}{shown}"',
            why=f'Namespace names of tenant {tenant.name} start with "{prefix}"',
        )
    elif (claimed := case.registry.claimed_by(name)) not in ("", tenant.name):
        other = case.registry.get(claimed).namespaces.prefix
        yield Finding(
            path=path,
            observed=shown,
            allowed=f'names outside "{other}"' if other and name.startswith(other) else begins,
            fix="choose another name",
            why="This name is kept for another tenant",
        )
    elif name in _DOMAINS:
        yield Finding(
            path=path,
            observed=shown,
            allowed="names that are no top-level domain",
            fix="choose another name",
            why=f'A namespace "{name}" would answer for "example.{name}" in everybody\'s pods',
        )


def _reserved(name: str, case: Case) -> str:
    """Return in words why a name is the platform's, or ""."""
    platform = case.platform
    if name in platform.namespaces or name == platform.engine_namespace:
        return f'The namespace "{name}" is reserved'
    for prefix in platform.reserved_prefixes:
        if name.startswith(prefix):
            return f'Namespace names that start with "{prefix}" are reserved'
    for pattern in platform.reserved_regex:
        if re.search(pattern, name):
            return f'Namespace names that match "{pattern}" are reserved'
    return ""


RULE = Rule(id="T-NS-2", family="subject", intercepts=(CREATED,), check=check, others=True)
