{{- define "purser.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 52 bytes: names of pods, claims and jobs grow from it. */}}
{{- define "purser.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "purser.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of what has no namespace: two releases of one name may live in two namespaces. */}}
{{- define "purser.clusterName" -}}
{{ .Release.Namespace }}:{{ include "purser.fullname" . }}
{{- end -}}

{{- define "purser.selectorLabels" -}}
app.kubernetes.io/name: {{ include "purser.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "purser.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "purser.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "purser.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "purser.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* Of the hook: its own, with rights that last as long as it, or the one that was given. */}}
{{- define "purser.restoreAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ include "purser.fullname" . }}-restore
{{- else -}}
{{ include "purser.serviceAccountName" . }}
{{- end -}}
{{- end -}}

{{/* Who writes what was taken and restored, as CEL. */}}
{{- define "purser.accounts" -}}
['system:serviceaccount:{{ .Release.Namespace }}:{{ include "purser.serviceAccountName" . }}', 'system:serviceaccount:{{ .Release.Namespace }}:{{ include "purser.restoreAccountName" . }}']
{{- end -}}

{{/* Not empty where the fence is wanted and the server knows its kind (v1 since Kubernetes 1.30). */}}
{{- define "purser.fenced" -}}
{{- if and .Values.fence.enabled (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}true{{- end -}}
{{- end -}}

{{- define "purser.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* The OperatorConfig; its keys are those of `purser validate`. */}}
{{- define "purser.config" -}}
{{- $default := dict "name" "default" "prometheus" .Values.prometheus -}}
{{- $leader := .Values.config.leaderElection -}}
{{- $prices := dict "unknownModel" .Values.prices.unknownModel -}}
{{- with default (ternary "/etc/purser/prices.json" "" (not (empty .Values.prices.models))) .Values.prices.file -}}
{{- $_ := set $prices "file" . -}}
{{- end -}}
{{- $server := dict
      "metricsAddress" (printf "0.0.0.0:%d" (int .Values.metrics.port))
      "authenticateMetrics" .Values.metrics.authenticate -}}
{{- if .Values.api.enabled -}}
{{- $_ := set $server "address" (printf "0.0.0.0:%d" (int .Values.api.port)) -}}
{{- $_ := set $server "tls" (dict "certFile" "/etc/purser-api/tls.crt" "keyFile" "/etc/purser-api/tls.key") -}}
{{- if .Values.api.tokensSecret -}}
{{- $_ := set $server "tokensFile" "/etc/purser-tokens/tokens.yaml" -}}
{{- end -}}
{{- end -}}
{{- dict
      "apiVersion" "config.purser.dev/v1alpha1"
      "kind" "OperatorConfig"
      "server" $server
      "leaderElection" (dict
        "enabled" $leader.enabled
        "namespace" .Release.Namespace
        "leaseName" (default (include "purser.fullname" .) $leader.leaseName))
      "watchNamespaces" .Values.config.watchNamespaces
      "store" (dict "type" "SQLite" "path" "/var/lib/purser/ledger.db")
      "sources" (default (list $default) .Values.config.sources)
      "prices" $prices
      "limitWebhooks" .Values.config.limitWebhooks
    | toYaml -}}
{{- end -}}

{{/* The Secret with the API's certificate. */}}
{{- define "purser.apiSecret" -}}
{{ default (printf "%s-api-tls" (include "purser.fullname" .)) .Values.api.tlsSecret }}
{{- end -}}

{{- define "purser.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What is needed in the namespaces of agents; compared with what is asked in tests/integration/chart. */}}
{{- define "purser.operatorRules" -}}
- apiGroups: [purser.dev]
  resources: [agentpools, agentbudgets, agentbudgetoverrides, spendcorrections]
  verbs: [list, watch]
- apiGroups: [purser.dev]
  resources: [agentpools]  # who stopped it, and the finalizer
  verbs: [get, patch]
- apiGroups: [purser.dev]
  resources: [agentpools/status, agentbudgets/status, agentbudgetoverrides/status, spendcorrections/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [list, watch, patch]
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale]  # where a rule refuses the whole object
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]  # spec.limitTargets
  verbs: [get, list, watch, create, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]  # which of them names a workload that somebody raised
  verbs: [list]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- include "purser.extraKindRules" . }}
{{- if and (not .Values.rbac.extraKinds) (semverCompare "<1.35.0-0" .Capabilities.KubeVersion.Version) }}
- apiGroups: [""]
  resources: [pods]  # Deployments do not tell which of theirs are about to end
  verbs: [list]
- apiGroups: [apps]
  resources: [replicasets]  # between a pod and its Deployment
  verbs: [get]
{{- end }}
{{- end -}}

{{/* What `purser restore` needs there. */}}
{{- define "purser.restoreRules" -}}
- apiGroups: [purser.dev]
  resources: [agentpools]
  verbs: [list, watch, patch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [list, watch, patch]
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale]  # where a rule refuses the whole object
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]  # spec.limitTargets
  verbs: [get, patch]
{{- include "purser.extraKindRules" . }}
{{- end -}}

{{- define "purser.extraKindRules" -}}
{{- range .Values.rbac.extraKinds }}
- apiGroups: [{{ .group | quote }}]
  resources: [{{ .resource | quote }}, {{ printf "%s/scale" .resource | quote }}]
  verbs: [get, list, watch, patch]
{{- end }}
{{- if .Values.rbac.extraKinds }}
- apiGroups: [""]
  resources: [pods]  # whether those of a kind whose status does not tell are gone
  verbs: [list]
- apiGroups: [apps]
  resources: [deployments, replicasets, statefulsets]  # owners on the way from a pod to its workload
  verbs: [get]
- apiGroups: [batch]
  resources: [jobs]  # likewise
  verbs: [get]
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]  # where a custom resource keeps its scale
  verbs: [get]
{{- end }}
{{- end -}}

{{- define "purser.restoreHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
