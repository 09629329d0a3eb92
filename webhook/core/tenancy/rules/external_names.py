"""External names: a Service of type ExternalName stands for a granted name outside the cluster.

It is an alias in the cluster's DNS. One for another tenant's Service, or for the metadata service of
the cloud, is followed by whatever trusts the tenant's own Services, an Ingress controller first.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.external_names import granted, objection
from webhook.core.tenancy.rule import Case, Rule, mapping, text
from webhook.core.tenancy.services import SERVICES, type_of


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse an external name that is not granted, or that leads back into the cluster."""
    if type_of(value) != "ExternalName":
        return
    name = text(mapping(mapping(value).get("spec")).get("externalName"))
    if why := objection(name, case):
        yield Finding(
            path=FieldPath(("spec", "externalName")),
            observed=name,
            allowed=granted(case),
            fix="name a host that is granted to you, or ask the platform team for this one",
            why=f"externalName {name} {why}",
        )


RULE = Rule(id="T-SVC-3", family="namespace", intercepts=(SERVICES,), check=check)
