"""A process that does nothing but give namespaces their ranges, until it is killed.

    python -m tests.cluster.ranges_driver KUBECONFIG NAMESPACE UID_RANGE

Several threads reconcile every namespace over and over, and now and then there is a repair.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webhook.cluster.client import Api, ClusterError, connect, path_of
from webhook.controllers.ranges.claims import Ranges
from webhook.core.model.blocks import Blocks
from webhook.core.model.objects import JsonObject
from webhook.core.platform import SccSettings

NAMESPACES = path_of("api", "v1", "namespaces")


def reconcile(api: Api, ranges: Ranges, namespace: JsonObject, settings: SccSettings) -> None:
    """Give one namespace what it lacks, at the version at which it was read."""
    changes = ranges.annotations_for(namespace, settings).annotations
    if changes:
        metadata = {key: namespace["metadata"][key] for key in ("uid", "resourceVersion")}
        path = NAMESPACES + path_of(namespace["metadata"]["name"])
        api.merge(path, {"metadata": {**metadata, "annotations": dict(changes)}}, timeout=10)


def main(kubeconfig: str, own: str, uid_range: str) -> None:
    """Run until somebody ends the process."""
    api = connect(Path(kubeconfig))
    ranges = Ranges(api, own)
    settings = SccSettings(uid_allocator_range=Blocks.parse(uid_range))

    def attempt(namespace: JsonObject) -> None:
        try:
            reconcile(api, ranges, namespace, settings)
        except ClusterError as error:
            print(threading.get_ident(), error, flush=True)  # noqa: T201 - the log of a failed test

    with ThreadPoolExecutor(8) as pool:
        for number in range(100_000):
            try:
                if number % 10 == 0:
                    ranges.repair(settings)
                found = api.get(NAMESPACES, timeout=10)["items"]
            except ClusterError as error:
                print(error, flush=True)  # noqa: T201 - as above
                found = []
            list(pool.map(attempt, found))
            time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
