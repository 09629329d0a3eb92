"""The registration as the controller keeps it: when it comes, what is put right, what is left alone."""

import base64
import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from webhook.certs.registered import registrations_path
from webhook.certs.secret import secret_path
from webhook.certs.signing import Signer, certificate_pem, new_authority, new_leaf
from webhook.cluster.client import Api, ApiError
from webhook.cluster.events import Events
from webhook.controllers.loop import Context
from webhook.controllers.registration.controller import KINDS, Keeping, Registration
from webhook.core.registration import Service
from webhook.log import Lines
from webhook.metrics import Metrics
from webhook.store import SHIPPED, PolicyStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWN = "tenantgate-system"
NOTE = f"/api/v1/namespaces/{OWN}/configmaps/tenantgate-registration"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{OWN}/endpointslices"
MUTATING, VALIDATING = (f"{registrations_path(plural)}/tenantgate" for plural in KINDS.values())
BOTH = (MUTATING, VALIDATING)


class Cluster:
    """As much of an API server as the registration meets; entries of a list are merged by name."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {
            f"/api/v1/namespaces/{OWN}": {"metadata": {"name": OWN, "uid": "namespace"}},
            f"/api/v1/namespaces/{OWN}/services/tenantgate": {
                "metadata": {"name": "tenantgate", "uid": "service"}
            },
        }
        self.endpoints: list[Any] = []
        self.writes: list[str] = []
        self.version = 0
        self.before_write: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return NOW

    def find(self, path: str, *, timeout: float) -> Any:
        return copy.deepcopy(self.objects.get(path))

    def get(self, path: str, query: Mapping[str, str], *, timeout: float) -> Any:
        assert (path, query) == (SLICES, {"labelSelector": "kubernetes.io/service-name=tenantgate"})
        return {"items": [{"endpoints": self.endpoints}]}

    def apply(self, path: str, body: Any, *, timeout: float) -> Any:
        self.before_write()
        stored = self.objects.get(path)
        metadata = body["metadata"]
        if "uid" in metadata and (
            stored is None or stored["metadata"]["resourceVersion"] != metadata["resourceVersion"]
        ):
            raise ApiError("changed meanwhile", 409)
        merged = {each["name"]: each for each in (stored or {}).get("webhooks", ())}
        merged |= {each["name"]: each for each in body.get("webhooks", ())}
        return self.put(path, {**body, **({"webhooks": list(merged.values())} if merged else {})})

    def merge(self, path: str, body: Any, *, timeout: float) -> Any:
        return self.put(path, {**self.objects[path], "webhooks": body["webhooks"]})

    def put(self, path: str, body: Any) -> Any:
        self.version += 1
        self.writes.append(path)
        metadata = {"uid": path, **body["metadata"], "resourceVersion": str(self.version)}
        self.objects[path] = {**copy.deepcopy(body), "metadata": metadata}
        return copy.deepcopy(self.objects[path])

    def edit(self, path: str, manager: str = "kubectl-edit", **fields: Any) -> None:
        """Change the first entry of a configuration, as somebody by hand would."""
        self.objects[path]["webhooks"][0].update(fields)
        noted = [{"manager": manager, "time": "2026-11-22T12:00:00Z"}, {"manager": "tenantgate"}]
        self.objects[path]["metadata"]["managedFields"] = noted
        self.put(path, self.objects[path])

    def serve(self, signer: Signer, name: str = f"tenantgate.{OWN}.svc") -> None:
        """Put a serving certificate into the Secret."""
        pair = new_leaf(signer, [name], NOW, timedelta(days=1))
        pieces = {"ca.crt": certificate_pem(signer.certificate), "tls.crt": pair.certificate}
        data = {key: base64.b64encode(value).decode() for key, value in pieces.items()}
        self.objects[secret_path(OWN, "tenantgate-tls")] = {"data": data}


class Told(Events):
    """Events that somebody reads."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.last = ""

    def emit(self, involved: Any, type: str, reason: str, message: str, **more: Any) -> None:  # noqa: A002 - as the method is called there
        assert involved["kind"] == "Namespace"
        self.reasons.append(reason)
        self.last = message


