{{- define "zavora.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Of one part: (list $ "worker-0"). The selector never changes from release to release. */}}
{{- define "zavora.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: zavora
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "zavora.labels" -}}
{{- $root := index . 0 -}}
{{ include "zavora.selector" . }}
app.kubernetes.io/part-of: zavora
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- define "zavora.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* What is common to all pods. The account has no rights and no token. */}}
{{- define "zavora.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  - name: home
    emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- define "zavora.container" -}}
image: {{ include "zavora.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: home, mountPath: /var/lib/zavora}
{{- end }}

{{/* Secrets by reference; what is no secret comes by the ConfigMap. */}}
{{- define "zavora.secrets" -}}
{{- range $name, $where := .Values.secrets }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $where.name }}, key: {{ $where.key }}}}
{{- end }}
{{- range $name, $where := .Values.optionalSecrets }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $where.name }}, key: {{ $where.key }}, optional: true}}
{{- end }}
{{- end }}

{{/* Never two of one part on a node, or rather not: (list $ "worker-0" "hard"). */}}
{{- define "zavora.apart" -}}
{{- $kind := index . 2 -}}
{{- $terms := list (index . 0) (index . 1) -}}
affinity:
  podAntiAffinity:
  {{- if eq $kind "hard" }}
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- include "zavora.selector" $terms | nindent 12 }}
  {{- else }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "zavora.selector" $terms | nindent 14 }}
  {{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "zavora.selector" $terms | nindent 8 }}
{{- end }}

{{/*
A part without a port of its own:
(dict "root" $ "component" "worker-0" "role" "worker" "values" .Values.worker "env" (list)
      "healthcheck" (list "worker" "--shard" "0") "replicas" 2 "grace" 10 "strategy" (dict ...)).
*/}}
{{- define "zavora.deployment" -}}
{{- $root := .root -}}
{{- $part := list $root .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "zavora.name" $root }}-{{ .component }}
  labels: {{- include "zavora.labels" $part | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  strategy: {{- toYaml .strategy | nindent 4 }}
  selector:
    matchLabels: {{- include "zavora.selector" $part | nindent 6 }}
  template:
    metadata:
      labels: {{- include "zavora.labels" $part | nindent 8 }}
      annotations:
        checksum/config: {{ toYaml $root.Values.config | sha256sum }}
    spec:
      {{- include "zavora.pod" $root | nindent 6 }}
      serviceAccountName: {{ include "zavora.name" $root }}
      terminationGracePeriodSeconds: {{ .grace }}
      {{- include "zavora.apart" (list $root .component (.values.antiAffinity | default "soft")) | nindent 6 }}
      containers:
        - name: {{ .role }}
          {{- include "zavora.container" $root | nindent 10 }}
          args: [{{ .role }}]
          envFrom:
            - configMapRef: {name: {{ include "zavora.name" $root }}}
          env:
            {{- include "zavora.secrets" $root | nindent 12 }}
            {{- with .env }}{{- toYaml . | nindent 12 }}{{- end }}
          ports:
            - {name: metrics, containerPort: {{ $root.Values.metrics.port }}}
          # It asks the queue for the part's sign of life, by a process of its own: seldom.
          readinessProbe:
            exec:
              command: {{ concat (list "python" "-m" "zavora.role" "manage" "healthcheck") .healthcheck | toJson }}
            initialDelaySeconds: 5
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 3
          # Of this process alone: were the queue asked, its absence would restart everybody.
          livenessProbe:
            httpGet: {path: /metrics, port: metrics}
            initialDelaySeconds: 30
            periodSeconds: 15
            timeoutSeconds: 5
            failureThreshold: 4
          resources: {{- toYaml .values.resources | nindent 12 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "zavora.name" $root }}-{{ .component }}
  labels: {{- include "zavora.labels" $part | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "zavora.selector" $part | nindent 6 }}
{{- end }}
