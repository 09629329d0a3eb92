"""Two tenants and two templates, for commands that say what a namespace would receive."""

POLICIES = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
  namespaces: {prefix: acme-, names: [legacy]}
  provision: {parameters: {PODS: "7"}, roleBindings: [{clusterRole: view, to: owners}]}
---
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: globex}
spec:
  owners: [{kind: Group, name: globex-leads}]
---
apiVersion: tenantgate.io/v1
kind: NamespaceTemplate
metadata: {name: standard}
spec:
  match: {tenants: [acme]}
  parameters: [{name: PODS, value: "5"}]
  labels: {of: "${TENANT}"}
  objects:
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: platform-about}, data: {by: "${REQUESTER}", in: "${NAMESPACE}"}}
    - {apiVersion: v1, kind: ResourceQuota, metadata: {name: platform-quota}, spec: {hard: {pods: "${PODS}"}}}
---
apiVersion: tenantgate.io/v1
kind: NamespaceTemplate
metadata: {name: web}
spec:
  priority: 1
  match: {namespaceSelector: {matchLabels: {tier: web}}}
  objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: platform-web}}]
"""