class Stand:
    """The controller, and all that it meets."""

    def __init__(self, folder: Path, **keeping: Any) -> None:
        self.policies = folder / "policies"
        self.policies.mkdir()
        self.write((SHIPPED / "scc" / "restricted-v2.yaml").read_text())
        self.store = PolicyStore([self.policies])
        self.cluster, self.told, self.metrics, self.clock = Cluster(), Told(), Metrics(), 0.0
        self.lines = Lines(os.open(os.devnull, os.O_WRONLY))
        self.keeping = Keeping(Service(OWN, "tenantgate"), **keeping)
        self.authority = new_authority("one", NOW, timedelta(days=10))
        self.cluster.serve(self.authority)
        self.cluster.endpoints = [{"conditions": {"ready": True}}]
        self.leader = self.follow()

    def follow(self) -> Registration:
        """Return a controller as another leader would run it."""
        api = cast(Api, self.cluster)
        context = Context(api, self.store, self.told, self.lines, self.metrics, OWN, "me")
        return Registration(context, self.keeping, clock=lambda: self.clock)

    def write(self, text: str, name: str = "scc.yaml") -> None:
        (self.policies / name).write_text(text)

    def reconcile(self) -> float | None:
        return self.leader.reconcile("tenantgate")

    def entries(self, path: str = VALIDATING) -> dict[str, Any]:
        found = copy.deepcopy(self.cluster.objects[path]["webhooks"])
        return {each["name"]: each for each in found}

    def in_force(self) -> list[float]:
        return [value for _, _, value in self.leader.readings()]

    def repairs(self) -> float:
        return sum(
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "tenantgate_registration_repairs_total"
        )


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.lines.close()


def test_it_is_registered_with_the_authorities_of_what_is_served(stand: Stand) -> None:
    stand.reconcile()

    for path in BOTH:
        metadata = stand.cluster.objects[path]["metadata"]
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Namespace", "namespace")
        for entry in stand.entries(path).values():
            trusted = base64.b64decode(entry["clientConfig"]["caBundle"])
            assert trusted == certificate_pem(stand.authority.certificate)
    assert stand.in_force() == [0, 0]
    assert stand.reconcile() == stand.keeping.later
    assert stand.in_force() == [1, 1]
    assert stand.told.reasons == ["Registered", "Registered"]


def test_once_all_is_well_nothing_is_written(stand: Stand) -> None:
    stand.reconcile()
    stand.cluster.writes.clear()

    stand.reconcile()

    assert stand.cluster.writes == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda cluster: cluster.endpoints.clear(), "no replica behind Service"),
        (
            lambda cluster: cluster.endpoints.__setitem__(0, {"conditions": {"ready": False}}),
            "no replica behind Service",
        ),
        (lambda cluster: cluster.objects.pop(secret_path(OWN, "tenantgate-tls")), "no authority"),
        (
            lambda cluster: cluster.serve(
                new_authority("one", NOW, timedelta(days=1)), "tenantgate.example.com"
            ),
            "would be refused: the serving certificate is for tenantgate.example.com",
        ),
    ],
    ids=["no replica", "none ready", "no certificate", "another name"],
)
def test_nothing_is_registered_that_nobody_would_answer(
    stand: Stand, spoil: Callable[[Cluster], Any], says: str
) -> None:
    spoil(stand.cluster)

    assert stand.reconcile() == stand.keeping.soon
    assert stand.cluster.writes == []
    assert stand.told.reasons == []  # an installation takes a while
    stand.clock = 60
    stand.reconcile()
    assert stand.told.reasons == ["RegistrationWaits", "RegistrationWaits"]
    assert says in stand.told.last


def test_endpoints_that_do_not_say_otherwise_are_ready(stand: Stand) -> None:
    stand.cluster.endpoints = [{"conditions": {"ready": False}}, {"addresses": ["10.0.0.1"]}]

    stand.reconcile()

    assert set(BOTH) <= set(stand.cluster.objects)


