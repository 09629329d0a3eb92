"""Edits of policy files: what decides meanwhile, in every worker, also in one that is replaced."""

import os
import re
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.server.parts import ADMITTED, body, pod, review
from tests.server.serving import Webhook, eventually, post, serving
from webhook.cli import cli
from webhook.store import SHIPPED, load

RULE = (SHIPPED / "scc" / "restricted-v2.yaml").read_text()
LENIENT = RULE.replace("allowHostPID: false", "allowHostPID: true")
HOSTILE = body(review(pod(hostPID=True)))


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A ConfigMap as a kubelet mounts it: links by way of `..data`, which is exchanged."""
    folder = tmp_path / "policies"
    folder.mkdir()
    swap(folder, RULE)
    for name in ("rbac.yaml", "scc.yaml"):
        (folder / name).symlink_to(f"..data/{name}")
    return folder


def swap(folder: Path, scc: str) -> None:
    """Exchange all files of the mount in one step."""
    number = len(list(folder.glob("..version*")))
    version = folder / f"..version{number}"
    version.mkdir()
    (version / "rbac.yaml").write_text((SHIPPED / "rbac.yaml").read_text())
    (version / "scc.yaml").write_text(scc)
    (folder / "..next").symlink_to(version.name)
    (folder / "..next").replace(folder / "..data")


def admits(webhook: Webhook, text: bytes = HOSTILE) -> bool:
    with webhook.connect() as connection:
        status, _, answer = connection.ask(post(text))
    assert status == 200
    return b'"allowed":true' in answer


def in_use(webhook: Webhook) -> set[str]:
    """Return the hashes of all the sets that some worker decides by."""
    return set(re.findall(r"sha256:\w+", webhook.ops("/readyz?verbose")[1]))


@pytest.mark.parametrize("server", ["asgi", "gthread"])
def test_every_worker_decides_by_the_files_of_a_mount_that_was_swapped(mount: Path, server: str):
    before = load([mount]).hash
    with serving(mount.parent, f"--policy={mount}", "--workers=3", f"--server={server}") as webhook:
        assert in_use(webhook) == {before}
        assert not admits(webhook)

        swap(mount, LENIENT)
        after = load([mount]).hash
        eventually(lambda: in_use(webhook) == {after})

        assert all(admits(webhook) for _ in range(12))
        name = f'tenantgate_policy_set_info{{hash="{after}"}} 1.0'
        assert name in webhook.ops("/metrics")[1]
        eventually(
            lambda: {record["policy_set_hash"] for record in webhook.records()} == {before, after}
        )


def test_a_worker_that_is_replaced_while_the_files_are_broken_takes_over_the_last_good_set(
    mount: Path,
):
    with serving(mount.parent, f"--policy={mount}", "--workers=2") as webhook:
        swap(mount, LENIENT)
        good = load([mount]).hash
        eventually(lambda: in_use(webhook) == {good})
        swap(mount, "kind: Nonsense")
        eventually(lambda: "do not load" in webhook.ops("/readyz?verbose")[1])

        before = webhook.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(webhook.workers()) == 2 and not set(before) & set(webhook.workers()))
        eventually(lambda: webhook.ops("/readyz")[0] == 200)

        assert in_use(webhook) == {good}
        assert "do not load" in webhook.ops("/readyz?verbose")[1]
        assert "tenantgate_policy_load_success 0.0" in webhook.ops("/metrics")[1]
        assert all(admits(webhook) for _ in range(8))
        eventually(lambda: len(webhook.records("policy_rejected")) >= 2)

        swap(mount, RULE)
        mended = load([mount]).hash
        eventually(lambda: in_use(webhook) == {mended})
        assert not admits(webhook)
        assert admits(webhook, ADMITTED)
        assert "tenantgate_policy_load_success 1.0" in webhook.ops("/metrics")[1]


def test_files_that_break_before_the_first_worker_starts_cost_nothing(mount: Path):
    """What was checked when the program started is what it begins with, whatever happens then."""
    with serving(mount.parent, f"--policy={mount}", "--workers=1") as webhook:
        started = in_use(webhook)
        swap(mount, "kind: Nonsense")
        (worker,) = webhook.workers()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: bool(webhook.workers()) and webhook.workers() != [worker])
        eventually(lambda: webhook.ops("/readyz")[0] == 200)

        assert in_use(webhook) == started
        assert admits(webhook, ADMITTED)


def test_a_fresh_start_with_broken_policies_is_refused_with_the_reason(mount: Path):
    swap(mount, f"{RULE}\nusers: 1\n")

    done = CliRunner().invoke(cli, ["serve", f"--policy={mount}", f"--cert-dir={mount.parent}"])

    assert done.exit_code == 2
    assert f"{mount}/scc.yaml:" in done.stderr
    assert "the policies cannot be used" in done.stderr
