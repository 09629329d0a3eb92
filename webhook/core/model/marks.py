"""Labels and annotations of our own, and those that steer other parts of the platform."""

DOMAIN = "tenantgate.io"
TENANT = f"{DOMAIN}/tenant"
MANAGED = f"{DOMAIN}/managed"
PROVISIONED = f"{DOMAIN}/provisioned"
CONFIRM_DELETE = f"{DOMAIN}/confirm-delete"
REQUESTER = "openshift.io/requester"

PROTECTED_NAMESPACE_KEYS = (
    f"{DOMAIN}/*",
    f"*.{DOMAIN}/*",
    "pod-security.kubernetes.io/*",
    "kubernetes.io/metadata.name",
    "admission.gatekeeper.sh/ignore",
    "openpolicyagent.org/webhook",
    "cert-manager.io/disable-validation",
    "*/exempt",
    "control-plane",
    "istio-injection",
    "istio.io/*",
    "*.istio.io/*",
    "linkerd.io/*",
    "*.linkerd.io/*",
    "kuma.io/*",
    "consul.hashicorp.com/*",
    "appmesh.k8s.aws/*",
    "scheduler.alpha.kubernetes.io/node-selector",
    "scheduler.alpha.kubernetes.io/defaultTolerations",
    "scheduler.alpha.kubernetes.io/tolerationsWhitelist",
    "openshift.io/sa.scc.*",
    "openshift.io/run-level",
    "openshift.io/node-selector",
    "openshift.io/requester",
    "openshift.io/active-deadline-seconds-override",
    "security.openshift.io/*",
)
"""Keys of a Namespace's labels and annotations that no tenant may write, as globs."""


def in_domain(key: str) -> bool:
    """Tell whether a label, annotation or finalizer key is in tenantgate's own domain."""
    return key.partition("/")[0] == DOMAIN or key.partition("/")[0].endswith(f".{DOMAIN}")
