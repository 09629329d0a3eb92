"""Sysctls: a pod may set the kernel parameters that concern nobody but itself.

Which ones those are grew with v1.27, v1.29 and v1.32.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, pod_context

_AT_FIRST = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)
_SINCE_27 = _AT_FIRST | {"net.ipv4.ip_local_reserved_ports"}
_SINCE_29 = _SINCE_27 | {
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
}
_SINCE_32 = _SINCE_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
_PATH = FieldPath(("spec", "securityContext", "sysctls"))


def check(pod: Pod, safe: frozenset[str]) -> Iterator[Finding]:
    """Refuse every other sysctl."""
    for index, sysctl in enumerate(pod_context(pod).get("sysctls", ())):
        if (name := sysctl.get("name", "")) not in safe:
            yield Finding(
                path=_PATH / index / "name",
                observed=name,
                allowed=", ".join(sorted(safe)),
                fix="remove this sysctl",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return f"forbidden sysctls ({', '.join(finding.observed for finding in findings)})"


CONTROL = Control(
    id="sysctls",
    level="baseline",
    versions={
        0: partial(check, safe=_AT_FIRST),
        27: partial(check, safe=_SINCE_27),
        29: partial(check, safe=_SINCE_29),
        32: partial(check, safe=_SINCE_32),
    },
    said=said,
)
