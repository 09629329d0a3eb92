"""Objects that a template no longer has: policies are deleted, what holds data is let go."""

from collections.abc import Mapping

from webhook.cluster.client import Api
from webhook.cluster.discovery import Discovery
from webhook.controllers.namespaces.applying import TIMEOUT, remove
from webhook.core.model.marks import HASH, MANAGED, TRANSFERRING
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import annotations
from webhook.core.provisioning.reconciliation.inventory import Item
from webhook.core.provisioning.reconciliation.plan import disposal


def dispose(api: Api, discovery: Discovery, home: JsonObject, item: Item) -> str:
    """Delete or release an object of a namespace; return what was done, "" for nothing.

    Raises:
        ClusterError: it could not be done, or the object changed in the same moment.
    """
    resource = discovery.find(item.api_version, item.kind)
    if resource is None:
        return ""  # with its kind, all objects of the kind have gone
    path = resource.path(home["metadata"]["name"], item.name)
    there = api.find(path, timeout=TIMEOUT)
    if not isinstance(there, Mapping):
        return ""
    match disposal(there, item, transferred=TRANSFERRING in annotations(home)):
        case "delete":
            remove(api, path, there)
            return f"{item} was deleted: the template no longer has it"
        case "release":
            _release(api, path, there)
            return (
                f"{item} was released: the template no longer has it, and as it holds data it "
                "stays, and may now be edited and deleted"
            )
        case "leave":
            return ""


def _release(api: Api, path: str, there: JsonObject) -> None:
    """Take our marks off an object."""
    metadata = {
        "uid": there["metadata"]["uid"],
        "resourceVersion": there["metadata"]["resourceVersion"],
        "labels": {MANAGED: None},
        "annotations": {HASH: None},
    }
    api.merge(path, {"metadata": metadata}, timeout=TIMEOUT)
