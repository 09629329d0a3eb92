"""What the documentation shows is what the program takes, and what it prints."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from webhook.core.policyset import parse_policies
from webhook.store import SHIPPED

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    if "kind: SecurityContextConstraints" in text or "apiVersion: tenantgate.io" in text
]
AROUND_A_TENANT = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec: {cluster: {podCIDRs: ["::/64"], serviceCIDRs: ["::/64"], nodeCIDRs: ["::/64"]}}
---
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: plain}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""
"""A Tenant alone is no set that loads without a warning."""


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_policies_load(text: str) -> None:
    around = {"around.yaml": AROUND_A_TENANT} if "kind: Tenant" in text else {}

    assert parse_policies({"example.yaml": text, **around}).warnings == ()


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_the_first_tenant_goes_as_its_page_says(tmp_path: Path) -> None:
    """Every command without a cluster is run, in order, on the files that the page gives."""
    page = (DOCS / "tenancy.md").read_text()
    shutil.copytree(SHIPPED, tmp_path / "policies")
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    offline = [step.partition("\n")[::2] for step in steps if "kubectl" not in step]

    assert len(offline) > 5
    assert [(command, _run(command, tmp_path)) for command, _ in offline] == [
        (command, _settled(output)) for command, output in offline
    ]


def _run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - the documentation's own commands
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return _settled(done.stdout)


def _settled(output: str) -> str:
    """Return output without what differs from run to run and from one policy set to the next."""
    return re.sub(r"sha256:[0-9a-f]{16}", "sha256:...", re.sub(r"[0-9.]+ s\)", "0.05 s)", output))
