"""Kubernetes objects as text that kubectl reads."""

import json
from collections.abc import Sequence

import yaml

from webhook.core.model.objects import JsonObject


def printed(objects: Sequence[JsonObject], output: str) -> str:
    """Return objects as YAML documents, or with `json` as one JSON List."""
    if output == "json":
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return json.dumps(items, indent=2) + "\n"
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=2**16)


class _Plain(yaml.SafeDumper):
    """Writes each value where it stands, never as a reference to an equal one before."""

    def ignore_aliases(self, data: object) -> bool:
        return True
