"""Inline CSI volumes: a pod may only use drivers inline that are granted to the tenant.

An inline volume comes past every claim and class: the pod itself hands its attributes to the
driver, which may mount host paths or fetch certificates and secrets of others for it.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import field, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Rule, items, mapping, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse inline volumes of drivers that are not granted."""
    place = pod_in(value, case)
    if place is None or case.tenant is None:
        return
    granted = case.tenant.allow.csi_inline
    for index, volume in enumerate(items(place.spec.get("volumes"))):
        source = mapping(volume).get("csi")
        driver = text(mapping(source).get("driver"))
        if source is not None and driver not in granted:
            yield Finding(
                path=field(place, "volumes", index, "csi", "driver"),
                observed=driver,
                allowed=", ".join(granted) or "none",
                fix="use a PersistentVolumeClaim, or ask the platform team to grant the driver",
                why=f"Inline volumes of CSI driver {driver} are not available to tenant "
                f"{case.tenant.name}",
            )


RULE = Rule(id="T-STO-4", family="namespace", intercepts=POD_BEARING, check=check)
