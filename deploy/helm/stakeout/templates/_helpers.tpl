{{- define "stakeout.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains "stakeout" .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-stakeout" .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "stakeout.selector" -}}
app.kubernetes.io/name: stakeout
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stakeout.labels" -}}
{{ include "stakeout.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "stakeout.image" -}}
{{- $repository := required "image.repository is required: the image `stakeout/server`, in a registry of yours" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "stakeout.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "stakeout.fullname" . }}{{ else }}default{{ end }}
{{- end }}

{{- define "stakeout.scheme" -}}
{{- if .Values.server.tls.existingSecret }}https{{ else }}http{{ end }}
{{- end }}

{{- /* What a container may do: the level `restricted` of Pod Security. */ -}}
{{- define "stakeout.confined" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}
