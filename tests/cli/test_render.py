"""`tenantgate render webhooks`, as somebody calls it."""

import base64
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from webhook.cli import cli

# A certificate that nobody has the key of; it is only read, never trusted.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBijCCATGgAwIBAgIUMfadaJGEWZkuWRg1peHywlAuil8wCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPdGVuYW50Z2F0ZSB0ZXN0MCAXDTI2MTEyMjA4MTYwOVoYDzIx
MjYxMDI5MDgxNjA5WjAaMRgwFgYDVQQDDA90ZW5hbnRnYXRlIHRlc3QwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAATqEd0rWqExvxU392J9eWM+7gdAfMkQTfaTNHQX
Q48ogI4cshPHPorx2wcmliJeTCFBz+CXNoPVN71lIj/9x4X1o1MwUTAdBgNVHQ4E
FgQUjPOpwvbtmXnY/dYPd9YPa7eulPAwHwYDVR0jBBgwFoAUjPOpwvbtmXnY/dYP
d9YPa7eulPAwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAZEzKX
phcGz8JvYGBKvlpVpBVZdOmibZUsX2Lm9Uk9jgIgQG3VtqALNrItdZJGjOoiZM1o
CAz7KF4ikHlo2M+3Oog=
-----END CERTIFICATE-----
"""


def render(*args: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["render", "webhooks", *map(str, args)], env=env)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.crt"
    path.write_text(CERTIFICATE)
    return path


def test_prints_the_two_configurations_for_a_service(ca: Path) -> None:
    result = render("--service", "tenantgate-system/tenantgate", "--ca", ca)

    assert result.exit_code == 0
    assert result.stderr == ""
    mutating, validating = yaml.safe_load_all(result.stdout)
    assert (mutating["kind"], validating["kind"]) == (
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    )
    client = mutating["webhooks"][0]["clientConfig"]
    assert client["service"] == {
        "namespace": "tenantgate-system",
        "name": "tenantgate",
        "path": "/mutate",
        "port": 443,
    }
    assert base64.b64decode(client["caBundle"]).decode() == CERTIFICATE


def test_prints_them_for_a_url(ca: Path) -> None:
    result = render("--url", "https://127.0.0.1:8443", "--ca", ca)

    assert result.exit_code == 0
    _, validating = yaml.safe_load_all(result.stdout)
    assert {item["clientConfig"]["url"] for item in validating["webhooks"]} == {
        "https://127.0.0.1:8443/validate"
    }


def test_a_service_may_name_its_port() -> None:
    result = render("--service", "tenantgate-system/tenantgate:8443")

    mutating, _ = yaml.safe_load_all(result.stdout)
    assert mutating["webhooks"][0]["clientConfig"]["service"]["port"] == 8443


def test_without_a_ca_the_bundle_is_left_to_the_cluster_and_that_is_said() -> None:
    result = render("--service", "tenantgate-system/tenantgate")

    assert result.exit_code == 0
    assert "caBundle" not in result.stdout
    assert "caBundle is left out" in result.stderr


def test_json_is_one_list_that_kubectl_takes(ca: Path) -> None:
    arguments = ("--url", "https://127.0.0.1:8443", "--ca", ca)

    result = render(*arguments, "-o", "json")

    listed = json.loads(result.stdout)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert listed["items"] == list(yaml.safe_load_all(render(*arguments).stdout))


def test_the_same_input_gives_the_same_bytes_and_no_references() -> None:
    first, second = (render("--service", "tenantgate-system/tenantgate") for _ in range(2))

    assert first.stdout == second.stdout
    assert "&id" not in first.stdout


def test_policies_decide_what_is_registered(tmp_path: Path) -> None:
    """A folder of one's own replaces the shipped set; this one judges nothing yet."""
    (tmp_path / "platform.yaml").write_text(
        "apiVersion: tenantgate.io/v1\nkind: Platform\nmetadata: {name: platform}\n"
        "spec: {engineNamespace: gate}\n"
    )

    result = render("--service", "gate/hook", "-p", tmp_path)

    assert result.exit_code == 0
    mutating, validating = yaml.safe_load_all(result.stdout)
    assert "webhooks" not in mutating
    assert [each["name"] for each in validating["webhooks"]] == ["policies.validate.tenantgate.io"]
    assert result.stderr.startswith("note: these policies judge nothing")


def test_a_service_elsewhere_than_the_policies_say_is_pointed_out(ca: Path) -> None:
    result = render("--service", "edge/hook", "--ca", ca)

    assert result.exit_code == 0
    assert 'the Service is in namespace "edge"' in result.stderr
    assert "engineNamespace: edge" in result.stderr


def test_every_option_can_come_from_the_environment(ca: Path) -> None:
    environment = {
        "TENANTGATE_URL": "https://127.0.0.1:8443",
        "TENANTGATE_CA": str(ca),
        "TENANTGATE_OUTPUT": "json",
    }

    result = render(env=environment)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["kind"] == "List"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say where the webhook answers"),
        (["--service", "a/b", "--url", "https://c"], "exclude each other"),
        (["--url", "https://127.0.0.1:8443"], "--url needs --ca FILE"),
        (["--service", "tenantgate"], "no NAMESPACE/NAME[:PORT]"),
        (["--service", "a/b/c"], "no NAMESPACE/NAME[:PORT]"),
        (["--service", "A/b"], "no NAMESPACE/NAME[:PORT]"),
        (["--service", "a/b:"], "no number from 1 to 65535"),
        (["--service", "a/b:0"], "no number from 1 to 65535"),
        (["--service", "a/b:65536"], "no number from 1 to 65535"),
        (["--service", "a/b:http"], "no number from 1 to 65535"),
        (["--url", "http://127.0.0.1:8443", "--ca", "x"], "no https://HOST[:PORT]"),
        (["--url", "https://", "--ca", "x"], "no https://HOST[:PORT]"),
        (["--url", "https://me@gate", "--ca", "x"], "no https://HOST[:PORT]"),
        (["--url", "https://gate?a=b", "--ca", "x"], "no https://HOST[:PORT]"),
        (["--url", "https://gate:99999", "--ca", "x"], "no https://HOST[:PORT]"),
        (["--url", "https://gate", "--ca", "/nowhere/ca.crt"], "cannot be read: No such file"),
        (["--service", "a/b", "-p", "/nowhere"], "/nowhere"),
    ],
)
def test_a_call_that_makes_no_sense_is_explained(arguments: list[str], complaint: str) -> None:
    result = render(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert complaint in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "cannot be read"),
        (f"{CERTIFICATE}-----BEGIN PRIVATE KEY-----\n", "holds a private key"),
    ],
)
def test_a_ca_file_has_to_hold_certificates_alone(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "ca.crt"
    path.write_text(text)

    result = render("--service", "tenantgate-system/tenantgate", "--ca", path)

    assert result.exit_code == 2
    assert complaint in " ".join(result.stderr.split())


def test_what_stands_around_the_certificates_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_text(f"Subject: CN = test\n{CERTIFICATE}\n\n{CERTIFICATE}")

    result = render("--service", "tenantgate-system/tenantgate", "--ca", path)

    mutating, _ = yaml.safe_load_all(result.stdout)
    bundle = base64.b64decode(mutating["webhooks"][0]["clientConfig"]["caBundle"]).decode()
    assert bundle == CERTIFICATE * 2
