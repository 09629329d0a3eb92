"""`tenantgate doctor`, over files and over a cluster that a few lines play."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cluster_unit.fake_api import FakeApi
from webhook.certs.signing import certificate_pem, new_authority, new_leaf
from webhook.cli import cli
from webhook.core.registration import Service, registration
from webhook.store import SHIPPED, load

OWN = "tenantgate-system"
NAME = f"tenantgate.{OWN}.svc"
GROUP = "/apis/admissionregistration.k8s.io/v1"
HOME = f"namespaces/{OWN}"
NOW = datetime.now(UTC)
AUTHORITY = new_authority("one", NOW, timedelta(days=400))
LEAF = new_leaf(AUTHORITY, [NAME], NOW, timedelta(days=90)).certificate
TEXTS = {Path(name).name: text for name, text in load([SHIPPED / "scc"]).texts.items()}
SETTLED = load([SHIPPED / "scc"])


def doctor(*args: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["doctor", *map(str, args)], env=env)


class TestFiles:
    @pytest.fixture
    def rendered(self, tmp_path: Path) -> Path:
        done = CliRunner().invoke(cli, ["render", "webhooks", f"--service={OWN}/tenantgate"])
        assert done.exit_code == 0
        path = tmp_path / "registration.yaml"
        path.write_text(done.stdout)
        return path

    def test_what_is_rendered_is_well(self, rendered: Path) -> None:
        result = doctor("-f", rendered)

        assert result.exit_code == 0
        assert result.stdout.splitlines() == [
            "WARN    certificates: every entry: no caBundle: the API server trusts its system's "
            "authorities alone; allowed: the authorities of the serving certificate. Fix: leave it to "
            "the controller, or render with --ca."
        ]
        assert result.stderr.endswith("warn 1, fail 0, unknown 0\n")

    def test_what_is_well_is_told_on_request(self, rendered: Path) -> None:
        lines = doctor("-f", rendered, "-v").stdout.splitlines()

        assert any(line.startswith("OK      lock-out: the control plane") for line in lines)

    def test_what_was_changed_by_hand_is_found(self, rendered: Path) -> None:
        rendered.write_text(
            rendered.read_text().replace("failurePolicy: Fail", "failurePolicy: Ignore")
        )

        result = doctor("-f", rendered)

        assert result.exit_code == 1
        assert "while nobody answers, all pass unjudged" in result.stdout

    @pytest.mark.parametrize(("level", "code"), [("fail", 0), ("warn", 1), ("never", 0)])
    def test_how_bad_it_has_to_be_is_for_the_caller_to_say(
        self, rendered: Path, level: str, code: int
    ) -> None:
        assert doctor("-f", rendered, "--fail-on", level).exit_code == code
        assert doctor("-f", rendered, env={"TENANTGATE_FAIL_ON": level}).exit_code == code

    def test_a_whole_folder_of_manifests_is_looked_at_together(self, rendered: Path) -> None:
        alone = {
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": "tenantgate", "namespace": OWN},
                    "spec": {"selector": {"app": "a"}},
                }
            ],
        }
        (rendered.parent / "service.yaml").write_text(yaml.safe_dump(alone))

        result = doctor("-f", rendered.parent)

        assert result.exit_code == 1
        assert "selects the pods of no Deployment" in result.stdout

    def test_machines_are_told_the_same(self, rendered: Path) -> None:
        report = json.loads(doctor("-f", rendered, "-o", "json").stdout)

        assert report["policySetHash"] == load().hash
        assert report["summary"]["warn"] == 1
        (found,) = [each for each in report["findings"] if each["level"] == "warn"]
        assert set(found) == {"check", "level", "where", "seen", "allowed", "fix"}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("a: [", "while parsing"),
            ("kind: ConfigMap\n", "no webhook configuration in it"),
            (None, "cannot be read"),
        ],
    )
    def test_files_that_tell_nothing_give_no_verdict(
        self, tmp_path: Path, text: str | None, says: str
    ) -> None:
        path = tmp_path / "a.yaml"
        if text is not None:
            path.write_text(text)

        result = doctor("-f", path)

        assert result.exit_code == 2
        assert str(path) in result.stderr
        assert result.stdout == ""

    def test_files_and_a_cluster_exclude_each_other(self, rendered: Path) -> None:
        assert doctor("-f", rendered, "--kube-context", "x").exit_code == 2


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A cluster in which all is well."""
    made = FakeApi()
    mutating, validating = registration(
        SETTLED, Service(OWN, "tenantgate"), certificate_pem(AUTHORITY.certificate).decode()
    )
    labels = {"app": "tenantgate"}
    data = {
        "ca.crt": certificate_pem(AUTHORITY.certificate),
        "tls.crt": LEAF,
    }
    pod = {
        "priorityClassName": "system-cluster-critical",
        "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname"}],
    }
    named = {"name": "tenantgate", "namespace": OWN}
    template = {"metadata": {"labels": labels}, "spec": pod}
    single: dict[str, Any] = {
        "/version": {"gitVersion": "v1.36.0"},
        f"{GROUP}/mutatingwebhookconfigurations": {"items": [mutating]},
        f"{GROUP}/validatingwebhookconfigurations": {"items": [validating]},
        f"/api/v1/{HOME}/configmaps": {
            "items": [{"metadata": {"name": "tenantgate-policies"}, "data": TEXTS}]
        },
        f"/api/v1/{HOME}/services": {"items": [{"metadata": named, "spec": {"selector": labels}}]},
        f"/apis/apps/v1/{HOME}/deployments": {
            "items": [{"metadata": named, "spec": {"replicas": 3, "template": template}}]
        },
        f"/apis/policy/v1/{HOME}/poddisruptionbudgets": {
            "items": [
                {
                    "metadata": named,
                    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
                }
            ]
        },
        f"/apis/discovery.k8s.io/v1/{HOME}/endpointslices": {
            "items": [{"endpoints": [{}, {}, {}]}]
        },
        f"/api/v1/{HOME}/pods": {
            "items": [{"metadata": {"name": f"tenantgate-{number}"}} for number in range(3)]
        },
        f"/api/v1/{HOME}/secrets/tenantgate-tls": {
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()}
        },
    }
    made.single = single
    for number in range(3):
        made.raw[replica(number)] = f"[+]policies ok ({SETTLED.hash})\n".encode()
    made.start()
    yield made
    made.stop()


