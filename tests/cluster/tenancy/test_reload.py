"""Policies change while the webhook runs: the first tenant arrives, and is suspended later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.process import eventually
from tests.cluster.tenancy.api import Answer, Api
from tests.cluster.tenancy.world import POLICIES, World
from tests.cluster.tenantgate import Tenantgate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A policy folder without a tenant."""
    made = tmp_path / "policies"
    made.mkdir()
    for name, text in POLICIES.items():
        if "kind: Tenant" not in text:
            (made / name).write_text(text)
    return made


@pytest.fixture
def instead(
    cluster: Cluster, tenantgate: Tenantgate, world: World, folder: Path, tmp_path: Path
) -> Iterator[Tenantgate]:
    """A webhook with these policies, registered in place of the usual one."""
    made = Tenantgate(cluster, tmp_path, policies=[folder])
    try:
        made.start()
        made.register()
        yield made
    finally:
        made.kill()
        tenantgate.register()


def test_the_first_tenant_takes_effect(api: Api, instead: Tenantgate, world: World, folder: Path):
    def attempt(user: str, namespace: str) -> Answer:
        path = f"/api/v1/namespaces/{namespace}/configmaps?dryRun=All"
        return api(user, "POST", path, {"metadata": {"name": "new"}})

    def told(user: str, namespace: str, rule: str) -> bool:
        return f"[{rule}]" in attempt(user, namespace).message

    # A set without tenants is asked about pods alone.
    eventually(lambda: attempt("bob", world.web).status == 201)

    (folder / "acme.yaml").write_text(POLICIES["acme.yaml"])
    (folder / "globex.yaml").write_text(POLICIES["globex.yaml"])
    instead.register()
    eventually(lambda: told("bob", world.web, "T-BND-1"))
    assert attempt("alice", world.web).status == 201

    (folder / "acme.yaml").write_text(POLICIES["acme.yaml"] + "  suspended: true\n")
    eventually(lambda: told("alice", world.web, "T-BND-3"))
    assert attempt("bob", world.app).status == 201

    (folder / "acme.yaml").write_text("kind: Tenant")
    eventually(lambda: "policy_rejected" in instead.process.log.read_text())
    assert told("alice", world.web, "T-BND-3"), "the last good set stays in use"
