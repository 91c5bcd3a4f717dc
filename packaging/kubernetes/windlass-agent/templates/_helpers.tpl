{{- define "windlass-agent.labels" -}}
app.kubernetes.io/name: windlass-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "windlass-agent.name" -}}
{{- if contains "windlass-agent" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-windlass-agent" (.Release.Name | trunc 36 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "windlass-agent.account" -}}
{{ .Values.serviceAccountName | default (include "windlass-agent.name" .) }}
{{- end }}

{{- define "windlass-agent.pod" -}}
metadata:
  labels:
    {{- include "windlass-agent.labels" . | nindent 4 }}
  annotations:
    # A node is not given up for the sake of order while jobs run on it.
    cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
    karpenter.sh/do-not-disrupt: "true"
spec:
  serviceAccountName: {{ include "windlass-agent.account" . }}
  # Jobs get no rights in the cluster.
  automountServiceAccountToken: false
  # Variables named after Services would be taken for settings, and refused.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- if eq .Values.mode "scaled-job" }}
  restartPolicy: Never
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: { type: RuntimeDefault }
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: agent
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if .Values.tokenSecretName }}
        - --token-file=/etc/windlass/agent-token
        {{- else }}
        - --identity-token-file=/var/run/secrets/windlass/token
        - --pool={{ .Values.pool }}
        {{- end }}
        {{- if eq .Values.mode "scaled-job" }}
        - --single
        # Somebody else has taken the job.
        - --idle-timeout=5m
        {{- else }}
        - --concurrency={{ .Values.concurrency }}
        {{- end }}
        {{- with .Values.labels }}
        - --labels={{ . }}
        {{- end }}
      env:
        - { name: WINDLASS_ADDRESS, value: {{ required "address is needed: how agents reach the server" .Values.address | quote }} }
        - { name: WINDLASS_AGENT_HTTP_LISTEN, value: "0.0.0.0:7081" }
        {{- if ne .Values.mode "deployment" }}
        # For KEDA, which reads it here. The agent itself throws it away.
        - name: KEDA_TOKEN
          valueFrom:
            {{- if .Values.scalerSecretName }}
            secretKeyRef: { name: {{ .Values.scalerSecretName }}, key: token }
            {{- else }}
            secretKeyRef: { name: {{ required "scalerSecretName is needed: with what KEDA asks the server" .Values.tokenSecretName }}, key: agent-token }
            {{- end }}
        {{- end }}
        {{- range $name, $value := .Values.settings }}
        - { name: {{ $name }}, value: {{ $value | quote }} }
        {{- end }}
      ports:
        - { name: metrics, containerPort: 7081 }
      securityContext:
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities: { drop: [ALL] }
      livenessProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 30
        timeoutSeconds: 10
        failureThreshold: 10
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 10
      resources: {{ toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /var/lib/windlass-agent }
        - { name: tmp, mountPath: /tmp }
        {{- if .Values.tokenSecretName }}
        - { name: token, mountPath: /etc/windlass, readOnly: true }
        {{- else }}
        - { name: identity, mountPath: /var/run/secrets/windlass, readOnly: true }
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
  volumes:
    - { name: data, emptyDir: { sizeLimit: {{ .Values.storage.data }} } }
    - { name: tmp, emptyDir: { sizeLimit: {{ .Values.storage.tmp }} } }
    {{- if .Values.tokenSecretName }}
    - { name: token, secret: { secretName: {{ .Values.tokenSecretName }}, defaultMode: 0440, items: [{ key: agent-token, path: agent-token }] } }
    {{- else }}
    - name: identity
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken:
              path: token
              audience: {{ required "audience is needed: as windlass trust create has it" .Values.audience | quote }}
              expirationSeconds: 600
    {{- end }}
{{- end }}

{{- define "windlass-agent.triggers" -}}
{{- $url := urlParse .Values.address -}}
{{- $port := ternary "443" "80" (eq $url.scheme "https") -}}
- type: external
  metadata:
    scalerAddress: {{ ternary $url.host (printf "%s:%s" $url.host $port) (regexMatch ":[0-9]+$" $url.host) | quote }}
    enableTLS: {{ eq $url.scheme "https" | quote }}
    organization: {{ (split "/" .Values.pool)._0 | quote }}
    pool: {{ (split "/" .Values.pool)._1 | quote }}
    jobsPerAgent: {{ ternary 1 .Values.concurrency (eq .Values.mode "scaled-job") | quote }}
    {{- with .Values.labels }}
    labels: {{ . | quote }}
    {{- end }}
    tokenFromEnv: KEDA_TOKEN
{{- end }}