@pytest.mark.parametrize(
    "edit",
    [
        {"failurePolicy": "Ignore"},
        {"objectSelector": {"matchLabels": {"a": "b"}}},
        {"name": "mine.example.com"},
        {"somethingNew": 1},
    ],
    ids=lambda edit: next(iter(edit)),
)
@pytest.mark.parametrize("path", BOTH)
def test_what_somebody_changed_is_put_right(stand: Stand, path: str, edit: Any) -> None:
    stand.reconcile()
    before = stand.entries(path)
    stand.cluster.edit(path, **edit)

    stand.reconcile()

    assert stand.entries(path) == before
    assert stand.told.reasons[2:] == ["RegistrationRepaired"]
    assert 'by "kubectl-edit" was put right' in stand.told.last
    assert stand.repairs() == 1


def test_entries_that_others_add_are_removed(stand: Stand) -> None:
    stand.reconcile()
    before = stand.entries()
    stand.cluster.objects[VALIDATING]["webhooks"].append({"name": "mine.example.com"})

    stand.reconcile()

    assert stand.entries() == before


def test_while_nobody_answers_nothing_is_put_right(stand: Stand) -> None:
    stand.reconcile()
    stand.cluster.edit(VALIDATING, failurePolicy="Ignore")
    stand.cluster.endpoints = []

    stand.reconcile()
    assert stand.entries()["workloads.validate.tenantgate.io"]["failurePolicy"] == "Ignore"
    assert stand.in_force() == [1, 0]

    stand.cluster.endpoints = [{}]
    stand.reconcile()
    assert stand.entries()["workloads.validate.tenantgate.io"]["failurePolicy"] == "Fail"


def test_whoever_keeps_undoing_a_repair_is_told_of_and_left_alone_for_a_while(stand: Stand) -> None:
    stand.reconcile()
    for _ in range(20):
        stand.cluster.edit(VALIDATING, manager="other-operator", timeoutSeconds=1)
        stand.reconcile()
        stand.clock += 1

    assert stand.repairs() == 7  # the sixth makes it a fight, the seventh comes ten seconds later
    assert stand.told.reasons.count("RegistrationContested") == 2
    assert 'again and again by "other-operator"' in stand.told.last
    assert stand.reconcile() == stand.keeping.later
    stand.clock += 20
    stand.reconcile()
    assert stand.repairs() == 8


class TestPolicies:
    def test_what_new_policies_judge_is_registered(self, stand: Stand) -> None:
        stand.reconcile()
        assert "cluster.validate.tenantgate.io" not in stand.entries()
        stand.write(TENANT, "tenant.yaml")
        stand.store.refresh()

        stand.reconcile()

        assert "cluster.validate.tenantgate.io" in stand.entries()
        assert stand.told.reasons[2:] == ["Registered", "Registered"]
        assert stand.repairs() == 0

    def test_what_they_judge_no_longer_goes(self, stand: Stand) -> None:
        stand.write(TENANT, "tenant.yaml")
        stand.store.refresh()
        stand.reconcile()
        (stand.policies / "tenant.yaml").unlink()
        stand.store.refresh()

        stand.reconcile()

        assert "cluster.validate.tenantgate.io" not in stand.entries()
        assert stand.repairs() == 0


TENANT = (
    "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\n"
    "spec: {owners: [{kind: Group, name: acme-leads}]}\n"
)


class TestCertificates:
    def test_a_bundle_that_is_republished_is_registered(self, stand: Stand) -> None:
        stand.reconcile()
        successor = new_authority("two", NOW, timedelta(days=10))
        stand.cluster.serve(successor)

        stand.reconcile()

        for path in BOTH:
            for entry in stand.entries(path).values():
                trusted = base64.b64decode(entry["clientConfig"]["caBundle"])
                assert trusted == certificate_pem(successor.certificate)
        assert stand.repairs() == 0

    def test_who_registered_it_first_is_no_intruder(self, stand: Stand) -> None:
        """A rotation writes the bundle itself, perhaps spelt in another way."""
        stand.reconcile()
        successor = new_authority("two", NOW, timedelta(days=10))
        text = certificate_pem(successor.certificate) + b"\n"
        for path in BOTH:
            for entry in stand.cluster.objects[path]["webhooks"]:
                entry["clientConfig"]["caBundle"] = base64.b64encode(text).decode()
        stand.cluster.serve(successor)
        stand.cluster.writes.clear()

        stand.reconcile()

        assert stand.cluster.writes == []
        assert stand.in_force() == [1, 1]


