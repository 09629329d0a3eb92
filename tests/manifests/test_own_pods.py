"""Our own pods, judged by our own engine: as in any namespace, not as in the one that is left out."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.manifests.rendering import BASE, NAMESPACE, OVERLAYS, Object, chart, kustomize
from webhook.cli import cli
from webhook.core.pss.evaluate import evaluate

ELSEWHERE = "elsewhere"


def checked(path: Path, *options: str) -> Any:
    result = CliRunner().invoke(cli, ["check", "-o", "json", *options, str(path)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def written(objects: list[Object], path: Path) -> Path:
    path.write_text(yaml.safe_dump_all(objects))
    return path


@pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda path: path.name)
def test_check_refuses_nothing(folder: Path, tmp_path: Path) -> None:
    report = checked(written(kustomize(folder), tmp_path / "all.yaml"))

    assert report["summary"]["deny"] == report["summary"]["error"] == 0
    assert report["summary"]["warn"] == 0


def elsewhere(objects: list[Object], path: Path) -> Path:
    """Write the objects as they would be in a namespace that is judged."""
    path.write_text(yaml.safe_dump_all(objects).replace(NAMESPACE, ELSEWHERE))
    return path


@pytest.mark.parametrize("made_by", ["kustomize", "helm"])
def test_restricted_v2_admits_them(made_by: str, tmp_path: Path) -> None:
    objects = kustomize(BASE) if made_by == "kustomize" else chart()
    report = checked(elsewhere(objects, tmp_path / "all.yaml"))

    assert {
        each["resource"]["name"]: each["scc"]
        for each in report["objects"]
        if each["resource"]["kind"] == "Deployment"
    } == {"tenantgate": "restricted-v2", "tenantgate-controller": "restricted-v2"}


def test_they_meet_the_pod_security_standard_as_they_are() -> None:
    """Before anything is filled in, too: in its own namespace nobody fills anything in."""
    deployments = [each for each in kustomize(BASE) if each["kind"] == "Deployment"]

    assert len(deployments) == 2
    for each in deployments:
        assert evaluate(each["spec"]["template"], "restricted") == ()
