"""What `tenantgate render webhooks` prints is what an API server keeps of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.cluster.cluster import ADMIN, Cluster
from webhook.cli import cli

SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


def _rendered(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli, ["render", "webhooks", *arguments])
    assert result.exit_code == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def _stored(cluster: Cluster, made: Mapping[str, Any]) -> Any:
    """Return the object as the API server would keep it, under a name that nobody else uses."""
    renamed = {**made, "metadata": {**made["metadata"], "name": "comparison"}}
    done = cluster.kubectl(
        *("create", "-f", "-", "--dry-run=server", "-o", "json"), user=ADMIN, stdin=renamed
    )
    assert done.returncode == 0, done.stderr
    stored = json.loads(done.stdout)
    metadata = {key: stored["metadata"][key] for key in made["metadata"]}
    assert set(stored["metadata"]) <= {*metadata, *SERVER_FIELDS}
    return {**stored, "metadata": {**metadata, "name": made["metadata"]["name"]}}


TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec: {owners: [{kind: Group, name: acme-leads}]}
"""


@pytest.mark.parametrize("tenants", [False, True], ids=["no tenant", "tenants"])
@pytest.mark.parametrize("where", ["service", "service without a CA", "url"])
@pytest.mark.parametrize("enforcement", ["deny", "warn"])
def test_an_api_server_accepts_it_and_adds_nothing(
    cluster: Cluster, tmp_path: Path, where: str, enforcement: str, tenants: bool
) -> None:
    """It compiles the match conditions, too; a field that it filled in would show as drift."""
    policies = Path(__file__).parents[2] / "policies" / "scc"
    platform = tmp_path / "platform.yaml"
    platform.write_text(
        "apiVersion: tenantgate.io/v1\nkind: Platform\nmetadata: {name: platform}\n"
        f"spec: {{enforcement: {enforcement}, admins: {{groups: ['the \"A\" team']}}}}\n"
    )
    if tenants:
        platform.write_text(f"{platform.read_text()}---\n{TENANT}")
    target = {
        "service": ["--service=tenantgate-system/tenantgate:8443", f"--ca={cluster.plane.ca}"],
        "service without a CA": ["--service=tenantgate-system/tenantgate"],
        "url": ["--url=https://127.0.0.1:8443", f"--ca={cluster.plane.ca}"],
    }

    objects = _rendered(*target[where], f"--policy={policies}", f"--policy={platform}")

    assert [_stored(cluster, item) for item in objects] == objects
