"""What becomes of objects, and what a namespace carries."""

import pytest

from webhook.core.platform import Platform
from webhook.core.provisioning.reconciliation.inventory import Item
from webhook.core.provisioning.reconciliation.plan import Notes, disposal, is_recreatable, is_sealed
from webhook.core.provisioning.wanted import Wanted

QUOTA = Item("", "ResourceQuota", "platform-quota", "v1")
BINDING = Item("rbac.authorization.k8s.io", "RoleBinding", "devs", "rbac.authorization.k8s.io/v1")
SECRET = Item("", "Secret", "platform-pull", "v1")
CLAIM = Item("", "PersistentVolumeClaim", "platform-data", "v1")
NOTE = Item("", "ConfigMap", "platform-note", "v1")
ACCOUNT = Item("", "ServiceAccount", "default", "v1")

MARKED = {
    "metadata": {
        "labels": {"tenantgate.io/managed": "true"},
        "annotations": {"tenantgate.io/hash": "1"},
    }
}


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (QUOTA, "delete"),
        (BINDING, "delete"),
        (NOTE, "release"),
        (SECRET, "release"),
        (CLAIM, "release"),
        (ACCOUNT, "release"),
    ],
    ids=str,
)
def test_policies_are_deleted_and_data_is_released(item, what):
    assert disposal(MARKED, item, transferred=False) == what


@pytest.mark.parametrize("gone", ["labels", "annotations"])
def test_what_somebody_took_our_marks_off_is_his(gone):
    value = {"metadata": {**MARKED["metadata"], gone: {}}}

    assert disposal(value, QUOTA, transferred=False) == "leave"


def test_secrets_of_the_former_tenant_go():
    assert disposal(MARKED, SECRET, transferred=True) == "delete"
    assert disposal(MARKED, CLAIM, transferred=True) == "release"


def test_only_policies_of_ours_are_made_anew():
    assert is_recreatable(MARKED, BINDING)
    assert not is_recreatable(MARKED, CLAIM)
    assert not is_recreatable({"metadata": {}}, BINDING)


def test_what_has_the_platforms_name_holds_nothing_else():
    platform = Platform()

    assert is_sealed(QUOTA, platform)
    assert is_sealed(NOTE, platform)
    assert not is_sealed(BINDING, platform)
    assert not is_sealed(SECRET, platform)
    assert not is_sealed(ACCOUNT, platform)


class TestNotes:
    WANTED = Wanted(labels={"tier": "web"}, annotations={"example.com/a": "b"}, hash="1")

    def namespace(self, notes: Notes, **metadata: object) -> dict[str, object]:
        applied: dict[str, object] = {
            "f:metadata": {
                "f:labels": {f"f:{key}": {} for key in notes.labels},
                "f:annotations": {f"f:{key}": {} for key in notes.annotations},
            }
        }
        return {
            "metadata": {
                "name": "shop",
                "uid": "u",
                "resourceVersion": "7",
                "labels": {"team": "x", **notes.labels},
                "annotations": dict(notes.annotations),
                "managedFields": [
                    {"manager": "tenantgate", "operation": "Apply", "fieldsV1": applied}
                ],
                **metadata,
            }
        }

    def test_they_list_what_is_there_and_that_it_is(self):
        notes = Notes.of(self.WANTED, [QUOTA], "1")

        assert notes.labels == {"tier": "web"}
        assert notes.annotations == {
            "example.com/a": "b",
            "tenantgate.io/objects": '{"v1/ResourceQuota":["platform-quota"]}',
            "tenantgate.io/provisioned": "1",
        }

    def test_before_everything_is_there_they_do_not_say_so(self):
        notes = Notes.of(self.WANTED, [QUOTA], "")

        assert "tenantgate.io/provisioned" not in notes.annotations

    def test_they_stand_where_they_were_written(self):
        notes = Notes.of(self.WANTED, [QUOTA], "1")

        assert notes.stand_at(self.namespace(notes))

    def test_they_do_not_where_somebody_changed_one(self):
        notes = Notes.of(self.WANTED, [QUOTA], "1")

        assert not notes.stand_at(self.namespace(notes, labels={"tier": "db"}))
        assert not notes.stand_at(self.namespace(notes, annotations={}))

    def test_what_was_written_before_and_is_not_wanted_now_is_to_go(self):
        before = Notes.of(self.WANTED, [QUOTA], "1")
        after = Notes.of(Wanted(annotations=self.WANTED.annotations), [QUOTA], "1")

        assert not after.stand_at(self.namespace(before))

    def test_they_are_written_to_the_version_that_was_looked_at(self):
        notes = Notes.of(self.WANTED, [], "")
        metadata = notes.body(self.namespace(notes))["metadata"]

        assert (metadata["uid"], metadata["resourceVersion"]) == ("u", "7")
        assert metadata["labels"] == {"tier": "web"}
