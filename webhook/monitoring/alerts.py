"""When somebody should look: alert rules for Prometheus, over our metrics and the API server's own."""

from typing import Literal, NamedTuple

from webhook.core.model.objects import JsonObject

OURS = 'name=~".+[.](mutate|validate)[.]tenantgate[.]io"'
"""Which of the API server's webhooks are ours."""

Severity = Literal["critical", "warning", "info"]


class Alert(NamedTuple):
    """One rule: it fires when `expr` has had a value for `lasts`."""

    name: str
    expr: str
    lasts: str
    severity: Severity
    summary: str
    description: str


WEBHOOK = (
    Alert(
        "TenantgateNotReady",
        "absent(tenantgate_ready == 1)",
        "1m",
        "critical",
        "No replica of the webhook is ready.",
        "Pods are refused until one is. Ask a replica for /readyz?verbose: it says what is missing.",
    ),
    Alert(
        "TenantgateUnreachable",
        "sum by (name) (rate(apiserver_admission_webhook_rejection_count"
        f'{{{OURS}, error_type="calling_webhook_error"}}[5m])) > 0',
        "2m",
        "critical",
        "The API server gets no answer from {{ $labels.name }}, and refuses requests for it.",
        "Its log names the reason: a certificate that it does not trust, a Service without endpoints, "
        "a network policy, a time-out.",
    ),
    Alert(
        "TenantgateFailsOpen",
        f"sum by (name) (increase(apiserver_admission_webhook_fail_open_count{{{OURS}}}[10m])) > 0",
        "0m",
        "critical",
        "Requests passed {{ $labels.name }} unjudged.",
        "It got no answer, and its failurePolicy is Ignore. But for the entry `policies` none of ours "
        "should be: see `tenantgate doctor`.",
    ),
    Alert(
        "TenantgateSlow",
        "histogram_quantile(0.99, sum by (le, webhook) "
        "(rate(tenantgate_admission_duration_seconds_bucket[5m]))) > 1",
        "5m",
        "warning",
        "One request in a hundred at /{{ $labels.webhook }} takes more than a second.",
        "Whoever creates a pod waits for it. Look at CPU, and at what is asked of the API server live.",
    ),
    Alert(
        "TenantgateSlowForTheApiServer",
        "histogram_quantile(0.99, sum by (le, name) "
        f"(rate(apiserver_admission_webhook_admission_duration_seconds_bucket{{{OURS}}}[5m]))) > 1",
        "5m",
        "warning",
        "One call in a hundred of {{ $labels.name }} takes the API server more than a second.",
        "If the webhook itself is fast, the time is lost on the way: connections, TLS, the network.",
    ),
    Alert(
        "TenantgateNotEvaluated",
        "sum by (stage) (rate(tenantgate_evaluation_errors_total[5m])) > 0",
        "5m",
        "warning",
        "Requests are refused as they cannot be evaluated, in {{ $labels.stage }}.",
        "The log has each of them at level error, with the reason.",
    ),
    Alert(
        "TenantgateSheds",
        "sum(rate(tenantgate_shed_requests_total[5m])) > 0",
        "5m",
        "warning",
        "The webhook turns requests away, as too many wait for an answer.",
        "Add replicas or CPU, or find out who sends so much.",
    ),
    Alert(
        "TenantgateRefusesMuch",
        'sum(rate(tenantgate_admission_requests_total{allowed="false"}[15m])) '
        "/ sum(rate(tenantgate_admission_requests_total[15m])) > 0.5 "
        'and sum(rate(tenantgate_admission_requests_total{allowed="false"}[15m])) > 0.1',
        "15m",
        "info",
        "More than half of all requests are refused.",
        "A new policy refuses what used to run, or a controller tries again and again. "
        "tenantgate_policy_results_total says which rule it is.",
    ),
    Alert(
        "TenantgatePoliciesNotLoaded",
        "min(tenantgate_policy_load_success) == 0",
        "5m",
        "warning",
        "The policy files do not load; the last good set stays in force.",
        "What is wrong with them is in /readyz?verbose and in the log (policy_rejected).",
    ),
    Alert(
        "TenantgatePoliciesDiffer",
        "count(count by (hash) (tenantgate_policy_set_info)) > 1",
        "10m",
        "warning",
        "Replicas decide by different policies.",
        "One of them did not take up an edit: see its log, and what is mounted in it.",
    ),
    Alert(
        "TenantgateCertificateExpires",
        "min by (cert) (tenantgate_certificate_expiry_timestamp_seconds) - time() < 14 * 24 * 3600",
        "1h",
        "warning",
        "The webhook's {{ $labels.cert }} certificate expires in less than 14 days.",
        "It should have been renewed long before: see the controller's log, or cert-manager's. When "
        "it has expired, every request is refused.",
    ),
    Alert(
        "TenantgateCacheStale",
        "max by (resource) (tenantgate_cache_age_seconds) > 600",
        "5m",
        "warning",
        "Nothing was heard of {{ $labels.resource }} for ten minutes.",
        "The webhook decides by what it knew then. See whether it reaches the API server, and may "
        "list and watch them.",
    ),
)

