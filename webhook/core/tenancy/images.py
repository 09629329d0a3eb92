"""Image references, normalised as container runtimes do, and the registries that cover them."""

import re
from functools import lru_cache

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\Z")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}\Z")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}\Z")
_HUB = "docker.io"
_HUB_ALIAS = "index.docker.io"


@lru_cache(maxsize=4096)
def repository(image: str) -> str:
    """Return an image's repository in full, without tag and digest; "" for what is no reference.

    `nginx:1` is `docker.io/library/nginx`. What stands before the first slash is a host only with a
    dot, a port or a capital letter in it, or as `localhost`; hosts are compared in lower case.
    """
    name, at, digest = image.partition("@")
    if at and not _DIGEST.match(digest):
        return ""
    host, path = _split(name)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.match(tag):
        return ""
    if not _DOMAIN.match(host) or not _PATH.match(path) or _IDENTIFIER.match(image):
        return ""
    if host == _HUB and "/" not in path:
        path = f"library/{path}"
    return f"{host}/{path}"


def is_from(image: str, registries: tuple[str, ...]) -> bool:
    """Tell whether an image lies under one of several registries or paths in a registry.

    A path ends where a segment ends: `registry.example.com/acme` does not cover `…/acme-evil/x`.
    """
    full = repository(image)
    return bool(full) and any(
        not prefix or f"{full}/".startswith(f"{prefix}/") for prefix in map(_prefix, registries)
    )


@lru_cache(maxsize=4096)
def _prefix(granted: str) -> str:
    """Return a granted registry as it is compared; "" for `*`, which is every image."""
    granted = granted.removesuffix("*").rstrip("/")
    if not granted or ("/" not in granted and _is_host(granted)):
        return _host(granted)
    host, path = _split(granted)
    if host == _HUB and granted == path and "/" not in path:
        path = f"library/{path}"
    return f"{host}/{path}"


def _split(name: str) -> tuple[str, str]:
    head, slash, rest = name.partition("/")
    if slash and (_is_host(head) or head != head.lower()):
        return _host(head), rest
    return _HUB, name


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost"


def _host(text: str) -> str:
    lower = text.lower()
    return _HUB if lower == _HUB_ALIAS else lower
