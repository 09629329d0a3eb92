"""`check` says what the API server's own Pod Security admission says, in its very words.

The cluster is asked with a dry run, with tenantgate's webhooks at work: the plugin sees pods as an SCC
has filled them in, and templates as they were written.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster
from tests.cluster.objects import Object, deployment, pod
from tests.cluster.test_agreement import FACTS

PREFIX = "pod-security.kubernetes.io/"


def container(**fields: Any) -> Object:
    """Return a pod whose container has some fields."""
    made = pod()
    made["spec"]["containers"][0].update(fields)
    return made


LABELS: dict[str, dict[str, str]] = {
    "baseline": {"enforce": "baseline"},
    "restricted": {"enforce": "restricted"},
    "restricted, old": {"enforce": "restricted", "enforce-version": "v1.25"},
    "warning": {"warn": "restricted", "warn-version": "v1.33"},
    "auditing": {"audit": "restricted"},
    "both": {"enforce": "baseline", "warn": "restricted"},
    "none": {},
}
SECURITY: dict[str, Object] = {
    "plain": {},
    "without AppArmor": {"appArmorProfile": {"type": "Unconfined"}},
    "a capability": {"capabilities": {"add": ["NET_BIND_SERVICE"]}},
    "perhaps root": {"runAsNonRoot": False, "runAsUser": 1000660000},
}
PODS = {
    **{name: pod(security=security) for name, security in SECURITY.items()},
    "unmasked, with users of its own": pod(security={"procMount": "Unmasked"}, hostUsers=False),
    "a probe's host": container(livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 80}}),
    "a hook's host": container(lifecycle={"preStop": {"httpGet": {"host": "a.b", "port": 80}}}),
    "a sysctl": pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}),
    # Of an annotation alone the API server makes such a field, after webhooks and before the plugin.
    "an annotation with its field": pod(
        annotations={"container.apparmor.security.beta.kubernetes.io/app": "unconfined"},
        security={"appArmorProfile": {"type": "Unconfined"}},
    ),
    "a Windows host process": pod(
        security={"windowsOptions": {"hostProcess": True}}, os={"name": "windows"}, hostNetwork=True
    ),
    "an init container": pod(
        initContainers=[
            {"name": "setup", "image": "a", "securityContext": {"procMount": "Unmasked"}}
        ],
        hostUsers=False,
    ),
}


@pytest.fixture(scope="module")
def places(cluster: Cluster, tenantgate: Any) -> dict[str, str]:
    """A namespace of alice's for each set of labels."""
    made = {}
    for case, labels in LABELS.items():
        own = {f"{PREFIX}{key}": text for key, text in labels.items()}
        made[case] = cluster.namespace("guarded", labels=own)
        cluster.grant(ALICE, made[case])
    for name in (made["none"], made["auditing"]):
        cluster.create_until_admitted(ALICE, pod("wait"), name, "--dry-run=server")
    return made


@pytest.fixture(scope="module")
def told(cluster: Cluster, places: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `check` says of every manifest in every namespace, by file."""
    folder = tmp_path_factory.mktemp("manifests")
    for place in places.values():
        for case, sent in PODS.items():
            for made in (sent, deployment(sent)):
                file = folder / f"{made['kind']} {case} {place}.json"
                metadata = {**made["metadata"], "namespace": place}
                file.write_text(json.dumps({**made, "metadata": metadata}))
    context = tmp_path_factory.mktemp("context") / "cluster.yaml"
    context.write_text(cluster.kubectl("get", FACTS, "-A", "-o", "yaml", user=ADMIN).stdout)
    done = subprocess.run(  # noqa: S603 - the command under test
        [
            *(sys.executable, "-m", "webhook", "check", "-f", folder, "--context", context),
            *("--as", ALICE, "-o", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return {Path(each["file"]).stem: each for each in json.loads(done.stdout)["objects"]}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("case", PODS)
def test_a_pod(cluster: Cluster, places: Any, told: Any, case: str, labels: str) -> None:
    place = places[labels]
    done = cluster.create_as(ALICE, PODS[case], place, "--dry-run=server")
    said = told[f"Pod {case} {place}"]

    if "denied the request" in done.stderr:  # by the webhook, which was asked before the plugin
        assert said["verdict"] == "deny"
        return
    assert _words(said) == _plugins(done.stderr)
    assert (said["verdict"] == "deny") == (done.returncode != 0), done.stderr


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("case", PODS)
def test_a_workload(cluster: Cluster, places: Any, told: Any, case: str, labels: str) -> None:
    place = places[labels]
    done = cluster.create_as(ALICE, deployment(PODS[case]), place, "--dry-run=server")
    said = told[f"Deployment {case} {place}"]

    assert done.returncode == 0, done.stderr
    assert [word for word in _words(said) if word.startswith("would")] == _plugins(done.stderr)


@pytest.mark.parametrize("level", ["strict", ""])
def test_a_namespace_with_a_label_that_says_nothing_valid(
    cluster: Cluster, tmp_path: Path, level: str
) -> None:
    labels = {f"{PREFIX}enforce": level, f"{PREFIX}warn": "baseline"}
    metadata = {"name": "wrong", "labels": labels}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    (tmp_path / "m.json").write_text(json.dumps(made))

    done = cluster.kubectl("create", "-f", "-", "--dry-run=server", user=ADMIN, stdin=made)
    checked = subprocess.run(  # noqa: S603 - the command under test
        [sys.executable, "-m", "webhook", "check", "-o", "json", tmp_path / "m.json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, checked.returncode) == (1, 1)
    (finding,) = json.loads(checked.stdout)["findings"]
    assert f"metadata.labels[{PREFIX}enforce]" in done.stderr
    assert finding["path"] == f"/metadata/labels/{PREFIX.replace('/', '~1')}enforce"


def _words(said: Any) -> list[str]:
    return [note for note in said["notes"] if 'PodSecurity "' in note]


def _plugins(printed: str) -> list[str]:
    """Return the plugin's words in what kubectl printed."""
    return re.findall(r'(?:would )?violate[s]? PodSecurity ".*$', printed, re.MULTILINE)
