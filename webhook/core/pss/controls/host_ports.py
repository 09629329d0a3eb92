"""Host ports: a pod may not take a port of the node it lands on."""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, containers
from webhook.core.pss.wording import containers as names
from webhook.core.pss.wording import noun, those, values


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse every host port but 0, which means none."""
    for place, container in containers(pod):
        for index, port in enumerate(container.get("ports", ())):
            if host_port := port.get("hostPort", 0):
                yield Finding(
                    path=place / "ports" / index / "hostPort",
                    observed=host_port,
                    allowed="none",
                    fix="remove hostPort, and publish the port through a Service",
                )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    ports = values(findings)
    uses = noun("uses", names(pod, findings), "use")
    return f"hostPort ({those(pod, findings)} {uses} {noun('hostPort', ports)} {', '.join(ports)})"


CONTROL = Control(id="hostPorts", level="baseline", versions={0: check}, said=said)
