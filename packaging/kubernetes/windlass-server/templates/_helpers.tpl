{{- define "windlass-server.labels" -}}
app.kubernetes.io/name: windlass-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "windlass-server.name" -}}
{{- if contains "windlass-server" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-windlass-server" (.Release.Name | trunc 36 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "windlass-server.pod" -}}
metadata:
  labels:
    {{- include "windlass-server.labels" . | nindent 4 }}
spec:
  automountServiceAccountToken: false
  # Variables named after Services would be taken for settings, and refused.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: windlassd
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      env:
        - { name: WINDLASS_LISTEN, value: "0.0.0.0:7070" }
        - { name: WINDLASS_METRICS_LISTEN, value: "0.0.0.0:7072" }
        - { name: WINDLASS_SERVER_AGENT_CONCURRENCY, value: {{ .Values.serverAgentConcurrency | quote }} }
        {{- with .Values.publicUrl }}
        - { name: WINDLASS_PUBLIC_URL, value: {{ . | quote }} }
        {{- end }}
        {{- if .Values.tls.secretName }}
        - { name: WINDLASS_TLS_CERT_FILE, value: /etc/windlass/tls/tls.crt }
        - { name: WINDLASS_TLS_KEY_FILE, value: /etc/windlass/tls/tls.key }
        {{- else }}
        - { name: WINDLASS_ALLOW_PLAINTEXT, value: "true" }
        {{- end }}
        {{- if .Values.database.secretName }}
        - { name: WINDLASS_DATABASE_URL_FILE, value: /etc/windlass/database/url }
        {{- end }}
        {{- if .Values.masterKey.secretName }}
        - { name: WINDLASS_MASTER_KEY_FILE, value: /etc/windlass/master-key/master-key }
        {{- end }}
        {{- range $name, $value := .Values.settings }}
        - { name: {{ $name }}, value: {{ $value | quote }} }
        {{- end }}
      ports:
        - { name: grpc, containerPort: 7070 }
        - { name: metrics, containerPort: 7072 }
      securityContext:
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities: { drop: [ALL] }
      # The first start on a large database migrates it before it answers.
      startupProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 5
        failureThreshold: 120
      livenessProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      resources: {{ toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /var/lib/windlass }
        - { name: tmp, mountPath: /tmp }
        {{- if .Values.tls.secretName }}
        - { name: tls, mountPath: /etc/windlass/tls, readOnly: true }
        {{- end }}
        {{- if .Values.database.secretName }}
        - { name: database, mountPath: /etc/windlass/database, readOnly: true }
        {{- end }}
        {{- if .Values.masterKey.secretName }}
        - { name: master-key, mountPath: /etc/windlass/master-key, readOnly: true }
        {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- if and .Values.database.secretName (not .Values.affinity) }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: { matchLabels: { app.kubernetes.io/name: windlass-server, app.kubernetes.io/instance: {{ .Release.Name }} } }
  {{- end }}
  volumes:
    {{- if .Values.database.secretName }}
    - { name: data, emptyDir: {} }
    {{- end }}
    - { name: tmp, emptyDir: {} }
    {{- if .Values.tls.secretName }}
    - { name: tls, secret: { secretName: {{ .Values.tls.secretName }}, defaultMode: 0440 } }
    {{- end }}
    {{- if .Values.database.secretName }}
    - { name: database, secret: { secretName: {{ .Values.database.secretName }}, defaultMode: 0440 } }
    {{- end }}
    {{- if .Values.masterKey.secretName }}
    - { name: master-key, secret: { secretName: {{ .Values.masterKey.secretName }}, defaultMode: 0440 } }
    {{- end }}
{{- end }}
