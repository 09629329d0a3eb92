"""Namespaces come and go by their tenants' own hands, within what each may have."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.cluster.tenancy.api import Answer, Api
from tests.cluster.tenancy.world import DEPLOYER, TENANT

pytestmark = pytest.mark.usefixtures("world")

PATH = "/api/v1/namespaces"
_numbers = count(1)


def fresh(prefix: str) -> str:
    """Return a name that no namespace had yet."""
    return f"{prefix}{next(_numbers)}"


def create(api: Api, user: str, name: str, query: str = "", **metadata: Any) -> Answer:
    return api(user, "POST", PATH + query, {"metadata": {"name": name, **metadata}})


@pytest.mark.parametrize("user", ["olga", DEPLOYER])
def test_an_owners_namespace_is_its_tenants(api, user):
    made = create(api, user, fresh("acme-"))

    assert made.status == 201, made
    assert made.body["metadata"]["labels"][TENANT] == "acme"
    assert made.body["metadata"]["annotations"]["openshift.io/requester"] == user


def test_one_whose_name_the_server_completes_is_too(api):
    made = api("olga", "POST", PATH, {"metadata": {"generateName": "acme-"}})

    assert made.status == 201, made
    assert made.body["metadata"]["labels"][TENANT] == "acme"


@pytest.mark.parametrize("attempt", range(5))
def test_she_can_work_in_it_at_once(api, attempt):
    """A namespace that was made a moment ago is known to be hers."""
    name = fresh("acme-")
    assert create(api, "olga", name).status == 201

    answer = api("olga", "POST", f"{PATH}/{name}/configmaps", {"metadata": {"name": "first"}})
    foreign = api("gina", "POST", f"{PATH}/{name}/configmaps", {"metadata": {"name": "second"}})

    assert answer.status == 201, answer
    assert "[T-BND-1]" in foreign.message


@pytest.mark.parametrize(
    ("user", "name", "labels", "rule"),
    [
        ("alice", "acme-mine", {}, "T-NS-1"),
        ("olga", "acme-theirs", {TENANT: "globex"}, "T-NS-1"),
        ("olga", "acme-nobodys", {TENANT: ""}, "T-NS-1"),
        ("otto", "acme-gift", {TENANT: "acme"}, "T-NS-1"),
        ("olga", "web", {}, "T-NS-2"),
        ("olga", "globex-web", {}, "T-NS-2"),
        ("olga", "kube-web", {}, "T-NS-2"),
        ("otto", "openshift-web", {}, "T-NS-2"),
        ("olga", "acme-weak", {"pod-security.kubernetes.io/enforce": "privileged"}, "T-NS-5"),
    ],
)
def test_others_are_refused(api, user, name, labels, rule):
    answer = create(api, user, name, "?dryRun=All", labels=labels)

    assert answer.status == 403, answer
    assert f"[{rule}]" in answer.message


def test_nobodys_namespace_is_nobodys(api):
    made = create(api, "otto", fresh("plain-"))

    assert made.status == 201, made
    assert TENANT not in made.body["metadata"]["labels"]


def test_no_more_than_a_tenant_may_have(api):
    """Of four, globex has one. What is only tried takes no place, what is on its way out keeps it."""
    for _ in range(5):
        assert create(api, "gina", "globex-tried", "?dryRun=All").status == 201
    made = [create(api, "gina", fresh("globex-")) for _ in range(4)]
    assert [each.status for each in made] == [201, 201, 201, 403]

    with ThreadPoolExecutor(8) as pool:
        burst = [pool.submit(create, api, "gina", fresh("globex-")) for _ in range(8)]
        messages = [each.result().message for each in burst]

    assert all("[T-NS-3]" in message for message in messages)
    assert api("gina", "DELETE", f"{PATH}/{made[0].body['metadata']['name']}").status == 200
    assert "[T-NS-3]" in create(api, "gina", fresh("globex-")).message


def test_a_burst_is_counted_as_soon_as_it_is_there(api):
    """Namespaces that are created at the same instant cannot see each other; the next one sees all."""
    with ThreadPoolExecutor(8) as pool:
        burst = [pool.submit(create, api, "ivan", fresh("initech-")) for _ in range(8)]
        answers = [each.result() for each in burst]

    assert sum(each.status == 201 for each in answers) >= 3
    assert all("[T-NS-3]" in each.message for each in answers if each.status != 201)
    for _ in range(3):
        assert "[T-NS-3]" in create(api, "ivan", fresh("initech-")).message


def test_a_host_is_taken_by_who_comes_first(api, world):
    for number in range(5):
        host = f"shop-{number}.example.org"
        path = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"
        body = {"metadata": {"name": f"shop-{number}"}, "spec": {"rules": [{"host": host}]}}

        first = api("bob", "POST", path.format(world.app), body)
        second = api("alice", "POST", path.format(world.web), body)

        assert first.status == 201, first
        assert second.status == 403, second
        assert "[T-ING-4]" in second.message
