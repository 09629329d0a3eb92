"""What was put into a namespace, as the namespace notes it."""

from webhook.core.provisioning.reconciliation.inventory import Item, read, union, write

QUOTA = Item("", "ResourceQuota", "platform-quota", "v1")
DENY = Item("networking.k8s.io", "NetworkPolicy", "platform-deny", "networking.k8s.io/v1")
OPEN = Item("networking.k8s.io", "NetworkPolicy", "platform-dns", "networking.k8s.io/v1")


def test_what_is_written_is_read():
    text = write([OPEN, QUOTA, DENY])

    assert text == (
        '{"networking.k8s.io/v1/NetworkPolicy":["platform-deny","platform-dns"],'
        '"v1/ResourceQuota":["platform-quota"]}'
    )
    assert read({"tenantgate.io/objects": text}) == {OPEN, QUOTA, DENY}


def test_the_order_does_not_matter():
    assert write([OPEN, QUOTA]) == write([QUOTA, OPEN])


def test_what_somebody_garbled_is_left_out():
    for text in ("", "{", "[]", '"x"', "7", '{"v1/ConfigMap": 3}', '{"ConfigMap": ["a"]}'):
        assert read({"tenantgate.io/objects": text}) == set()
    assert read({}) == set()
    assert read({"tenantgate.io/objects": '{"v1/ConfigMap":["a",7,""],"x":{}}'}) == {
        Item("", "ConfigMap", "a", "v1")
    }


def test_an_object_in_another_version_of_its_group_is_the_same():
    old = Item("policy", "PodDisruptionBudget", "web", "policy/v1beta1")
    new = Item("policy", "PodDisruptionBudget", "web", "policy/v1")

    assert [item.api_version for item in union([new], [old])] == ["policy/v1"]
    assert union([new], [old, QUOTA]) == {new, QUOTA}


def test_an_object_names_itself():
    value = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "platform-deny"},
    }
    assert Item.of(value) == DENY
    assert str(DENY) == "NetworkPolicy platform-deny"
