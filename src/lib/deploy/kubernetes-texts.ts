/** What the manifests are written for. */
export interface KubernetesPlace {
  readonly address: string;
  readonly organization: string;
  readonly pool: string;
  readonly image: string;
}

const podSpec = ({ address, image }: KubernetesPlace, flags: readonly string[], indent: string): string =>
  `securityContext:
  { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: { type: RuntimeDefault } }
automountServiceAccountToken: false
enableServiceLinks: false
containers:
  - name: agent
    image: ${image}
    args: [--token-file, /etc/windlass/agent-token${flags.map((flag) => `, ${JSON.stringify(flag)}`).join("")}]
    env:
      - { name: WINDLASS_ADDRESS, value: ${JSON.stringify(address)} }
      - { name: WINDLASS_AGENT_HTTP_LISTEN, value: "0.0.0.0:7081" }
      - { name: KEDA_TOKEN, valueFrom: { secretKeyRef: { name: windlass-agent, key: agent-token } } }
    ports: [{ name: metrics, containerPort: 7081 }]
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
    readinessProbe: { httpGet: { path: /readyz, port: metrics } }
    volumeMounts:
      - { name: token, mountPath: /etc/windlass, readOnly: true }
      - { name: data, mountPath: /var/lib/windlass-agent }
      - { name: tmp, mountPath: /tmp }
terminationGracePeriodSeconds: 3600
volumes:
  - { name: token, secret: { secretName: windlass-agent, defaultMode: 0440 } }
  - { name: data, emptyDir: {} }
  - { name: tmp, emptyDir: {} }`.replaceAll("\n", `\n${indent}`);

/** Two agents that stay. */
export const agentDeployment = (place: KubernetesPlace): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: windlass-agent }
spec:
  replicas: 2
  selector: { matchLabels: { app: windlass-agent } }
  template:
    metadata: { labels: { app: windlass-agent } }
    spec:
      ${podSpec(place, [], "      ")}`;

/** One agent for each job: KEDA asks the server itself how many there are, with the token of the agents. */
export const agentScaledJob = (place: KubernetesPlace): string => `apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: { name: windlass-agent }
spec:
  maxReplicaCount: 10
  triggers:
    - type: external
      metadata:
        scalerAddress: ${JSON.stringify(hostAndPort(place.address))}
        enableTLS: "${place.address.startsWith("https:")}"
        organization: ${JSON.stringify(place.organization)}
        pool: ${JSON.stringify(place.pool)}
        tokenFromEnv: KEDA_TOKEN
  jobTargetRef:
    backoffLimit: 0
    template:
      spec:
        restartPolicy: Never
        ${podSpec(place, ["--single", "--idle-timeout", "10m"], "        ")}`;

/** With the port that stands for the scheme where none is named. */
function hostAndPort(address: string): string {
  const { hostname, port, protocol } = new URL(address);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}
