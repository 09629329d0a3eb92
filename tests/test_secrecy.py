"""What requests hold that is secret shows up nowhere: not in the log, an answer, a metric or an Event."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.core.tenancy.table import Row, rows
from tests.server.parts import Stand, body, pod, review
from webhook.core.model.finding import Decision, line
from webhook.core.tenancy.admission import judge
from webhook.log import DecisionLog, Lines
from webhook.metrics import exposition

WORD = "hunter2"
ENCODED = base64.b64encode(WORD.encode()).decode()


def planted(value: Any) -> Any:
    """Return a copy of an object with the word in all the places that are nobody else's business."""
    if isinstance(value, list):
        return [planted(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: planted(item) for key, item in value.items()}
    if "image" in made:
        made["env"] = [{"name": "PASSWORD", "value": WORD}]
    if made.get("kind") == "Secret":
        made["data"] = {"password": ENCODED}
        made["stringData"] = {"password": WORD}
    if isinstance(metadata := made.get("metadata"), dict):
        own = metadata.get("annotations")
        said = own if isinstance(own, dict) else {}
        long = {key: f"{WORD}{'x' * 256}{text}" for key, text in said.items()}
        applied = json.dumps({"data": WORD, "filler": "x" * 256})
        long["kubectl.kubernetes.io/last-applied-configuration"] = applied
        made["metadata"] = {**metadata, "annotations": long}
    return made


def secret(text: str) -> bool:
    return WORD in text or ENCODED in text


@pytest.mark.parametrize("row", [row for row in rows() if row.object is not None], ids=str)
def test_no_rule_of_tenancy_tells_a_secret(row: Row, tmp_path: Path) -> None:
    value = planted(row.asked.object)
    findings = judge(row.with_object(value), only={row.rule}).findings
    log = tmp_path / "log"

    with log.open("wb") as file:
        lines = Lines(file.fileno())
        DecisionLog(lines).record(
            row.asked, Decision(False, "\n".join(map(line, findings)), findings=findings), "h", 0
        )

    assert not secret(log.read_text())
    assert not any(secret(line(finding)) for finding in findings)


PODS = {
    "admitted": pod(),
    "breaks everything": pod(
        hostNetwork=True,
        hostPID=True,
        volumes=[{"name": "root", "hostPath": {"path": "/"}}],
        containers=[
            {
                "name": "web",
                "image": "web",
                "securityContext": {"privileged": True, "runAsUser": 0, "procMount": "Unmasked"},
                "livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}},
            }
        ],
    ),
    "cannot be read": pod(containers=[{"name": 1, "image": "web"}]),
    "is no pod": pod(containers=[{"image": "web", "ports": {}}]),
}


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize("value", PODS.values(), ids=PODS)
def test_neither_answer_nor_log_nor_metrics_tell_a_secret(
    path: str, value: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    stand = Stand(descriptor=descriptor)

    _, answer = stand.handler.handle(path, body(review(planted(value))))
    stand.flush()
    os.close(descriptor)

    response = json.loads(answer)["response"]
    response.pop("patch", None)
    assert not secret(json.dumps(response))
    assert log.read_text()
    assert not secret(log.read_text())
    assert not secret(exposition(stand.metrics, lambda: ())[0].decode())
    assert not secret("".join(capfd.readouterr()))
