"""How `serve` was asked to run: flags and environment, read once into one frozen value."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

AccessMode = Literal["rbac", "sar"]
Carrier = Literal["asgi", "gthread"]

MAX_BODY = 7 * 1024 * 1024
"""Bytes of a review: the API server takes 3 MB a request, and an UPDATE carries two objects."""

_CGROUP = Path("/sys/fs/cgroup")
_MOST_WORKERS = 4


class Address(NamedTuple):
    """A host and a port to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `HOST:PORT`; an IPv6 host stands in brackets, an absent one means every address.

        Raises:
            ValueError: the text is no such pair.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f'"{text}" is no HOST:PORT, such as 0.0.0.0:8443 or [::1]:8443')
        bare = host.removeprefix("[").removesuffix("]")
        if ":" in bare and not (host.startswith("[") and host.endswith("]")):
            raise ValueError(f'"{text}" has an IPv6 host, which is written in brackets: [::1]:8443')
        return cls(bare or "0.0.0.0", int(port))  # noqa: S104 - as HOST:PORT is read everywhere

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


LISTEN = Address("0.0.0.0", 8443)  # noqa: S104 - the API server comes from elsewhere
OPS_LISTEN = Address("127.0.0.1", 8080)
OPS_LISTEN_IN_CLUSTER = Address("0.0.0.0", 8080)  # noqa: S104 - kubelet and Prometheus must reach it


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `serve` can be told.

    `log_allowed` is the share of admissions that are logged, from 0 to 1; refusals always are.
    """

    listen: Address = LISTEN
    ops_listen: Address = OPS_LISTEN
    policies: tuple[Path, ...] = ()
    cert_dir: Path = Path("certs")
    client_ca: Path | None = None
    client_names: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    kube_context: str = ""
    context: tuple[Path, ...] = ()
    workers: int = 1
    access: AccessMode = "rbac"
    server: Carrier = "asgi"
    log_allowed: float = 1.0
    in_cluster: bool = False
    events: bool = False
    tracing: bool = False
    graceful_timeout: int = 30

    @property
    def live(self) -> bool:
        """Whether facts come from an API server rather than from files."""
        return not self.context and bool(self.in_cluster or self.kubeconfig or self.kube_context)


def in_cluster() -> bool:
    """Return whether this process runs in a pod, as every Kubernetes client tells it."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def tracing_is_configured() -> bool:
    """Return whether OpenTelemetry's own variables say where spans go."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(os.environ.get(name) for name in names)


def parse_rate(text: str) -> float:
    """Read `all`, `none` or a share such as 0.1.

    Raises:
        ValueError: the text is none of these.
    """
    words = {"all": 1.0, "none": 0.0}
    try:
        rate = words[text] if text in words else float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ValueError(f'"{text}" is none of: all, none, a share from 0 to 1 such as 0.1')
    return rate


def default_workers() -> int:
    """Return the CPU limit in whole cores; where there is none, a few of the machine's."""
    limit = _cpu_limit()
    if limit:
        return max(1, int(limit))
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(_MOST_WORKERS, cores))


def _cpu_limit() -> float:
    """Return the cgroup's CPU quota in cores, 0 when it has none (cgroup v2, then v1)."""
    try:
        quota, _, period = (_CGROUP / "cpu.max").read_text().strip().partition(" ")
    except OSError:
        try:
            quota = (_CGROUP / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return 0
    try:
        return max(0.0, int(quota) / int(period))
    except (ValueError, ZeroDivisionError):
        return 0
