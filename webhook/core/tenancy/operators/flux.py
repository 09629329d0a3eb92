"""Flux: where manifests come from, where they go to, and with whose rights."""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.operators.foreign import Judges, accounts, missing, namespaces, together
from webhook.core.tenancy.rule import Case, mapping

_ACCOUNT = FieldPath(("spec", "serviceAccountName"))


def _acts_as_itself(value: Any, case: Case) -> Iterator[Finding]:
    """Without an account Flux acts with its own rights, which are often those of the cluster's admin.

    On another cluster it acts with those of the kubeconfig that it is given.
    """
    spec = mapping(mapping(value).get("spec"))
    elsewhere = mapping(spec.get("kubeConfig")).get("secretRef")
    if not spec.get("serviceAccountName") and not elsewhere:
        yield missing(
            _ACCOUNT,
            "name a service account of this namespace that may do what the manifests need",
            "Without a service account this is applied with the rights of the platform",
            "a service account of your own",
        )


_account = accounts("spec.serviceAccountName")
_kustomization = together(
    namespaces("spec.sourceRef.namespace", "spec.targetNamespace"), _acts_as_itself, _account
)
_release = together(
    namespaces(
        "spec.chart.spec.sourceRef.namespace",
        "spec.chartRef.namespace",
        "spec.targetNamespace",
        "spec.storageNamespace",
    ),
    _acts_as_itself,
    _account,
)

JUDGES: Judges = {
    ("kustomize.toolkit.fluxcd.io", "kustomizations"): _kustomization,
    ("helm.toolkit.fluxcd.io", "helmreleases"): _release,
    ("image.toolkit.fluxcd.io", "imageupdateautomations"): namespaces("spec.sourceRef.namespace"),
    ("image.toolkit.fluxcd.io", "imagepolicies"): namespaces("spec.imageRepositoryRef.namespace"),
    ("notification.toolkit.fluxcd.io", "receivers"): namespaces("spec.resources[].namespace"),
    ("notification.toolkit.fluxcd.io", "alerts"): namespaces("spec.eventSources[].namespace"),
    ("source.extensions.fluxcd.io", "artifactgenerators"): namespaces("spec.sources[].namespace"),
}
