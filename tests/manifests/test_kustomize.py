"""What the base and its overlays hold, as `kubectl apply -k` would send it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.rendering import (
    BASE,
    COMPONENTS,
    MANIFESTS,
    NAMESPACE,
    OVERLAYS,
    POLICIES,
    ROOT,
    Object,
    by_name,
    kustomize,
    pod_template,
    with_component,
)
from webhook import __version__
from webhook.certs.secret import TLS_SECRET
from webhook.core.policyset import parse_policies
from webhook.core.registration import LABELS
from webhook.server.gunicorn import LAME_SECONDS
from webhook.settings import LISTEN, OPS_LISTEN_IN_CLUSTER, Settings

WEBHOOK, CONTROLLER = "tenantgate", "tenantgate-controller"
NUMBER_OF_LABELS = 6


@pytest.fixture(scope="module")
def base() -> list[Object]:
    return kustomize(BASE)


def template(objects: list[Object], name: str) -> Any:
    return pod_template(objects, name)["spec"]


def test_every_file_of_the_base_is_applied() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    files = sorted(path.name for path in BASE.iterdir() if path.name != "kustomization.yaml")

    assert [name for name in listed if "/" not in name] == files


def test_every_object_says_what_it_belongs_to(base: list[Object]) -> None:
    common = {
        "app.kubernetes.io/name": "tenantgate",
        "app.kubernetes.io/instance": "tenantgate",
        "app.kubernetes.io/version": __version__,
        "app.kubernetes.io/part-of": "tenantgate",
        "app.kubernetes.io/managed-by": "kustomize",
    }
    labelled = [each["metadata"]["labels"] for each in base]
    labelled += [pod_template(base, name)["metadata"]["labels"] for name in (WEBHOOK, CONTROLLER)]

    for labels in labelled:
        assert labels == labels | common
        assert labels["app.kubernetes.io/component"]
    assert LABELS["app.kubernetes.io/part-of"] == common["app.kubernetes.io/part-of"], (
        "one selector finds the registration, too"
    )


def test_all_of_it_is_in_its_own_namespace(base: list[Object]) -> None:
    cluster_wide = {"Namespace", "ClusterRole", "ClusterRoleBinding"}

    assert {
        each["metadata"].get("namespace", "") for each in base if each["kind"] not in cluster_wide
    } == {NAMESPACE}


def test_the_version_is_the_programs(base: list[Object]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == __version__
    for name in (WEBHOOK, CONTROLLER):
        (container,) = template(base, name)["containers"]
        assert container["image"] == f"tenantgate:{__version__}"


@pytest.mark.parametrize(("name", "replicas"), [(WEBHOOK, 3), (CONTROLLER, 2)])
def test_a_drain_leaves_some_of_them(base: list[Object], name: str, replicas: int) -> None:
    objects = by_name(base)
    deployment, budget = objects[f"Deployment/{name}"], objects[f"PodDisruptionBudget/{name}"]
    pod = deployment["spec"]["template"]
    own = deployment["spec"]["selector"]

    assert deployment["spec"]["replicas"] == replicas
    assert own["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == own
    spread = {each["topologyKey"]: each for each in pod["spec"]["topologySpreadConstraints"]}
    assert set(spread) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(each["labelSelector"] == own for each in spread.values())
    assert pod["spec"]["priorityClassName"] == "system-cluster-critical"


@pytest.mark.parametrize("name", [WEBHOOK, CONTROLLER])
def test_a_container_has_no_more_than_it_needs(base: list[Object], name: str) -> None:
    pod = template(base, name)
    (container,) = pod["containers"]

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["limits"]) == {"memory"}
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert pod["enableServiceLinks"] is False, "TENANTGATE_... would be taken for options"
    writable = {each["name"] for each in container["volumeMounts"] if not each.get("readOnly")}
    assert writable == {each["name"] for each in pod["volumes"] if "emptyDir" in each} == {"tmp"}
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "ops"
    assert ports["ops"] == OPS_LISTEN_IN_CLUSTER.port


def test_a_webhook_that_is_told_to_end_has_the_time_that_it_takes(base: list[Object]) -> None:
    pod = template(base, WEBHOOK)
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    ending = Settings().graceful_timeout + LAME_SECONDS

    assert pod["terminationGracePeriodSeconds"] > pause + ending


def test_the_services_lead_to_the_pods(base: list[Object]) -> None:
    objects = by_name(base)
    pods = {name: pod_template(base, name)["metadata"]["labels"] for name in (WEBHOOK, CONTROLLER)}
    (port,) = objects["Service/tenantgate"]["spec"]["ports"]

    assert _selected(objects["Service/tenantgate"], pods) == {WEBHOOK}
    assert _selected(objects["Service/tenantgate-metrics"], pods) == {WEBHOOK, CONTROLLER}
    assert port["port"] == 443
    (container,) = template(base, WEBHOOK)["containers"]
    named = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert named[port["targetPort"]] == LISTEN.port


def _selected(service: Object, pods: dict[str, dict[str, str]]) -> set[str]:
    selector = service["spec"]["selector"].items()
    return {name for name, labels in pods.items() if selector <= labels.items()}


def test_the_network_lets_in_reviews_and_scrapers_alone(base: list[Object]) -> None:
    policies = [each["spec"] for each in base if each["kind"] == "NetworkPolicy"]
    rules = [
        (port["port"], rule.get("from"))
        for spec in policies
        for rule in spec["ingress"]
        for port in rule["ports"]
    ]

    assert all(spec["policyTypes"] == ["Ingress"] for spec in policies)
    assert sorted(rules, key=lambda rule: rule[0]) == [
        (
            "ops",
            [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        ),
        ("webhook", None),
    ]


def test_pod_security_admission_holds_the_namespace_to_restricted(base: list[Object]) -> None:
    labels = by_name(base)[f"Namespace/{NAMESPACE}"]["metadata"]["labels"]

    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


# Policies


def policy_files() -> Iterator[tuple[str, Path]]:
    for path in sorted(POLICIES.rglob("*.yaml")):
        yield str(path.relative_to(POLICIES)).replace("/", "-"), path


def test_the_configmap_holds_every_shipped_policy(base: list[Object]) -> None:
    found = by_name(base)["ConfigMap/tenantgate-policies"]

    assert found["data"] == {key: path.read_text() for key, path in policy_files()}
    assert found["metadata"]["labels"]["tenantgate.io/policies"] == "true"
    assert len(yaml.safe_dump(found)) < 200_000, "kubectl apply keeps a copy in an annotation"


def test_pods_read_the_policies_from_it(base: list[Object]) -> None:
    for name in (WEBHOOK, CONTROLLER):
        pod = template(base, name)
        volumes = {each["name"]: each for each in pod["volumes"]}
        mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}

        assert volumes["policies"]["configMap"] == {"name": "tenantgate-policies"}
        assert f"--policy={mounts['policies']}" in pod["containers"][0]["args"]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_the_policies_of_an_overlay_load(overlay: Path) -> None:
    found = by_name(kustomize(overlay))["ConfigMap/tenantgate-policies"]

    assert parse_policies(found["data"]).warnings == ()


def test_the_rbac_of_the_policies_is_applied(base: list[Object]) -> None:
    objects = by_name(base)

    for written in yaml.safe_load_all((POLICIES / "rbac.yaml").read_text()):
        applied = objects[f"{written['kind']}/{written['metadata']['name']}"]
        body = {key: value for key, value in written.items() if key != "metadata"}
        assert applied == body | {"metadata": applied["metadata"]}


# Overlays


def test_enforce_is_the_base(base: list[Object]) -> None:
    assert kustomize(MANIFESTS / "overlays" / "enforce") == base


def test_audit_only_differs_in_one_line_of_the_platform(base: list[Object]) -> None:
    changed = kustomize(MANIFESTS / "overlays" / "audit-only")
    before = by_name(base)["ConfigMap/tenantgate-policies"]["data"]
    after = by_name(changed)["ConfigMap/tenantgate-policies"]["data"]

    platform = before["platform.yaml"].replace("  enforcement: deny\n", "  enforcement: audit\n")
    assert after == before | {"platform.yaml": platform}, (
        "write it anew: sed 's/^  enforcement: deny$/  enforcement: audit/' policies/platform.yaml "
        "> manifests/overlays/audit-only/platform.yaml"
    )
    assert after != before
    assert parse_policies(after).platform.enforcement == "audit"
    rest = [each for each in base if each["kind"] != "ConfigMap"]
    assert [each for each in changed if each["kind"] != "ConfigMap"] == rest


def test_cert_manager_writes_the_secret_that_pods_mount(base: list[Object]) -> None:
    changed = by_name(kustomize(MANIFESTS / "overlays" / "cert-manager"))
    certificate = changed["Certificate/tenantgate"]["spec"]
    volumes = {each["name"]: each for each in template(base, WEBHOOK)["volumes"]}

    assert certificate["secretName"] == volumes["certs"]["secret"]["secretName"] == TLS_SECRET
    assert certificate["dnsNames"][0] == f"tenantgate.{NAMESPACE}.svc"
    assert changed[f"Issuer/{certificate['issuerRef']['name']}"]["spec"]["ca"] == {
        "secretName": changed["Certificate/tenantgate-authority"]["spec"]["secretName"]
    }
    (container,) = changed[f"Deployment/{CONTROLLER}"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1] == "--cert-source=external"


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda path: path.name)
def test_a_component_adds_to_the_base_and_changes_nothing(
    component: Path, base: list[Object], tmp_path: Path
) -> None:
    """As an operator writes it: a kustomization with the base and the component."""
    together = by_name(kustomize(with_component(BASE, component, tmp_path)))
    plain = by_name(base)

    assert together.keys() > plain.keys()
    assert {key: together[key] for key in plain} == plain
    for key in together.keys() - plain.keys():
        labels = together[key]["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "tenantgate"
        assert sum(name.startswith("app.kubernetes.io/") for name in labels) == NUMBER_OF_LABELS