def replica(number: int) -> str:
    return f"/api/v1/{HOME}/pods/http%3Atenantgate-{number}%3A8080/proxy/readyz"


class TestCluster:
    def test_where_all_is_well_it_is_told_so(self, api: FakeApi, tmp_path: Path) -> None:
        result = doctor("--kubeconfig", api.kubeconfig(tmp_path), "-v")

        assert result.exit_code == 0, result.output
        assert " unknown 0\n" in result.stderr
        for text in (
            "3 endpoints are ready",
            "lets 1 of 3 pods go at a time",
            f"caBundle verifies what Secret {OWN}/tenantgate-tls holds",
            f"replica tenantgate-2: decides by {SETTLED.hash}",
        ):
            assert text in result.stdout

    def test_replicas_that_lag_behind_or_are_not_ready_are_named(
        self, api: FakeApi, tmp_path: Path
    ) -> None:
        api.raw[replica(0)] = b"[+]policies ok (sha256:1)\n"
        told = "[+]policies ok (sha256:1)\n[-]caches failed: not filled yet\nreadyz check failed"
        api.faults[replica(1)] = (503, told)

        result = doctor("--kubeconfig", api.kubeconfig(tmp_path))

        assert result.exit_code == 1
        assert "replica tenantgate-0: decides by sha256:1; allowed: " in result.stdout
        assert "replica tenantgate-1: is not ready: caches failed: not filled yet" in result.stdout

    def test_a_certificate_that_is_not_the_registered_ones_is_found(
        self, api: FakeApi, tmp_path: Path
    ) -> None:
        stranger = new_leaf(
            new_authority("two", NOW, timedelta(days=9)), [NAME], NOW, timedelta(days=5)
        )
        secret: Any = api.single[f"/api/v1/{HOME}/secrets/tenantgate-tls"]
        secret["data"]["tls.crt"] = base64.b64encode(stranger.certificate).decode()

        result = doctor("--kubeconfig", api.kubeconfig(tmp_path))

        assert result.exit_code == 1
        assert '"two", who signed the serving certificate, is not among' in result.stdout

    def test_who_deleted_the_registration_is_reminded(self, api: FakeApi, tmp_path: Path) -> None:
        for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
            api.single[f"{GROUP}/{plural}"] = {"items": []}
        noted = "MutatingWebhookConfiguration\nValidatingWebhookConfiguration"
        note = f"/api/v1/{HOME}/configmaps/tenantgate-registration"
        api.single[note] = {"metadata": {}, "data": {"registered": noted}}

        result = doctor("--kubeconfig", api.kubeconfig(tmp_path))

        assert result.exit_code == 1
        assert "deleted by hand (break-glass)" in result.stdout

    def test_what_may_not_be_read_makes_it_incomplete(self, api: FakeApi, tmp_path: Path) -> None:
        api.faults[f"/api/v1/{HOME}/secrets/tenantgate-tls"] = (403, "no")
        api.faults["/apis/rbac.authorization.k8s.io/v1/clusterroles"] = (403, "no")
        kubeconfig = api.kubeconfig(tmp_path)

        result = doctor("--kubeconfig", kubeconfig)

        assert result.exit_code == 3
        assert result.stdout.count("UNKNOWN reading: the cluster: GET") == 2
        assert doctor("--kubeconfig", kubeconfig, "--allow-incomplete").exit_code == 0

    def test_policies_may_be_others_than_those_in_the_cluster(
        self, api: FakeApi, tmp_path: Path
    ) -> None:
        tenant = tmp_path / "tenant.yaml"
        tenant.write_text(
            "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\n"
            "spec: {owners: [{kind: Group, name: acme-leads}]}\n"
        )

        result = doctor(
            "--kubeconfig", api.kubeconfig(tmp_path), "-p", SHIPPED / "scc", "-p", tenant
        )

        assert result.exit_code == 1
        assert "entry cluster.validate.tenantgate.io: not registered" in result.stdout

    def test_without_policies_in_it_somebody_has_to_name_them(
        self, api: FakeApi, tmp_path: Path
    ) -> None:
        api.single[f"/api/v1/{HOME}/configmaps"] = {"items": []}

        result = doctor("--kubeconfig", api.kubeconfig(tmp_path))

        assert 'no ConfigMap in "tenantgate-system" with the label' in result.stdout

    def test_a_cluster_that_cannot_be_reached_gives_no_verdict(
        self, api: FakeApi, tmp_path: Path
    ) -> None:
        kubeconfig = api.kubeconfig(tmp_path)
        api.stop()
        try:
            result = doctor("--kubeconfig", kubeconfig)
        finally:
            api.start()

        assert result.exit_code == 2
        assert "the cluster cannot be asked" in result.stderr
