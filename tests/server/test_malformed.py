"""Reviews broken in every way a generator thinks of: no fault, no 5xx, nothing let through.

`pytest tests/server/test_malformed.py --malformed 50000` runs the full number.
"""

import json
import os
import random
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest

from tests.server.parts import Stand, body, pod, review
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request
from webhook.log import DecisionLog, Lines
from webhook.server.observer import Observer

JUNK: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 2**64, 1e308, 0.5, "", "0", "true"),
    *(
        "null",
        "*",
        "a" * 300,
        "\u0000",
        "é\u2028",
        "../..",
        "privileged",
        "Pod",
        "pods",
        "kube-system",
    ),
    *([], [None], [[]], ["x"], {}, {"": None}, {"x": {}}, {"a/b~c": 1}, [{}], [0, "1", None]),
    {"name": "web", "image": "x", "securityContext": {"privileged": True}},
    {"type": "RuntimeDefault"},
    {"openshift.io/required-scc": "privileged"},
    {"openshift.io/scc": "privileged"},
]
HOST_PATH = {"name": "host", "hostPath": {"path": "/"}}


def _bases() -> list[dict[str, Any]]:
    root = {"name": "c", "image": "x", "securityContext": {"privileged": True, "runAsUser": 0}}
    adding = {
        "name": "c",
        "image": "x",
        "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}},
    }
    return [
        review(pod()),
        review(pod(containers=[root])),
        review(pod(initContainers=[root])),
        review(pod(hostNetwork=True, hostPID=True, hostIPC=True)),
        review(pod(volumes=[HOST_PATH])),
        review(pod(containers=[adding])),
        review(
            pod(securityContext={"runAsUser": 0, "sysctls": [{"name": "kernel.x", "value": "1"}]})
        ),
        review(pod(containers=[root]), operation="UPDATE", oldObject=pod()),
        review(
            pod(ephemeralContainers=[root]),
            operation="UPDATE",
            subResource="ephemeralcontainers",
            oldObject=pod(),
        ),
        review({"kind": "PodExecOptions"}, operation="CONNECT", subResource="exec"),
        review(
            deployment,
            kind={"group": "apps", "version": "v1", "kind": "Deployment"},
            resource={"group": "apps", "version": "v1", "resource": "deployments"},
        ),
    ]


BASES = _bases()


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return every place below a value, as its parent and the key or index in it."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            _places(value[key], found)
    return found


def _mutated(dice: random.Random, base: dict[str, Any]) -> Any:
    value: Any = deepcopy(base)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        places = _places(value, [])
        if not places:
            break
        parent, key = dice.choice(places)
        match dice.randrange(6):
            case 0 | 1:
                parent[key] = deepcopy(dice.choice(JUNK))
            case 2:
                del parent[key]
            case 3:
                other_parent, other_key = dice.choice(places)
                parent[key] = deepcopy(other_parent[other_key])
            case 4 if isinstance(parent, dict):
                parent[dice.choice(("name", "spec", "hostPID", "privileged", "x", ""))] = deepcopy(
                    dice.choice(JUNK)
                )
            case 5:
                nested: Any = 1
                for _ in range(dice.choice((5, 50, 500, 800))):
                    nested = [nested] if dice.random() < 0.5 else {"x": nested}
                parent[key] = nested
                break  # too deep for the walk above
            case _:
                parent[key] = [deepcopy(parent[key])] * 3
    return value


def _broken(dice: random.Random, text: bytes) -> bytes:
    at, end = sorted((dice.randrange(len(text) + 1), dice.randrange(len(text) + 1)))
    match dice.randrange(6):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + bytes([dice.randrange(256)]) + text[at + 1 :]
        case 2:
            return text[:at] + dice.randbytes(dice.randrange(1, 9)) + text[at:]
        case 3:
            return text[:at] + text[end:]
        case 4:
            return text[:at] + text[at:end] * 2 + text[end:]
        case _:
            return (
                text[:at]
                + dice.choice((b"[", b"{", b"]", b'"', b"\\", b"\\u", b"9", b"\0"))
                + text[at:]
            )


class _Noted(Observer):
    """Shows each decision to the stand."""

    def __init__(self, stand: "Noting") -> None:
        super().__init__(stand.metrics, DecisionLog(Lines(os.open(os.devnull, os.O_WRONLY))))
        self._stand = stand

    def decided(
        self, request: Request, decision: Decision, policy_hash: str, duration: float
    ) -> None:
        self._stand.decision = decision
        super().decided(request, decision, policy_hash, duration)


class Noting(Stand):
    """A handler whose last decision can be looked at."""

    decision: Decision | None = None

    def __init__(self) -> None:
        super().__init__()
        self.handler._observer = _Noted(self)


def _hostile(value: Any) -> bool:
    """Whether an ordinary user's new pod plainly asks for what no SCC of theirs gives."""
    request = value["request"]
    asks_as_alice = request["userInfo"] == review()["request"]["userInfo"]
    creates = (request["operation"], request["resource"].get("resource")) == ("CREATE", "pods")
    plain = not request["resource"].get("group") and not request.get("subResource")
    if not (asks_as_alice and creates and plain and request.get("namespace") == "shop"):
        return False
    spec = request["object"]["spec"]
    if isinstance(spec.get("os"), dict):
        return False
    return (
        any(spec.get(field) is True for field in ("hostNetwork", "hostPID", "hostIPC"))
        or HOST_PATH in (spec.get("volumes") or [])
        or any(
            container["securityContext"]["privileged"] is True
            for kind in ("containers", "initContainers")
            for container in spec.get(kind) or []
            if "privileged" in (container.get("securityContext") or {})
        )
    )


def _check(stand: Noting, path: str, text: bytes) -> str:
    """Give the webhook one review; return how it was answered."""
    stand.decision = None
    status, answer = stand.handler.handle(path, text)

    told = json.loads(answer)
    assert status in (200, 400)
    if status == 400:
        assert told["error"]
        return "no review"
    sent = json.loads(text.decode(errors="replace"))
    assert told["response"]["uid"] == sent["request"]["uid"]
    decision: Decision | None = stand.decision
    assert decision
    assert told["response"]["allowed"] is decision.allowed
    assert decision.evaluated or not decision.allowed
    try:
        hostile = _hostile(sent)
    except (AttributeError, KeyError, TypeError):
        hostile = False  # bent out of any shape that a node would run
    assert not (hostile and decision.allowed)
    return "hostile" if hostile else "admitted" if decision.allowed else "refused"


def test_nothing_malformed_gets_through(request: pytest.FixtureRequest):
    """Every answer is a 200 that decides, or a 400 that says why not."""
    dice = random.Random(20261122)  # noqa: S311 - the same reviews every time
    stand = Noting()
    answers: Counter[str] = Counter()
    count = request.config.getoption("--malformed")
    for number in range(count):
        value = _mutated(dice, dice.choice(BASES)) if number % 3 else dice.choice(BASES)
        text = body(value) if number % 3 else _broken(dice, body(value))
        answers[_check(stand, dice.choice(("/mutate", "/validate")), text)] += 1

    assert (
        min(answers[kind] for kind in ("no review", "hostile", "admitted", "refused")) > count // 50
    )
    for stage in ("gather", "decide", "answer"):
        assert stand.count("tenantgate_evaluation_errors_total", stage) == 0, "refused by a fault"


@pytest.mark.parametrize("base", BASES)
def test_every_base_is_a_review(base: dict[str, Any]):
    for path in ("/mutate", "/validate"):
        assert Noting().handler.handle(path, body(base))[0] == 200
