"""Whether the API server would accept what the webhook shows, told beforehand."""

from datetime import UTC, datetime, timedelta

import pytest

from webhook.certs.signing import Signer, certificate_pem, new_authority, new_leaf
from webhook.certs.trust import objection

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "tenantgate.tenantgate-system.svc"


def authority(name: str = "one", made: datetime = NOW, life: timedelta = 10 * DAY) -> Signer:
    return new_authority(name, made, life)


def leaf(signer: Signer, *names: str, made: datetime = NOW, life: timedelta = DAY) -> bytes:
    return new_leaf(signer, names or (NAME,), made, life).certificate


CA = authority()
PEM = certificate_pem(CA.certificate)


def test_a_leaf_of_a_trusted_authority_is_accepted() -> None:
    assert objection(leaf(CA), PEM, NAME, NOW) == ""


def test_during_an_overlap_the_leaf_of_either_authority_is() -> None:
    both = PEM + certificate_pem(authority("two").certificate)

    assert objection(leaf(CA), both, NAME, NOW) == ""


def test_names_may_be_wildcards_and_differ_in_case() -> None:
    assert objection(leaf(CA, "*.tenantgate-system.svc"), PEM, NAME.upper(), NOW) == ""


def test_a_certificate_that_is_trusted_itself_needs_no_authority() -> None:
    shown = leaf(authority("nobody"))

    assert objection(shown, shown, NAME, NOW) == ""


@pytest.mark.parametrize(
    ("shown", "bundle", "now", "says"),
    [
        (b"", PEM, NOW, "there is no serving certificate"),
        (leaf(CA), b"nothing", NOW, "no authority is trusted"),
        (leaf(CA, "localhost"), PEM, NOW, f"is for localhost, and not for {NAME}"),
        (leaf(CA), certificate_pem(authority("two").certificate), NOW, '"one", who signed'),
        (leaf(CA), PEM, NOW + 2 * DAY, 'certificate of "tenantgate" expired at 2026-11-23'),
        (leaf(CA), PEM, NOW - 2 * DAY, 'certificate of "tenantgate" is not valid before'),
    ],
    ids=["no leaf", "no authority", "another name", "another authority", "expired", "not yet"],
)
def test_why_it_would_be_refused(shown: bytes, bundle: bytes, now: datetime, says: str) -> None:
    assert says in objection(shown, bundle, NAME, now)


def test_an_authority_may_expire_before_its_leaf() -> None:
    old = authority("old", NOW - 9 * DAY)
    shown = leaf(Signer(authority("old", NOW, 20 * DAY).certificate, old.key), life=5 * DAY)

    said = objection(shown, certificate_pem(old.certificate), NAME, NOW + 2 * DAY)

    assert 'certificate of "old" expired' in said
