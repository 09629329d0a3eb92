"""The manifests as objects: what kustomize and Helm make of them."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

Object = Mapping[str, Any]

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
POLICIES = ROOT / "policies"
BASE = MANIFESTS / "base"
OVERLAYS = sorted(path for path in (MANIFESTS / "overlays").iterdir() if path.is_dir())
COMPONENTS = sorted(path for path in (MANIFESTS / "components").iterdir() if path.is_dir())
NAMESPACE = "tenantgate-system"
KUBERNETES = "1.36.0"
"""The version that Helm is told to render for."""

_ASSETS = Path(os.environ.get("KUBEBUILDER_ASSETS") or "/usr/local/kubebuilder/bin")


def kustomize(folder: Path) -> list[Object]:
    """Return what `kubectl apply -k` would send; the test is skipped where there is no kubectl."""
    done = _run(tool("kubectl"), "kustomize", folder)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()
    return _objects(done.stdout)


def helm_template(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """Render the chart as release `tenantgate`; the test is skipped where there is no helm."""
    return _run(
        *(tool("helm"), "template", "tenantgate", MANIFESTS / "chart"),
        *("--namespace", NAMESPACE, "--kube-version", KUBERNETES),
        *options,
    )


def chart(*options: str | Path) -> list[Object]:
    """Return the chart's objects."""
    done = helm_template(*options)
    assert done.returncode == 0, done.stderr
    return _objects(done.stdout)


def by_name(objects: Iterable[Object]) -> dict[str, Object]:
    """Return objects by `Kind/name`, of which no two may be the same."""
    found: dict[str, Object] = {}
    for each in objects:
        key = f"{each['kind']}/{each['metadata']['name']}"
        assert key not in found, f"{key} is there twice"
        found[key] = each
    return found


def with_component(base: Path, component: Path, folder: Path) -> Path:
    """Write the kustomization of an operator who adds a component; return its folder."""
    up = Path("../" * (len(folder.resolve().parts) - 1))
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [str(up / base.relative_to("/"))],
        "components": [str(up / component.relative_to("/"))],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return folder


def pod_template(objects: Iterable[Object], name: str) -> Any:
    """Return the pod template of a Deployment."""
    return by_name(objects)[f"Deployment/{name}"]["spec"]["template"]


def tool(name: str) -> Path:
    """Return where a program is; the test is skipped where it is not."""
    found = shutil.which(name, path=f"{_ASSETS}{os.pathsep}{os.environ['PATH']}")
    if not found:
        pytest.skip(f"no {name}, neither in {_ASSETS} nor on PATH")
    return Path(found)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - tools that render files of this repository
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
    )


def _objects(text: str) -> list[Object]:
    return [each for each in yaml.safe_load_all(text) if each]
