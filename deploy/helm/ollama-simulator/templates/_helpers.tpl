{{/* What all of it is called: at most 52 letters, since a pod's Service adds to it. */}}
{{- define "simulator.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "simulator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "simulator.labels" -}}
{{ include "simulator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The Secret with the token. */}}
{{- define "simulator.secret" -}}
{{- if .Values.control.existingSecret -}}
{{- .Values.control.existingSecret -}}
{{- else if .Values.control.token -}}
{{- include "simulator.name" . -}}
{{- else -}}
{{- fail "control.existingSecret or control.token must be given: who has it controls the servers" -}}
{{- end -}}
{{- end -}}

{{/*
CPU that the load takes, in thousandths of a core. A microsecond in each second is a millionth of a
core.
*/}}
{{- define "simulator.cpu" -}}
{{- $load := .Values.load -}}
{{- $costs := .Values.costs -}}
{{- $processes := include "simulator.processes" . | int -}}
{{- $busy := addf (mulf $load.chatsPerSecond $costs.chatMicroseconds) (mulf $load.tokensPerSecond $costs.tokenMicroseconds) (mulf $processes $costs.idleMicrosecondsPerSecond) -}}
{{- divf (mulf $busy .Values.headroom) 1000 | ceil | int -}}
{{- end -}}

{{/* Processes: with several workers there is one more, which has the control API. */}}
{{- define "simulator.processes" -}}
{{- if gt (int .Values.workers) 1 -}}{{ add .Values.workers 1 }}{{- else -}}1{{- end -}}
{{- end -}}

{{/* Memory that they take, in MiB. */}}
{{- define "simulator.memory" -}}
{{- $load := .Values.load -}}
{{- $costs := .Values.costs -}}
{{- $processes := include "simulator.processes" . | int -}}
{{- $kib := addf (mulf $processes $costs.processKiB) (mulf .Values.servers $costs.serverKiB) (mulf $load.connections $costs.connectionKiB) (mulf $processes $load.journal $costs.recordKiB) -}}
{{- divf (mulf $kib .Values.headroom) 1024 | ceil | int -}}
{{- end -}}

{{/*
What a pod asks for. It may use a core for each process, which is all that an event loop can use, so
that its tokens are not late because it was throttled.
*/}}
{{- define "simulator.resources" -}}
{{- with .Values.resources -}}
{{ toYaml . }}
{{- else -}}
{{- $cpu := include "simulator.cpu" . | int -}}
{{- $most := mul .Values.workers 1000 | int -}}
{{- if gt $cpu $most -}}
{{- fail (printf "load: it takes %dm of CPU, and a pod's workers can use %dm: take more replicas with less load for each, or more workers" $cpu $most) -}}
{{- end -}}
requests:
  cpu: {{ $cpu }}m
  memory: {{ include "simulator.memory" . }}Mi
limits:
  cpu: {{ include "simulator.processes" . | quote }}
  memory: {{ include "simulator.memory" . }}Mi
{{- end -}}
{{- end -}}
