"""`tenantgate certs`: what it does to a folder, and what it says. A cluster is another test's affair."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from webhook.certs.files import Files, check, read_certificates
from webhook.certs.issue import issue
from webhook.certs.signing import certificate_pem, new_authority, new_leaf
from webhook.cli import cli
from webhook.cli.terms import parse_duration, spell


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TENANTGATE_") or name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
            monkeypatch.delenv(name)


def certs(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["certs", *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def shown(folder: Path, exit_code: int = 0) -> Any:
    return json.loads(certs("show", f"--cert-dir={folder}", "-ojson", exit_code=exit_code).stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certs("issue", f"--cert-dir={tmp_path / 'certs'}")
    return tmp_path / "certs"


def test_a_folder_gets_a_certificate_for_this_machine(folder: Path):
    found = shown(folder)

    leaf, authority = found["certificates"]
    assert leaf["role"] == "serving certificate"
    assert leaf["names"] == ["127.0.0.1", "::1", "localhost"]
    assert leaf["signedBy"] == authority["fingerprint"]
    assert leaf["daysLeft"] == 90
    assert authority["role"] == "CA that signs"
    assert authority["daysLeft"] == 3650
    assert found["problems"] == []
    assert found["next"] == leaf["renewal"]
    check(Files(folder))


def test_names_and_lifetimes_are_as_asked_for(tmp_path: Path):
    certs(
        "issue",
        f"--cert-dir={tmp_path}",
        "--dns=Webhook.example.com",
        "--ip=10.0.0.7",
        "--ip=fd00:0::7",
        "--leaf-lifetime=365d",
        "--ca-lifetime=1000d",
    )

    leaf, authority = shown(tmp_path)["certificates"]
    assert leaf["names"] == ["10.0.0.7", "fd00::7", "webhook.example.com"]
    assert leaf["daysLeft"] == 365
    assert authority["daysLeft"] == 1000


def test_issuing_again_changes_nothing(folder: Path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    result = certs("issue", f"--cert-dir={folder}")

    assert "nothing was to be done" in result.stdout
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_name_asks_for_another_certificate(folder: Path):
    certs("issue", f"--cert-dir={folder}", "--dns=other.example.com")

    leaf, authority = shown(folder)["certificates"]
    assert leaf["names"] == ["other.example.com"]
    assert leaf["signedBy"] == authority["fingerprint"]


def test_rotating_renews_the_certificate_alone_and_keeps_its_names(tmp_path: Path):
    certs("issue", f"--cert-dir={tmp_path}", "--dns=kept.example.com")
    leaf, authority = shown(tmp_path)["certificates"]

    assert "a serving certificate was issued" in certs("rotate", f"--cert-dir={tmp_path}").stdout

    new, same = shown(tmp_path)["certificates"]
    assert new["fingerprint"] != leaf["fingerprint"]
    assert new["names"] == ["kept.example.com"]
    assert same == {**authority, "daysLeft": same["daysLeft"]}


def test_rotating_the_authority_takes_its_time(folder: Path):
    leaf, authority = shown(folder)["certificates"]
    where, settle = f"--cert-dir={folder}", "--cert-settle=0s"

    begun = certs("rotate", "--ca", where).stdout
    assert "a new CA was made; it is published next to the old one" in begun
    assert re.search(r"the new CA signs from \S+ \S+ UTC \(in 5m\)", begun)
    assert "give ca.crt, which holds both CAs, to every client" in begun
    assert len(read_certificates(folder / "ca.crt")) == 2
    assert shown(folder)["certificates"][0] == {**leaf, "daysLeft": 90}

    again = certs("rotate", "--ca", where).stdout
    assert "nothing was to be done" in again
    assert "the new CA signs from" in again

    signed = certs("rotate", "--ca", where, settle).stdout
    assert "the new CA signs from now on\na serving certificate was issued" in signed
    assert "the old CA is trusted until" in signed
    new, signing, old = shown(folder)["certificates"]
    assert new["signedBy"] == signing["fingerprint"] != authority["fingerprint"]
    assert old["fingerprint"] == authority["fingerprint"]
    assert old["role"] == "CA that is trusted"

    done = certs("issue", where, settle, "--cert-overlap=0s").stdout
    assert "the old CA is trusted no longer" in done
    assert len(shown(folder)["certificates"]) == 2


def test_the_text_has_what_people_compare(folder: Path):
    leaf = shown(folder)["certificates"][0]

    text = certs("show", f"--cert-dir={folder}").stdout

    assert text.startswith("serving certificate\n  subject      CN=tenantgate\n")
    assert "127.0.0.1, ::1, localhost" in text
    assert re.search(r"signed by +CN=tenantgate CA \d{4}-", text)
    digits = leaf["fingerprint"].upper()
    assert ":".join(digits[at : at + 2] for at in range(0, 64, 2)) in text
    assert "PRIVATE" not in text


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("expired", 'the certificate of "tenantgate" expired'),
        ("early", "is not valid before"),
        ("another key", "tls.key is not the key of tls.crt"),
        ("another authority", "is not among the trusted authorities"),
        ("truncated", "tls.crt holds no certificate in PEM form"),
        ("half an authority", "ca.crt is damaged"),
        ("no certificate", "there is no serving certificate"),
    ],
)
def test_what_nobody_could_accept_is_a_problem(tmp_path: Path, damage: str, says: str):
    now, day = datetime.now(UTC), timedelta(days=1)
    made = {"expired": now - 9 * day, "early": now + 2 * day}.get(damage, now)
    authority = new_authority("CA", now - 10 * day, 20 * day)
    pair = new_leaf(authority, ["localhost"], made, 3 * day)
    files = {
        "ca.crt": certificate_pem(authority.certificate),
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
    }
    match damage:
        case "another key":
            files["tls.key"] = new_leaf(authority, ["localhost"], now, day).key
        case "another authority":
            files["ca.crt"] = certificate_pem(new_authority("CA", now, day).certificate)
        case "truncated":
            files["tls.crt"] = files["tls.crt"][:300]
        case "half an authority":
            files["ca.crt"] += files["ca.crt"][:300]
        case "no certificate":
            del files["tls.crt"], files["tls.key"]
        case _:
            pass
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)

    assert f"{says}" in " ".join(shown(tmp_path, exit_code=1)["problems"])
    assert "problem: " in certs("show", f"--cert-dir={tmp_path}", exit_code=1).stdout


def test_somebody_elses_pair_is_shown_and_left_alone(tmp_path: Path):
    issue(tmp_path)
    before = (tmp_path / "tls.crt").read_bytes()

    assert "ca.key" in shown(tmp_path)["managedElsewhere"]
    for command in ("issue", "rotate"):
        result = certs(command, f"--cert-dir={tmp_path}", exit_code=2)
        assert "nothing was changed" in result.stderr
        assert "rotate --ca" in result.stderr
    assert (tmp_path / "tls.crt").read_bytes() == before


def test_there_is_nothing_to_show_where_nothing_is(tmp_path: Path):
    result = certs("show", f"--cert-dir={tmp_path / 'absent'}", exit_code=2)

    assert "holds no certificate; tenantgate certs issue makes one" in result.stderr
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["issue", "--cert-dir=d", "--namespace=x"], "give one or the other"),
        (["issue", "--cert-dir=d", "--dns=10.0.0.7"], "give it with --ip"),
        (["issue", "--cert-dir=d", "--dns=under_score"], "is no DNS name"),
        (["issue", "--cert-dir=d", "--ip=localhost"], "is no IP address"),
        (["issue", "--cert-dir=d", "--leaf-lifetime=soon"], '"soon" is no duration'),
        (["issue", "--cert-dir=d", "--ca-lifetime=999999d"], "longer than a hundred years"),
        (["issue", "--cert-dir=d", "--cert-settle=40d"], "longer than a third of the leaf's"),
        (["rotate", "--cert-dir=d", "--cert-overlap=1s"], "shorter than the settle time"),
        (["show", "--kubeconfig=absent"], "no such kubeconfig file"),
        (["show", "--cert-dir=file"], "Not a directory"),
        (["issue", "--cert-dir=file/d"], "--cert-dir"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")

    result = certs(*arguments, exit_code=2)

    assert says in result.stderr
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_options_have_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TENANTGATE_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("TENANTGATE_DNS", "a.example.com b.example.com")
    monkeypatch.setenv("TENANTGATE_LEAF_LIFETIME", "100d")

    certs("issue")

    leaf = shown(tmp_path)["certificates"][0]
    assert leaf["names"] == ["a.example.com", "b.example.com"]
    assert leaf["daysLeft"] == 100


@pytest.mark.parametrize(
    ("text", "seconds"), [("90d", 7776000), ("1d12h", 129600), ("1h30m", 5400), ("45s", 45)]
)
def test_durations_are_read_and_written_alike(text: str, seconds: int):
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert spell(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("text", ["", "d", "90", "-1d", "1h 30m", "1.5h", "1m1h"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)
