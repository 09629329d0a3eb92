"""Host ports: a pod may not take a port of the node it lands on.

With `hostNetwork` the API server copies every declared port to `hostPort` before admission, so
such a pod needs the SCC's `allowHostPorts` as well.
"""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.objects import Container, Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule


def check(place: FieldPath, container: Container, pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse every host port where the SCC does not grant them."""
    if scc.allow_host_ports:
        return
    for index, port in enumerate(container.get("ports", ())):
        if (host_port := port.get("hostPort", 0)) > 0:
            yield Finding(
                path=place / "ports" / index / "hostPort",
                observed=host_port,
                allowed="none",
                fix="remove hostPort, and publish the port through a Service",
            )


RULE = Rule(id="host-ports", order=130, grants="allowHostPorts", check_container=check)
