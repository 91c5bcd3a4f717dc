/** Where an agent is to be started. */
export type StartKind = "program" | "systemd" | "docker" | "kubernetes";

/** A step of it: what to do, and the text for it. */
export interface StartStep {
  readonly title: string;
  readonly text: string;
}

export interface StartPlace {
  /** How agents reach the server. */
  readonly address: string;
  readonly organization: string;
  readonly pool: string;
}

/** Where the program comes from, until there are packages. */
const clone =
  "windlass-agent comes with Windlass itself; there are no packages yet. The machine needs git, and Node 20 or newer with npm.";

const program = ({ address }: StartPlace): readonly StartStep[] => [
  {
    title: `${clone} Once, with REPOSITORY being the one that your server was installed from:`,
    text: `git clone REPOSITORY windlass && windlass/scripts/install
export PATH="$PWD/windlass/bin:$PATH"`,
  },
  {
    title: "Put the token into a file. Run this, paste the secret, then press Enter and Ctrl-D:",
    text: "(umask 077; cat > agent-token)",
  },
  {
    title: "Start the agent:",
    text: `windlass-agent --address ${address} --token-file agent-token`,
  },
];

const systemd = ({ address }: StartPlace): readonly StartStep[] => [
  {
    title: `${clone} Once, with REPOSITORY being the one that your server was installed from:`,
    text: "sudo git clone REPOSITORY /opt/windlass && sudo /opt/windlass/scripts/install",
  },
  {
    title: "A user for the agent, and the token in a file of its own. Paste the secret, then press Enter and Ctrl-D:",
    text: `sudo useradd --system --home-dir /var/lib/windlass-agent windlass-agent
sudo install -D -m 600 -o windlass-agent /dev/null /etc/windlass/agent-token
sudo tee /etc/windlass/agent-token >/dev/null`,
  },
  {
    title: "/etc/systemd/system/windlass-agent.service",
    text: `[Unit]
After=network-online.target
Wants=network-online.target

[Service]
User=windlass-agent
StateDirectory=windlass-agent
ExecStart=/opt/windlass/bin/windlass-agent --address ${address} --token-file /etc/windlass/agent-token --data-dir /var/lib/windlass-agent
KillMode=process
TimeoutStopSec=90
Restart=on-failure
RestartPreventExitStatus=2 4 9

[Install]
WantedBy=multi-user.target`,
  },
  {
    title: "Start it, now and at each boot:",
    text: "sudo systemctl daemon-reload && sudo systemctl enable --now windlass-agent",
  },
];

const docker = ({ address }: StartPlace): readonly StartStep[] => [
  {
    title: "Put the token into a file. Run this, paste the secret, then press Enter and Ctrl-D:",
    text: "(umask 077; cat > agent-token)",
  },
  {
    title: "Start it from your image of Windlass:",
    text: `docker run -d --name windlass-agent --restart on-failure --stop-timeout 90 \\
  --mount type=bind,src="$PWD/agent-token",dst=/etc/windlass/agent-token,readonly \\
  --mount type=volume,src=windlass-agent,dst=/var/lib/windlass-agent \\
  YOUR-IMAGE windlass-agent --address ${address} \\
  --token-file /etc/windlass/agent-token --data-dir /var/lib/windlass-agent`,
  },
];

const kubernetes = ({ address, organization, pool }: StartPlace): readonly StartStep[] => [
  {
    title: "The token as a Secret. Run this, paste the secret, then press Enter and Ctrl-D:",
    text: "kubectl create secret generic windlass-agent --from-file=agent-token=/dev/stdin",
  },
  { title: "Agents that are always there:", text: deployment(address) },
  {
    title:
      "Or, with KEDA, one agent for each job that waits. Prometheus reads the server's metrics (--metrics-listen):",
    text: scaledJob(address, organization, pool),
  },
];

const podSpec = (address: string, flags: string, indent: string): string =>
  `containers:
  - name: agent
    image: YOUR-IMAGE
    command: [windlass-agent, --address, "${address}", --token-file, /etc/windlass/agent-token${flags}]
    volumeMounts:
      - { name: token, mountPath: /etc/windlass, readOnly: true }
terminationGracePeriodSeconds: 3600
volumes:
  - name: token
    secret: { secretName: windlass-agent, defaultMode: 0400 }`.replaceAll("\n", `\n${indent}`);

const deployment = (address: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: windlass-agent }
spec:
  replicas: 2
  selector: { matchLabels: { app: windlass-agent } }
  template:
    metadata: { labels: { app: windlass-agent } }
    spec:
      ${podSpec(address, "", "      ")}`;

const scaledJob = (address: string, organization: string, pool: string): string => `apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: { name: windlass-agent }
spec:
  maxReplicaCount: 10
  scalingStrategy: { strategy: accurate }
  triggers:
    - type: prometheus
      metadata:
        serverAddress: http://prometheus.monitoring:9090
        query: sum(windlass_pool_jobs{organization="${organization}",pool="${pool}",state="queued"})
        threshold: "1"
  jobTargetRef:
    backoffLimit: 0
    template:
      spec:
        restartPolicy: Never
        ${podSpec(address, ', --single, --idle-timeout, "10m"', "        ")}`;

const steps = { program, systemd, docker, kubernetes } as const;

/** How to start an agent. The secret is in a file each time: what is in a command line, every process of its machine may read. */
export const startSteps = (kind: StartKind, place: StartPlace): readonly StartStep[] => steps[kind](place);
