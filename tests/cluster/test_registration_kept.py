"""The controller registers the webhook, and keeps it so; a real API server says what that comes to."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cluster.cluster import ADMIN, ALICE, Cluster, admitted, started
from tests.cluster.envtest import ControlPlane
from tests.cluster.installation import Installation
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.running import SCCS, document
from tests.cluster.tenantgate import NAMESPACE
from webhook.cli import cli

VALIDATING = "validatingwebhookconfigurations"
TENANT = document("Tenant", "acme", {"owners": [{"kind": "Group", "name": "acme-leads"}]})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane in which nothing but this module's own is registered."""
    with started(ControlPlane(tmp_path_factory.mktemp("kept"))) as made:
        yield made


@pytest.fixture(scope="module")
def installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(cluster, tmp_path_factory.mktemp("installed"))
    try:
        made.install()
        assert made.controller
        made.controller.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def kept(installed: Installation) -> Installation:
    """The installation, registered and in force."""
    if not installed.webhook.process.running():
        installed.webhook.start()
    installed.ready(True)
    if len(set(map(phase, installed.registered()))) < 2:
        installed.ask_back()
    eventually(lambda: len(installed.registered()) > 3, timeout=20)
    return installed


def phase(name: str) -> str:
    return name.split(".")[1]


def entry(cluster: Cluster, name: str = "workloads.validate.tenantgate.io") -> Any:
    stored = cluster.get(VALIDATING, "tenantgate", "default")
    return next((each for each in stored["webhooks"] if each["name"] == name), None)


def patch(cluster: Cluster, change: Any) -> None:
    done = cluster.kubectl(
        *("patch", VALIDATING, "tenantgate", "--type=json", "-p", json.dumps(change)), user=ADMIN
    )
    assert done.returncode == 0, done.stderr


def test_it_is_registered_once_a_replica_is_ready(installed: Installation, cluster: Cluster):
    assert installed.registered() == []
    installed.webhook.start()
    assert installed.registered() == []

    installed.ready(True)

    eventually(lambda: len(installed.registered()) > 3, timeout=20)
    shop = cluster.namespace("shop")
    cluster.grant(ALICE, shop)

    def refused() -> bool:
        done = cluster.create_as(ALICE, pod(security={"privileged": True}), shop)
        return "denied the request" in done.stderr

    eventually(refused)
    admitted(cluster.create_as(ALICE, pod(), shop))


@pytest.mark.parametrize(
    "change",
    [
        [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}],
        [{"op": "add", "path": "/webhooks/0/namespaceSelector/matchLabels", "value": {"a": "b"}}],
        [{"op": "add", "path": "/webhooks/0/objectSelector/matchLabels", "value": {"a": "b"}}],
        [
            {
                "op": "add",
                "path": "/webhooks/0/matchConditions/0",
                "value": {"name": "mine", "expression": "false"},
            }
        ],
        [{"op": "remove", "path": "/webhooks/0"}],
        [{"op": "remove", "path": "/metadata/labels"}],
    ],
    ids=["failure policy", "namespaces", "objects", "condition", "entry", "labels"],
)
def test_what_an_administrator_changes_is_put_right(
    kept: Installation, cluster: Cluster, change: Any
):
    before = cluster.get(VALIDATING, "tenantgate", "default")
    patch(cluster, change)

    def again() -> bool:
        now = cluster.get(VALIDATING, "tenantgate", "default")
        same = {each["name"]: each for each in now["webhooks"]} == {
            each["name"]: each for each in before["webhooks"]
        }
        labels = now["metadata"].get("labels") == before["metadata"]["labels"]
        return same and labels

    eventually(again, timeout=20)


def test_an_entry_of_somebody_elses_is_removed(kept: Installation, cluster: Cluster):
    other = {**entry(cluster, "policies.validate.tenantgate.io"), "name": "mine.example.com"}
    added = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "tenantgate"},
        "webhooks": [other],
    }
    done = cluster.kubectl(
        *("apply", "--server-side", "--field-manager=mine", "-f", "-"), user=ADMIN, stdin=added
    )
    assert done.returncode == 0, done.stderr

    eventually(lambda: "mine.example.com" not in kept.registered(), timeout=20)
    eventually(lambda: "RegistrationRepaired" in kept.events())


def test_what_policies_judge_is_registered_and_what_they_do_not_goes(kept: Installation):
    assert kept.controller
    kept.controller.change({"tenant": TENANT})
    eventually(lambda: "cluster.validate.tenantgate.io" in kept.registered(), timeout=20)

    kept.controller.change({"tenant": None})
    eventually(lambda: "cluster.validate.tenantgate.io" not in kept.registered(), timeout=20)


