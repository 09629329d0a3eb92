"""While the Platform only observes, namespaces are told apart and nothing is put into them."""

from collections.abc import Iterator

import pytest

from tests.cluster.process import eventually
from tests.cluster.provisioning.parts import (
    DENY,
    PROVISIONED,
    TENANT,
    UID_RANGE,
    document,
    is_provisioned,
    namespace_of,
    template,
    tenant,
    there,
)
from tests.cluster.running import Running
from tests.cluster.tenantgate import NAMESPACE
from webhook.controllers.namespaces.controller import Namespaces
from webhook.controllers.ranges.claims import Ranges

NETWORKS = {key: ["::/64"] for key in ("podCIDRs", "serviceCIDRs", "nodeCIDRs")}


@pytest.fixture
def running(cluster, tenantgate, tmp_path) -> Iterator[Running]:
    made = Running(
        cluster,
        tmp_path,
        lambda context: [Namespaces(context, Ranges(context.api, NAMESPACE))],
        {
            "platform": document("Platform", "platform", enforcement="warn", cluster=NETWORKS),
            "watched": tenant("watched"),
            "template": template("watched", "watched", objects=[DENY]),
        },
    )
    made.start()
    yield made
    made.close()


def test_objects_are_made_from_the_day_that_it_enforces(cluster, running):
    name = cluster.namespace("watched", annotations={}, labels={TENANT: "watched"})

    eventually(lambda: UID_RANGE in namespace_of(cluster, name)["metadata"].get("annotations", {}))
    assert not there(cluster, "networkpolicy", "platform-default-deny", name)
    assert PROVISIONED not in namespace_of(cluster, name)["metadata"]["annotations"]

    running.change({"platform": document("Platform", "platform", cluster=NETWORKS)})
    eventually(lambda: is_provisioned(cluster, name))
    assert there(cluster, "networkpolicy", "platform-default-deny", name)