CONTROLLER = (
    Alert(
        "TenantgateNoLeader",
        "absent(tenantgate_controller_leader == 1)",
        "5m",
        "critical",
        "No replica of the controller leads.",
        "New namespaces stay without their ranges, so their pods are refused; certificates are not "
        "renewed.",
    ),
    Alert(
        "TenantgateTwoLeaders",
        "sum(tenantgate_controller_leader) > 1",
        "5m",
        "warning",
        "Several replicas of the controller lead at once.",
        "Their clocks or their Leases differ.",
    ),
    Alert(
        "TenantgateControllerErrors",
        "sum by (controller) (increase(tenantgate_controller_errors_total[15m])) > 20",
        "15m",
        "warning",
        "The controller {{ $labels.controller }} fails again and again.",
        "Its log says at what, and why.",
    ),
    Alert(
        "TenantgateRegistrationNotInForce",
        "max by (configuration) (tenantgate_registration_in_force) == 0",
        "10m",
        "critical",
        "The {{ $labels.configuration }} webhook configuration is not what the policies ask for.",
        "Requests may pass unjudged. The controller's log says why it cannot be put right.",
    ),
    Alert(
        "TenantgateRegistrationContested",
        "sum by (configuration) (increase(tenantgate_registration_repairs_total[1h])) > 3",
        "0m",
        "warning",
        "Somebody keeps changing the {{ $labels.configuration }} webhook configuration.",
        "A second installer or a GitOps tool: have it leave caBundle and the entries to the controller.",
    ),
    Alert(
        "TenantgateProvisioningFails",
        "sum by (reason) (increase(tenantgate_provisioning_failures_total[15m])) > 0",
        "15m",
        "warning",
        "Objects of namespaces cannot be put in place: {{ $labels.reason }}.",
        "The Events of the namespaces name them. Pods that wait for them are refused.",
    ),
    Alert(
        "TenantgateProvisioningContested",
        "max(tenantgate_provisioning_conflicts) > 0",
        "10m",
        "warning",
        "Somebody keeps changing provisioned objects.",
        "The Events of the namespaces say which objects, and who wrote last.",
    ),
    Alert(
        "TenantgateRangesNearlyFull",
        'max(tenantgate_uid_blocks{state="free"}) / sum(max by (state) (tenantgate_uid_blocks)) < 0.1',
        "15m",
        "warning",
        "Less than a tenth of the blocks of user ids is free.",
        "When none is left, new namespaces get none and their pods are refused. Widen the range in "
        "the Platform.",
    ),
    Alert(
        "TenantgateOrphanedNamespaces",
        "max by (tenant) (tenantgate_orphaned_namespaces) > 0",
        "1h",
        "warning",
        "Namespaces bear the stamp of tenant {{ $labels.tenant }}, which no policy describes.",
        "Nobody but the platform may work in them. Bring the Tenant back, or hand them to another.",
    ),
)


def prometheus_rule(namespace: str) -> JsonObject:
    """Return the alert rules as the Prometheus operator reads them.

    Args:
        namespace: where the object goes.
    """
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "tenantgate",
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/name": "tenantgate",
                "app.kubernetes.io/component": "metrics",
            },
        },
        "spec": {
            "groups": [
                {"name": f"tenantgate-{name}", "rules": [_rule(alert) for alert in alerts]}
                for name, alerts in (("webhook", WEBHOOK), ("controller", CONTROLLER))
            ]
        },
    }


def _rule(alert: Alert) -> JsonObject:
    lasting = {} if alert.lasts == "0m" else {"for": alert.lasts}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **lasting,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }
