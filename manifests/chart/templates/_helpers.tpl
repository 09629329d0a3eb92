{{/*
The chart renders the plain manifests of base/ with other labels, another namespace, and what the values say. So there is one place
where it is written what a pod of tenantgate looks like, and which rights it has.
*/}}

{{/* A file of the chart that has to be there. Arguments: root, file. */}}
{{- define "tenantgate.file" -}}
{{- $root := index . 0 -}}
{{- $file := index . 1 -}}
{{- $text := $root.Files.Get $file -}}
{{- if not $text -}}
{{- fail (printf "%s is missing from the chart: base/, policies/ and others are links into the repository. Package the chart there (helm package), and install the package." $file) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* The labels that all objects have in common, pods included. */}}
{{- define "tenantgate.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tenantgate
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{/* An object of the plain manifests, with our labels and namespace. Arguments: root, text. */}}
{{- define "tenantgate.object" -}}
{{- $root := index . 0 -}}
{{- $object := index . 1 | replace "tenantgate-system" $root.Release.Namespace | fromYaml -}}
{{- $labels := include "tenantgate.labels" $root | fromYaml -}}
{{- $fallback := dict "app.kubernetes.io/name" "tenantgate" "app.kubernetes.io/component" "policies" -}}
{{- $_ := set $object.metadata "labels" (merge $labels (default dict $object.metadata.labels) $fallback) -}}
{{- toYaml $object -}}
{{- end -}}

{{/* Every object of plain manifests. Arguments: root, files... */}}
{{- define "tenantgate.objects" -}}
{{- $root := first . -}}
{{- range $file := rest . }}
{{- range $text := splitList "\n---\n" (include "tenantgate.file" (list $root $file)) }}
---
{{ include "tenantgate.object" (list $root $text) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "tenantgate.image" -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest -}}@{{ .Values.image.digest }}{{- else -}}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end -}}

{{/* A Deployment as values want it. Arguments: root, file, values of its part, further arguments of the program. */}}
{{- define "tenantgate.deployment" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $object := include "tenantgate.object" (list $root (include "tenantgate.file" (list $root (index . 1)))) | fromYaml -}}
{{- $_ := set $object.spec "replicas" (int $values.replicas) -}}
{{- $template := $object.spec.template -}}
{{- $labels := include "tenantgate.labels" $root | fromYaml -}}
{{- $_ := set $template.metadata "labels" (merge $labels $template.metadata.labels) -}}
{{- $_ := set $template.metadata "annotations" (merge (deepCopy $values.podAnnotations) $template.metadata.annotations) -}}
{{- $pod := $template.spec -}}
{{- $_ := set $pod "priorityClassName" $root.Values.priorityClassName -}}
{{- range $key, $value := dict "imagePullSecrets" $root.Values.imagePullSecrets "nodeSelector" $values.nodeSelector "tolerations" $values.tolerations -}}
{{- if $value -}}{{- $_ := set $pod $key $value -}}{{- end -}}
{{- end -}}
{{- $container := first $pod.containers -}}
{{- $_ := set $container "image" (include "tenantgate.image" $root) -}}
{{- $_ := set $container "imagePullPolicy" $root.Values.image.pullPolicy -}}
{{- $_ := set $container "resources" $values.resources -}}
{{- $_ := set $container "args" (concat $container.args (index . 3) $values.extraArgs) -}}
{{- $_ := set $container "env" (concat $container.env $values.extraEnv) -}}
{{- toYaml $object -}}
{{- end -}}
