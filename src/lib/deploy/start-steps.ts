import { shellWord } from "../text/shell-word.ts";
import { agentDeployment, agentScaledJob } from "./kubernetes-texts.ts";

/** Where an agent can be started. */
export const startKinds = ["program", "systemd", "docker", "compose", "kubernetes"] as const;
/** `program`, `systemd`, … */
export type StartKind = (typeof startKinds)[number];

/** A step of it: what to do, and the text for it. */
export interface StartStep {
  readonly title: string;
  readonly text: string;
}

/** What the texts are written for. */
export interface StartPlace {
  /** How agents reach the server. */
  readonly address: string;
  readonly organization: string;
  readonly pool: string;
  /** Of the server, as its packages are named. */
  readonly version: string;
  /** A file that has the token already; undefined if a step is to make one. */
  readonly tokenFile?: string | undefined;
}

const paste = "Run this, paste the secret, then press Enter and Ctrl-D:";
const releasedWith = "The release of Windlass that your server is from has it.";

/** Makes a file of the token, unless there is one. */
const tokenStep = ({ tokenFile }: StartPlace): readonly StartStep[] =>
  tokenFile === undefined ? [{ title: `The token, in a file. ${paste}`, text: "(umask 077; cat > agent-token)" }] : [];

const fileOf = ({ tokenFile }: StartPlace): string => shellWord(tokenFile ?? "agent-token");

const program = (place: StartPlace): readonly StartStep[] => [
  {
    title: `The agent is one file. ${releasedWith}`,
    text: `sudo install -m 755 windlass-agent-${place.version}-linux-x64 /usr/local/bin/windlass-agent`,
  },
  ...tokenStep(place),
  {
    title: "Start the agent:",
    text: `windlass-agent --address ${shellWord(place.address)} --token-file ${fileOf(place)}`,
  },
];

const systemd = (place: StartPlace): readonly StartStep[] => [
  {
    title: `The package brings the unit and a user for it. ${releasedWith}`,
    text: `sudo apt install ./windlass-agent_${place.version}_amd64.deb`,
  },
  {
    title:
      place.tokenFile === undefined ? `The token, for that user alone. ${paste}` : "The token, for that user alone:",
    text: `sudo install -m 600 -o windlass-agent /dev/null /etc/windlass/agent-token
sudo tee /etc/windlass/agent-token ${place.tokenFile === undefined ? "" : `< ${fileOf(place)} `}>/dev/null`,
  },
  {
    title: "Where the server is:",
    text: `echo ${shellWord(`WINDLASS_ADDRESS=${place.address}`)} | sudo tee -a /etc/default/windlass-agent`,
  },
  { title: "Start it, now and at each boot:", text: "sudo systemctl enable --now windlass-agent" },
];

const image = ({ version }: StartPlace): string => `windlass-agent:${version}`;
const buildStep = (place: StartPlace): StartStep => ({
  title: "The image, from the archive of the release and its Dockerfile:",
  text: `docker build -f agent.Dockerfile --build-arg VERSION=${place.version} -t ${image(place)} .`,
});

const docker = (place: StartPlace): readonly StartStep[] => [
  buildStep(place),
  ...tokenStep(place),
  {
    title: "Start it. Its user, 10001, has to be able to read the token:",
    text: `sudo chown 10001 ${fileOf(place)}
docker run -d --name windlass-agent --restart on-failure --stop-timeout 90 --read-only --tmpfs /tmp:exec \\
  --mount type=bind,src="$(realpath ${fileOf(place)})",dst=/etc/windlass/agent-token,readonly \\
  --mount type=volume,src=windlass-agent,dst=/var/lib/windlass-agent \\
  -e ${shellWord(`WINDLASS_ADDRESS=${place.address}`)} ${image(place)}`,
  },
];

const compose = (place: StartPlace): readonly StartStep[] => [
  buildStep(place),
  ...tokenStep(place),
  {
    title: "compose.yaml:",
    text: `services:
  windlass-agent:
    image: ${image(place)}
    restart: on-failure
    stop_grace_period: 90s
    read_only: true
    tmpfs: ["/tmp:exec"]
    environment:
      WINDLASS_ADDRESS: ${JSON.stringify(place.address)}
    secrets: [{ source: agent-token, target: /etc/windlass/agent-token, uid: "10001", mode: 0400 }]
    volumes: ["windlass-agent:/var/lib/windlass-agent"]
secrets:
  agent-token: { file: ${JSON.stringify(place.tokenFile ?? "./agent-token")} }
volumes:
  windlass-agent: {}`,
  },
  { title: "Start it:", text: "docker compose up -d" },
];

const kubernetes = (place: StartPlace): readonly StartStep[] => [
  place.tokenFile === undefined
    ? {
        title: `The token as a Secret. ${paste}`,
        text: "kubectl create secret generic windlass-agent --from-file=agent-token=/dev/stdin",
      }
    : {
        title: "The token as a Secret:",
        text: `kubectl create secret generic windlass-agent --from-file=agent-token=${fileOf(place)}`,
      },
  { title: "Agents that are always there:", text: agentDeployment({ ...place, image: image(place) }) },
  {
    title: "Or, with KEDA, one agent for each job:",
    text: agentScaledJob({ ...place, image: image(place) }),
  },
];

const steps = { program, systemd, docker, compose, kubernetes } as const;

/** How to start an agent. The secret is in a file each time: what is in a command line, every process of its machine may read. */
export const startSteps = (kind: StartKind, place: StartPlace): readonly StartStep[] => steps[kind](place);
