"""An operator's path, as docs/operations.md tells it: every command of it, in its order, with what it prints."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.envtest import ASSETS, ControlPlane
from tests.cluster.managers import controller_manager
from tests.cluster.network import Network
from tests.cluster.nodes import Nodes, running
from tests.cluster.process import eventually
from tests.cluster.tenantgate import NAMESPACE, ROOT

DOCS = ROOT / "docs"
FEWER = """\
replicas:
- {name: tenantgate, count: 2}
- {name: tenantgate-controller, count: 1}
"""
"""What the tests add to the kustomization: a machine of theirs is no cluster."""


def section(page: str, title: str, level: int = 2) -> str:
    """Return a section of a page, without its heading."""
    marks = "#" * level
    text = (DOCS / page).read_text().partition(f"\n{marks} {title}\n")[2]
    assert text, f"docs/{page} has no section {title!r}"
    return re.split(rf"^#{{2,{level}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@dataclass(slots=True)
class Operator:
    """Somebody with a folder of files, `kubectl` and `tenantgate`."""

    cluster: Cluster
    nodes: Nodes
    folder: Path

    def run(self, command: str) -> str:
        """Run a command of the page as it stands there; return all that it prints."""
        done = subprocess.run(  # noqa: S603 - the documentation's own commands
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env={
                "PATH": f"{ASSETS}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "KUBECONFIG": str(self.cluster.kubeconfig(ADMIN)),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout.strip()

    def follow(self, text: str) -> None:
        """Take the steps of a text, each of which has to print what is written below it."""
        for name, content in re.findall(r"```yaml\n# (\S+)\n(.*?)```", text, re.DOTALL):
            (self.folder / name).write_text(content)
        for block in blocks(text, "console"):
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = step.partition("\n")
                self._take(command, expected.strip())

    def _take(self, command: str, expected: str) -> None:
        pattern = r"[\s\S]*?".join(map(re.escape, re.split(r"\n?…\n?", expected)))
        seen = ""

        def as_written() -> bool:
            nonlocal seen
            seen = self.run(command)
            return re.fullmatch(pattern, seen) is not None

        try:
            eventually(as_written, timeout=20, every=0.5)
        except AssertionError:
            pytest.fail(
                f"$ {command}\n{seen}\n\nis not as on the page:\n{expected}\n{self.nodes.trouble}"
            )
        if "apply" in command or "edit" in command:
            self._settle()

    def _settle(self) -> None:
        """Wait for the minute that the page speaks of: until every replica has what was applied."""

        def well() -> bool:
            return "warn 0, fail 0, unknown 0" in self.run("tenantgate doctor")

        try:
            eventually(well, timeout=90, every=0.5)
        except AssertionError:
            pytest.fail(f"{self.run('tenantgate doctor')}\n{self.nodes.logs()[-4000:]}")


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A cluster in which nothing of ours was ever installed, and a folder as docs/install.md has it."""
    folder = tmp_path_factory.mktemp("path")
    (folder / "pods").mkdir()
    with ExitStack() as ending:
        network = Network(folder)
        network.start()
        ending.callback(network.stop)
        plane = ControlPlane(folder, options=[network.option()])
        ending.callback(plane.stop)
        cluster = Cluster(plane)
        ending.callback(cluster.close)
        plane.start()
        cluster.prepare()
        managers = controller_manager(cluster)
        managers.start()
        ending.callback(managers.stop)
        nodes = ending.enter_context(running(cluster, network, folder / "pods", NAMESPACE))
        yield Operator(cluster, nodes, installation(folder / "mine"))


def installation(folder: Path) -> Path:
    """Make the folder of an installation; return it."""
    folder.mkdir()
    (folder / "tenantgate").symlink_to(ROOT)
    kustomization = blocks(section("install.md", "Your installation"), "yaml")[0]
    named = kustomization.replace("sha256:...", f"sha256:{'1' * 64}")
    (folder / "kustomization.yaml").write_text(named + FEWER)
    return folder


PATH = "From nothing to the first refusal"
STEPS = re.findall(r"^### (.*)$", section("operations.md", PATH), re.MULTILINE)


@pytest.mark.parametrize("title", STEPS)
def test_the_path_is_as_the_page_says(operator: Operator, title: str) -> None:
    if title == "The first tenant":
        (generator,) = blocks(section("install.md", "Policies"), "yaml")
        with (operator.folder / "kustomization.yaml").open("a") as file:
            file.write(generator)

    operator.follow(section("operations.md", title, level=3))


def test_the_path_has_steps() -> None:
    assert len(STEPS) == 7


def test_what_is_secret_is_in_no_log(operator: Operator) -> None:
    """Of Secrets that went by, admitted and refused, nor of our own certificate."""
    words = [f"hunter{number}-{'x' * 8}" for number in range(3)]
    as_dan = "-n acme-web --as dan --as-group acme-devs"
    operator.run(f"kubectl create secret generic db {as_dan} --from-literal=password={words[0]}")
    patch = f'{{"stringData":{{"password":"{words[1]}"}}}}'
    assert "patched" in operator.run(f"kubectl patch secret db {as_dan} -p '{patch}'")
    refused = operator.run(
        f"kubectl create secret generic platform-db {as_dan} --from-literal=password={words[2]}"
    )
    assert "denied the request" in refused, refused
    token = operator.run(f"kubectl create token default {as_dan}")
    key = operator.run(
        f"kubectl -n {NAMESPACE} get secret tenantgate-tls -o jsonpath='{{.data.tls\\.key}}'"
    )
    secrets = [*words, token, key, base64.b64decode(key).decode().splitlines()[1]]

    told = operator.nodes.logs() + operator.run("kubectl get events -A -o yaml")

    assert '"kind":"Secret"' in told
    for secret in secrets:
        assert len(secret) > 10, secret
        assert secret not in told
        assert base64.b64encode(secret.encode()).decode() not in told


def test_out_again_as_its_page_says(operator: Operator) -> None:
    uninstall = section("install.md", "Uninstall")
    for command in re.findall(r"^\$ (.*)$", uninstall, re.MULTILINE):
        operator.run(command)
    assert operator.run(f"kubectl get namespace {NAMESPACE} --ignore-not-found") == ""
    list_secrets = "kubectl -n acme-web get secrets --as dan --as-group acme-devs -o name"
    assert "forbidden" in operator.run(list_secrets)

    (roles,) = re.findall(r"`(kubectl apply -f .*?)`", uninstall)
    operator.run(roles)

    eventually(lambda: operator.run(list_secrets) == "secret/db", timeout=20)
