"""Image references, normalised as container runtimes do."""

import re
from functools import lru_cache

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\Z")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}\Z")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}\Z")
_HUB_ALIAS = "index.docker.io"

HUB = "docker.io"
"""The registry of an image that names none."""


@lru_cache(maxsize=4096)
def repository(image: str) -> str:
    """Return an image's repository in full, without tag and digest; "" for what is no reference.

    `nginx:1` is `docker.io/library/nginx`. What stands before the first slash is a host only with a
    dot, a port or a capital letter in it, or as `localhost`; hosts are compared in lower case.
    """
    name, at, digest = image.partition("@")
    if at and not _DIGEST.match(digest):
        return ""
    host_, path = split(name)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.match(tag):
        return ""
    if not _DOMAIN.match(host_) or not _PATH.match(path) or _IDENTIFIER.match(image):
        return ""
    if host_ == HUB and "/" not in path:
        path = f"library/{path}"
    return f"{host_}/{path}"


@lru_cache(maxsize=4096)
def spellings(image: str) -> tuple[str, ...]:
    """Return every way to call an image: as it is written, its repository, its full reference.

    What names neither a tag nor a digest is `latest`.
    """
    full = repository(image)
    if not full:
        return (image,)
    name, at, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return image, full, f"{full}{colon}{tag}{at}{digest}" if colon or at else f"{full}:latest"


def split(name: str) -> tuple[str, str]:
    """Return host and path of a reference; the hub's where it names none."""
    head, slash, rest = name.partition("/")
    if slash and (is_host(head) or head != head.lower()):
        return host(head), rest
    return HUB, name


def is_host(text: str) -> bool:
    """Tell whether what stands before the first slash is a host."""
    return "." in text or ":" in text or text == "localhost"


def host(text: str) -> str:
    """Return a registry's host as it is compared."""
    lower = text.lower()
    return HUB if lower == _HUB_ALIAS else lower
