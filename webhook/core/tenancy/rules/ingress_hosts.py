"""Ingress hosts: a tenant's Ingress answers only for host names that are the tenant's to use.

Hosts under `tls` count as well: controllers choose a certificate by them, and some serve them.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.hosts import ungranted
from webhook.core.tenancy.ingresses import INGRESSES, hosts_of
from webhook.core.tenancy.rule import Case, Rule


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse hosts that are not granted."""
    for path, name in hosts_of(value):
        yield from ungranted(path, name, case)


RULE = Rule(id="T-ING-2", family="namespace", intercepts=(INGRESSES,), check=check)