def test_a_config_map_is_registered_before_it_is_mounted(kept: Installation, cluster: Cluster):
    text = yaml.safe_dump(TENANT)
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "tenantgate-policies",
            "namespace": NAMESPACE,
            "labels": {"tenantgate.io/policies": "true"},
        },
        "data": {"tenant.yaml": text},
    }
    cluster.apply(made)
    try:
        eventually(lambda: "cluster.validate.tenantgate.io" in kept.registered(), timeout=20)
    finally:
        cluster.kubectl("delete", "cm", "tenantgate-policies", "-n", NAMESPACE, user=ADMIN)
    eventually(lambda: "cluster.validate.tenantgate.io" not in kept.registered(), timeout=20)


@pytest.mark.parametrize("user", [ADMIN, ALICE])
def test_policies_that_would_not_load_are_refused_whoever_applies_them(
    kept: Installation, cluster: Cluster, user: str
):
    if user == ALICE:
        cluster.grant(ALICE, NAMESPACE)
    made: Any = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"edited-by-{user}",
            "namespace": NAMESPACE,
            "labels": {"tenantgate.io/policies": "true"},
        },
        "data": {"tenant.yaml": yaml.safe_dump(TENANT).replace("owners", "ownres")},
    }

    def told() -> str:
        done = cluster.kubectl("apply", "-f", "-", "--dry-run=server", user=user, stdin=made)
        return done.stderr

    eventually(lambda: "would not load" in told())
    assert '"spec.ownres" is no known field' in told()
    assert "tenant.yaml:" in told()
    made["metadata"]["labels"] = {}
    assert "would not load" not in told()


class TestBreakGlass:
    def test_one_command_takes_it_out_of_the_way_until_somebody_asks_it_back(
        self, kept: Installation, cluster: Cluster
    ):
        assert kept.controller
        kept.break_glass()
        eventually(lambda: "RegistrationDeleted" in kept.events())
        kept.controller.stop()
        kept.controller.start()
        eventually(lambda: list(kept.controller["registration"].readings()))  # type: ignore[index]  # the test has just made it so

        assert kept.registered() == []

        kept.ask_back()
        eventually(lambda: len(kept.registered()) > 3, timeout=20)

    def test_a_registration_by_hand_is_kept_again(self, kept: Installation, cluster: Cluster):
        stored = cluster.get(VALIDATING, "tenantgate", "default")
        kept.break_glass()
        stored["metadata"] = {"name": "tenantgate"}
        stored["webhooks"] = stored["webhooks"][:1]
        cluster.create(stored)

        eventually(lambda: len(kept.registered()) > 2, timeout=20)
        assert not any(".mutate." in name for name in kept.registered())


def test_while_nobody_answers_a_loosened_entry_stays_loose(kept: Installation, cluster: Cluster):
    kept.down()
    patch(cluster, [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}])
    assert kept.controller
    kept.controller["registration"].resync()

    def waits() -> bool:
        (_, _, value), *_ = [
            each
            for each in kept.controller["registration"].readings()  # type: ignore[index]  # the test has just made it so
            if each[1]["configuration"] == "validating"
        ]
        return not value

    eventually(waits)
    stored = cluster.get(VALIDATING, "tenantgate", "default")
    assert stored["webhooks"][0]["failurePolicy"] == "Ignore"

    kept.up()
    name = stored["webhooks"][0]["name"]
    eventually(lambda: entry(cluster, name)["failurePolicy"] == "Fail", timeout=20)


class TestDoctor:
    """What `tenantgate doctor` says of a real cluster."""

    def examined(self, kept: Installation) -> Result:
        kubeconfig = kept.cluster.kubeconfig(ADMIN)
        policies = [word for path in (kept.policies, SCCS) for word in ("-p", str(path))]
        return CliRunner().invoke(cli, ["doctor", f"--kubeconfig={kubeconfig}", "-v", *policies])

    def test_what_the_controller_registers_is_well(self, kept: Installation):
        result = self.examined(kept)

        assert result.exit_code == 0, result.output
        assert f"caBundle verifies what Secret {NAMESPACE}/tenantgate-tls holds" in result.stdout
        assert "none of the" in result.stdout
        assert (
            "WARN    availability: Service tenantgate-system/tenantgate: one endpoint"
            in result.stdout
        )

    def test_what_was_made_loose_is_found(self, kept: Installation, cluster: Cluster):
        assert kept.controller
        kept.controller.stop()
        try:
            patch(
                cluster, [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
            )
            kept.ready(False)
            result = self.examined(kept)
        finally:
            kept.controller.start()

        assert result.exit_code == 1
        assert "failurePolicy is Ignore: while nobody answers, all pass unjudged" in result.stdout
        assert "no endpoint is ready: what is judged is refused at this moment" in result.stdout
