"""Parts of the sentences in which Kubernetes' Pod Security admission says what is wrong."""

from collections.abc import Iterable, Sequence, Sized
from typing import Any, cast

from webhook.core.model.finding import Finding
from webhook.core.pss.pod import Pod


def noun(one: str, counted: Sized, many: str = "") -> str:
    """Return a noun in the number of what is counted."""
    return one if len(counted) == 1 else many or one + "s"


def quoted(words: Iterable[str]) -> str:
    """Return words in quotes, in a row."""
    return ", ".join(f'"{word}"' for word in words)


def containers(pod: Pod, findings: Sequence[Finding]) -> list[str]:
    """Return the names of the containers that findings are about, in the pod's order."""
    places = dict.fromkeys(finding.path[:3] for finding in findings)
    spec: Any = pod.get("spec", {})
    return [
        spec[kind][index].get("name", "") for _, kind, index in cast(Iterable[Any], iter(places))
    ]


def those(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the containers that findings are about as a phrase: `container "web"`."""
    names = containers(pod, findings)
    return f"{noun('container', names)} {quoted(names)}"


def setters(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return who sets a value: `pod`, its containers, or both."""
    own = [finding for finding in findings if finding.path[1] == "securityContext"]
    rest = [finding for finding in findings if finding.path[1] != "securityContext"]
    return " and ".join([*(["pod"] if own else []), *([those(pod, rest)] if rest else [])])


def values(findings: Iterable[Finding]) -> list[str]:
    """Return what was observed, each value once, sorted."""
    return sorted({str(finding.observed) for finding in findings})
