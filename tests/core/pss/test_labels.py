"""What the labels of a namespace ask for."""

from typing import Any

import pytest

from webhook.core.platform import PodSecurity
from webhook.core.pss.labels import policy_of


def asked(labels: dict[str, str], **defaults: Any) -> tuple[str, str, str]:
    found = policy_of(
        {f"pod-security.kubernetes.io/{key}": value for key, value in labels.items()},
        PodSecurity(**defaults),
    )
    return str(found.enforce), str(found.warn), str(found.audit)


NOTHING = "privileged:latest"


@pytest.mark.parametrize(
    ("labels", "defaults", "policy"),
    [
        ({}, {}, (NOTHING, NOTHING, NOTHING)),
        (
            {},
            {"enforce": "baseline", "warn": "restricted", "audit": "restricted"},
            ("baseline:latest", "restricted:latest", "restricted:latest"),
        ),
        (
            {"enforce": "privileged", "warn": "baseline", "warn-version": "v1.31"},
            {"enforce": "baseline"},
            (NOTHING, "baseline:v1.31", NOTHING),
        ),
        ({"audit": "restricted"}, {}, (NOTHING, NOTHING, "restricted:latest")),
        # What is enforced is warned of, unless somebody says otherwise.
        (
            {"enforce": "baseline", "enforce-version": "v1.30"},
            {},
            ("baseline:v1.30", "baseline:v1.30", NOTHING),
        ),
        (
            {"enforce": "baseline", "enforce-version": "v1.30", "warn-version": "v1.31"},
            {},
            ("baseline:v1.30", "baseline:v1.31", NOTHING),
        ),
        ({"enforce": "baseline", "warn": "privileged"}, {}, ("baseline:latest", NOTHING, NOTHING)),
        (
            {"enforce": "baseline", "enforce-version": "v1.30"},
            {"warn": "restricted"},
            ("baseline:v1.30", "restricted:latest", NOTHING),
        ),
        # What cannot be understood is enforced as strictly as can be, and neither warned of nor noted.
        ({"enforce": "strict"}, {}, ("restricted:latest", NOTHING, NOTHING)),
        (
            {"warn": "", "audit": "Baseline"},
            {"warn": "baseline", "audit": "baseline"},
            (NOTHING, NOTHING, NOTHING),
        ),
        (
            {"enforce": "baseline", "enforce-version": "1.30"},
            {},
            ("baseline:latest", "baseline:latest", NOTHING),
        ),
    ],
    ids=str,
)
def test_policy(labels: dict[str, str], defaults: dict[str, Any], policy: Any) -> None:
    assert asked(labels, **defaults) == policy


def test_labels_that_say_nothing_valid_are_mistakes() -> None:
    labels = {
        "pod-security.kubernetes.io/enforce": "strict",
        "pod-security.kubernetes.io/warn-version": "latest",
        "pod-security.kubernetes.io/audit-version": "v1.031",
        "pod-security.kubernetes.io/other": "x",
    }

    found = policy_of(labels, PodSecurity()).mistakes

    assert [(str(mistake.path), mistake.observed) for mistake in found] == [
        ("metadata.labels[pod-security.kubernetes.io/enforce]", "strict"),
        ("metadata.labels[pod-security.kubernetes.io/audit-version]", "v1.031"),
    ]
