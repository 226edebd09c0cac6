{{/* What the Deployment and what leads to its Pods select by. Fixed for the life of a release. */}}
{{- define "switchboard.selector" -}}
app.kubernetes.io/name: switchboard
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "switchboard.labels" -}}
{{ include "switchboard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: switchboard
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
An object of files/, made one of this release: its labels, its ServiceAccount, and its namespace if one is given. All else is as it is in
the file, so that what is audited is what is installed.
*/}}
{{- define "switchboard.object" -}}
{{- $object := .object }}
{{- if not $object.kind }}{{ fail (printf "no object: %s" (toJson $object)) }}{{ end }}
{{- $_ := set $object.metadata "labels" (merge (default dict $object.metadata.labels) (include "switchboard.labels" .root | fromYaml)) }}
{{- with .namespace }}{{ $_ := set $object.metadata "namespace" . }}{{ end }}
{{- range $object.subjects }}
{{- if eq .kind "ServiceAccount" }}{{ $_ := set . "namespace" $.root.Release.Namespace }}{{ end }}
{{- end }}
---
{{ toYaml $object }}
{{ end }}

{{/* Annotations of what holds people's data: no tool deletes it because a release, an Application or a Kustomization no longer has it. */}}
{{- define "switchboard.keep" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false,Delete=false
kustomize.toolkit.fluxcd.io/prune: disabled
{{- end }}

{{/*
The namespaces that the release makes, with commas between. One that somebody else has made is theirs, and Helm would refuse to take it; one
of this release stays in it, by what is written on it, or by what the Deployment remembers: without its annotations Helm would not keep it.
*/}}
{{- define "switchboard.madeNamespaces" -}}
{{- $made := list }}
{{- if .Values.createNamespaces }}
{{- $deployment := lookup "apps/v1" "Deployment" .Release.Namespace "switchboard" }}
{{- $before := dig "metadata" "annotations" "switchboard.dev/made-namespaces" "" $deployment | splitList "," }}
{{- range .Values.namespaces }}
{{- if ne .name $.Release.Namespace }}
{{- $there := lookup "v1" "Namespace" "" .name }}
{{- $of := dig "metadata" "annotations" (dict) $there }}
{{- $ours := and (eq (get $of "meta.helm.sh/release-name") $.Release.Name) (eq (get $of "meta.helm.sh/release-namespace") $.Release.Namespace) }}
{{- if or (not $there) $ours (has .name $before) }}{{ $made = append $made .name }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- join "," $made }}
{{- end }}

{{/* What the types of values.schema.json cannot say. */}}
{{- define "switchboard.validate" -}}
{{- $names := list }}
{{- range .Values.namespaces }}
{{- if has .name $names }}{{ fail (printf "namespaces: %s is listed twice" .name) }}{{ end }}
{{- $names = append $names .name }}
{{- end }}
{{- if .Values.namespaceMode }}
{{- if not $names }}{{ fail "namespaceMode: the operator would work nowhere, list the namespaces in `namespaces`" }}{{ end }}
{{- if has .Release.Namespace $names }}
{{- fail (printf "namespaceMode: %s is the operator's own namespace, objects need another one" .Release.Namespace) }}
{{- end }}
{{- if not .Values.installationId }}
{{- fail "namespaceMode: set `installationId`, nothing of the cluster may be read that it could come from. Pin it in Git and never change it: endpoints are recognised by it" }}
{{- end }}
{{- end }}
{{- with .Values.provider.ca }}
{{- if and .configMap .secret }}{{ fail "provider.ca: configMap or secret, not both" }}{{ end }}
{{- end }}
{{- end }}

{{/* Of the spec of every Pod of the chart: who it is, what it may do on its node, and where it runs. */}}
{{- define "switchboard.pod" -}}
serviceAccountName: switchboard
# The token is mounted below: short-lived, and for this container only.
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .Values.podSecurityContext.runAsUser }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  {{- end }}
  {{- with .Values.podSecurityContext.fsGroup }}
  fsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of the container of every Pod of the chart. */}}
{{- define "switchboard.container" -}}
{{- with .Values.image -}}
image: {{ if .digest }}{{ printf "%s@%s" .repository .digest | quote }}{{ else }}{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) | quote }}{{ end }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
env:
  # Which Pod it is: a container that is started again in it takes its own lease back at once.
  - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The volume "token": what Kubernetes would mount by itself, and where, but for an hour at most. */}}
{{- define "switchboard.token" -}}
name: token
projected:
  sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3600}
    - configMap:
        name: kube-root-ca.crt
        items: [{key: ca.crt, path: ca.crt}]
    - downwardAPI:
        items:
          - path: namespace
            fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}
{{- end }}

{{- define "switchboard.tokenMount" -}}
{name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{/* In namespaceMode, the namespaces that are worked in, as arguments. */}}
{{- define "switchboard.namespaceArguments" -}}
{{- if .Values.namespaceMode }}
{{- range .Values.namespaces }}
- --namespace={{ .name }}
{{- end }}
{{- end }}
{{- end }}
