"""The objects that the tests send: as small as the API server takes them."""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def pod(
    name: str = "web",
    *,
    security: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Object:
    """Return a pod of one container; `security` is that container's, `spec` the pod's own."""
    container: Object = {
        "name": "app",
        "image": "registry.example.com/app:1",
        "resources": {"requests": {"cpu": "100m"}},
    }
    if security is not None:
        container["securityContext"] = dict(security)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": {"containers": [container], **spec},
    }


def deployment(template: Object, name: str = "web") -> Object:
    """Return a Deployment whose pods look like the given one."""
    labels = {"app": name}
    metadata = {**template["metadata"], "labels": labels}
    del metadata["name"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": metadata, "spec": template["spec"]},
        },
    }