class TestBreakGlass:
    """Deleting the configurations is how tenantgate is taken out of the way."""

    @pytest.fixture(autouse=True)
    def _registered(self, stand: Stand) -> None:
        stand.reconcile()
        stand.cluster.writes.clear()

    def test_what_was_deleted_stays_deleted(self, stand: Stand) -> None:
        for path in BOTH:
            del stand.cluster.objects[path]

        for _ in range(3):
            assert stand.reconcile() == stand.keeping.soon

        assert stand.cluster.writes == []
        assert stand.in_force() == [0, 0]
        assert stand.told.reasons[2:] == ["RegistrationDeleted", "RegistrationDeleted"]
        assert "delete configmap tenantgate-registration" in stand.told.last

    def test_so_it_does_when_another_leads(self, stand: Stand) -> None:
        """Also where nobody led while it was deleted."""
        del stand.cluster.objects[VALIDATING]
        stand.leader = stand.follow()

        stand.reconcile()

        assert VALIDATING not in stand.cluster.objects
        assert MUTATING in stand.cluster.objects

    def test_somebody_is_reminded_every_ten_minutes(self, stand: Stand) -> None:
        del stand.cluster.objects[VALIDATING]
        for minute in range(31):
            stand.clock = 60.0 * minute
            stand.reconcile()

        assert stand.told.reasons.count("RegistrationDeleted") == 4

    def test_it_comes_back_when_somebody_deletes_the_note(self, stand: Stand) -> None:
        for path in (*BOTH, NOTE):
            del stand.cluster.objects[path]

        stand.reconcile()

        assert {*BOTH, NOTE} <= set(stand.cluster.objects)

    def test_the_note_goes_with_the_service(self, stand: Stand) -> None:
        """So that a later installation begins anew."""
        (owner,) = stand.cluster.objects[NOTE]["metadata"]["ownerReferences"]

        assert (owner["kind"], owner["uid"]) == ("Service", "service")

    def test_it_is_kept_again_once_somebody_registers_it_by_hand(self, stand: Stand) -> None:
        kept = copy.deepcopy(stand.cluster.objects[VALIDATING])
        del stand.cluster.objects[VALIDATING]
        stand.reconcile()
        kept["webhooks"][0]["failurePolicy"] = "Ignore"
        stand.cluster.put(VALIDATING, kept)

        stand.reconcile()

        assert stand.entries()["workloads.validate.tenantgate.io"]["failurePolicy"] == "Fail"

    def test_a_repair_under_way_does_not_undo_a_deletion(self, stand: Stand) -> None:
        stand.cluster.edit(VALIDATING, timeoutSeconds=1)

        def deleted_meanwhile() -> None:
            stand.cluster.objects.pop(VALIDATING, None)

        stand.cluster.before_write = deleted_meanwhile
        with pytest.raises(ApiError):
            stand.reconcile()
        stand.reconcile()

        assert VALIDATING not in stand.cluster.objects


def test_what_others_keep_is_only_watched(tmp_path: Path) -> None:
    stand = Stand(tmp_path, mode="external")
    stand.reconcile()
    assert stand.cluster.writes == []
    assert stand.told.reasons == ["RegistrationDiffers", "RegistrationDiffers"]
    assert "it is not there" in stand.told.last

    managed = Stand(_folder(tmp_path))
    managed.reconcile()
    for path in BOTH:
        stand.cluster.put(path, managed.cluster.objects[path])
    stand.reconcile()
    assert stand.in_force() == [1, 1]

    stand.cluster.edit(VALIDATING, failurePolicy="Ignore")
    stand.reconcile()
    assert 'failurePolicy is "Ignore"; the policies ask for "Fail"' in stand.told.last
    assert stand.in_force() == [1, 0]
    for made in (stand, managed):
        made.lines.close()


def _folder(parent: Path) -> Path:
    made = parent / "other"
    made.mkdir()
    return made


def test_the_note_says_what_it_is_for(stand: Stand) -> None:
    stand.reconcile()

    data = stand.cluster.objects[NOTE]["data"]
    assert data["registered"].split() == list(KINDS)
    assert "Delete this ConfigMap to have it registered again" in json.dumps(data)
