"""Labels and annotations of our own, and those that steer other parts of the platform."""

FIELD_MANAGER = "tenantgate"
"""Under this name the API server notes which fields are ours."""

DOMAIN = "tenantgate.io"
TENANT = f"{DOMAIN}/tenant"
MANAGED = f"{DOMAIN}/managed"
POLICIES = f"{DOMAIN}/policies"
PROVISIONED = f"{DOMAIN}/provisioned"
OBJECTS = f"{DOMAIN}/objects"
HASH = f"{DOMAIN}/hash"
CONFIRM_DELETE = f"{DOMAIN}/confirm-delete"
TRANSFERRING = f"{DOMAIN}/transferring"
ACCEPT_ROLE_BINDINGS = f"{DOMAIN}/accept-rolebindings"
UID_RANGE_AWAITED = f"{DOMAIN}/uid-range-awaited"
REQUESTER = "openshift.io/requester"
LABEL_SYNC = "security.openshift.io/scc.podSecurityLabelSync"
MINIMUM_STANDARD = "security.openshift.io/MinimallySufficientPodSecurityStandard"

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
