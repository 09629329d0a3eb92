"""What a running webhook exposes is what the table of metrics says."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.server.parts import ADMITTED, REFUSED
from tests.server.serving import eventually, post, serving
from webhook.metrics import TABLE

OF_HISTOGRAMS = frozenset({"le"})


def test_all_that_is_exposed_is_in_the_table_with_its_labels(tmp_path: Path) -> None:
    rows = {row.name.removesuffix("_total"): row for row in TABLE}
    with serving(tmp_path, "--workers=2") as webhook:
        with webhook.connect() as connection:
            for _ in range(40):
                assert connection.ask(post(ADMITTED))[0] == 200
                assert connection.ask(post(REFUSED))[0] == 200
            assert connection.ask(post(b"{}"))[0] == 400
        eventually(lambda: "tenantgate_mutations_total{" in webhook.ops("/metrics")[1])
        families = list(text_string_to_metric_families(webhook.ops("/metrics")[1]))

    assert families
    for family in families:
        row = rows[family.name]
        assert (family.type, family.documentation) == (row.type, row.help)
        for sample in family.samples:
            assert set(sample.labels) - OF_HISTOGRAMS == set(row.labels)
    assert {family.name for family in families} >= {
        "tenantgate_ready",
        "tenantgate_admission_requests",
        "tenantgate_admission_duration_seconds",
        "tenantgate_policy_results",
        "tenantgate_policy_duration_seconds",
        "tenantgate_mutations",
        "tenantgate_malformed_requests",
        "tenantgate_policy_set_info",
        "tenantgate_certificate_expiry_timestamp_seconds",
    }
