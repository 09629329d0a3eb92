"""Images, and the registries that cover them."""

from functools import lru_cache

from webhook.core.model.image import HUB, host, is_host, repository, split


def is_from(image: str, registries: tuple[str, ...]) -> bool:
    """Tell whether an image lies under one of several registries or paths in a registry.

    A path ends where a segment ends: `registry.example.com/acme` does not cover `…/acme-evil/x`.
    """
    full = repository(image)
    return bool(full) and any(
        not prefix or f"{full}/".startswith(f"{prefix}/") for prefix in map(_prefix, registries)
    )


@lru_cache(maxsize=65536)  # those of all tenants
def _prefix(granted: str) -> str:
    """Return a granted registry as it is compared; "" for `*`, which is every image."""
    granted = granted.removesuffix("*").rstrip("/")
    if not granted or ("/" not in granted and is_host(granted)):
        return host(granted)
    home, path = split(granted)
    if home == HUB and granted == path and "/" not in path:
        path = f"library/{path}"
    return f"{home}/{path}"
