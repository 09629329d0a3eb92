"""The image's recipe: what a builder would find out, as far as that takes no builder."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from tests.manifests.rendering import MANIFESTS, ROOT
from webhook import __version__
from webhook.settings import LISTEN, OPS_LISTEN_IN_CLUSTER

IMAGE = MANIFESTS / "image"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


class Instruction(NamedTuple):
    """One instruction of the Dockerfile; `stage` counts from 0, and is -1 before the first."""

    word: str
    text: str
    stage: int


def _instructions() -> Iterator[Instruction]:
    text = (IMAGE / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stage = -1
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            assert word == word.upper(), line
            stage += word == "FROM"
            yield Instruction(word, " ".join(rest.split()), stage)


RECIPE = list(_instructions())
LAST = max(each.stage for each in RECIPE)


def _of(word: str, stage: int) -> list[str]:
    return [each.text for each in RECIPE if (each.word, each.stage) == (word, stage)]


def test_every_stage_has_the_one_base_and_that_is_named_by_digest() -> None:
    """By whoever builds: the recipe names none, so that there is no tag to fall back to."""
    assert _of("ARG", -1) == ["PYTHON"]
    assert [each.text for each in RECIPE if each.word == "FROM"] == [
        "${PYTHON} AS build",
        "${PYTHON}",
    ]
    assert "*@sha256:*)" in (IMAGE / "build").read_text()


def test_the_last_stage_installs_nothing_and_has_nothing_to_install_with() -> None:
    (run,) = _of("RUN", LAST)

    assert "pip uninstall --yes pip" in run
    assert not re.search(r"apt|apk|gcc|curl|pip install|venv", run)
    assert _of("COPY", LAST) == ["--from=build /opt/tenantgate /opt/tenantgate"]


def test_it_is_nobody_by_number() -> None:
    (user,) = _of("USER", LAST)

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_it_runs_the_command_itself() -> None:
    """Without a shell in between, so that it is the program that a signal ends."""
    assert _of("ENTRYPOINT", LAST) == ['["/opt/tenantgate/bin/tenantgate"]']
    assert PROJECT["project"]["scripts"]["tenantgate"] == "webhook.cli:main"


def test_its_labels_and_ports_are_the_programs() -> None:
    (labels,) = _of("LABEL", LAST)

    assert f'org.opencontainers.image.version="{__version__}"' in labels
    assert _of("EXPOSE", LAST) == [f"{LISTEN.port} {OPS_LISTEN_IN_CLUSTER.port}"]


def test_libraries_are_installed_as_wheels_with_known_digests_alone() -> None:
    installs = [
        step.strip() for text in _of("RUN", 0) for step in text.split("&&") if " install " in step
    ]

    assert len(installs) == 3
    for step in installs:
        assert ("--require-hashes" in step and "--only-binary :all:" in step) or (
            "--no-index" in step and "--no-deps" in step
        )


# What the builder is sent


def _sent(path: str) -> bool:
    """Tell whether .dockerignore lets a file through: of the patterns that fit, the last counts.

    A pattern also fits what is below it, and one that begins with `**/` fits in every folder.
    """
    sent = True
    above = [path, *map(str, Path(path).parents)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        forms = {pattern, pattern.removeprefix("**/")} if pattern else set()
        if any(fnmatch(place, form) for place in above for form in forms):
            sent = line.startswith("!")
    return sent


def test_everything_that_is_copied_is_sent() -> None:
    for text in _of("COPY", 0):
        *sources, _ = text.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert _sent(source), source
    assert _sent("webhook/cli/serve.py")


@pytest.mark.parametrize(
    "path",
    ["certs/tls.key", ".git/config", "tests/conftest.py", "webhook/core/__pycache__/x.pyc"],
)
def test_nothing_else_is_sent(path: str) -> None:
    assert not _sent(path)


# The lock


def _locked(name: str) -> Mapping[NormalizedName, Version]:
    """Return the versions of a lock; each names at least one file's digest."""
    found = {}
    text = re.sub(r"^\s*#.*$", "", (IMAGE / name).read_text(), flags=re.MULTILINE)
    for entry in re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip()):
        pin, *digests = entry.split("--hash=")
        requirement = Requirement(pin.strip())
        (version,) = requirement.specifier
        assert version.operator == "=="
        assert digests
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in digests)
        found[canonicalize_name(requirement.name)] = Version(version.version)
    return found


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements.txt", PROJECT["project"]["optional-dependencies"]["otel"]),
        ("build.txt", PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_has_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    versions = _locked(lock)

    for text in wanted:
        requirement = Requirement(text)
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is missing: run manifests/image/lock"
        assert requirement.specifier.contains(version), f"{text}: run manifests/image/lock"


# The wheel


@pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="no hatchling, which builds the wheel"
)
def test_the_wheel_is_the_same_each_time_and_holds_the_policies(tmp_path: Path) -> None:
    built = []
    for name in ("one", "two"):
        done = subprocess.run(  # noqa: S603 - the project's own build backend
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1700000000"},
        )
        assert done.returncode == 0, done.stderr
        built.append(next((tmp_path / name).iterdir()))

    assert built[0].read_bytes() == built[1].read_bytes()
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
    policies = {f"webhook/{path.relative_to(ROOT)}" for path in (ROOT / "policies").rglob("*.yaml")}
    assert policies <= names
