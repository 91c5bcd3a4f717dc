import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Api, freshName } from "../support/api.ts";
import { Relay } from "../support/relay.ts";
import type { Scene } from "../support/scene.ts";
import { FakeEngine } from "./fake-plan.ts";
import { type ArmedFailpoint, Member } from "./member.ts";

/** An agent that reaches its server through a proxy. */
export interface FaultyAgent {
  readonly member: Member;
  readonly proxy: Relay;
  readonly dataDir: string;
  /** Of this agent alone: each stands for a machine of its own. */
  readonly workDir: string;
}

export interface ClusterOptions {
  readonly agents: number;
  readonly concurrency: number;
  readonly serverArgs?: readonly string[];
  /** Flags that name a database, and its environment. */
  readonly databaseUrl?: string;
  /** Where the server or every agent keeps its data; in the scene if absent. */
  readonly serverDataDir?: string;
  readonly agentsDir?: string;
  readonly serverEnvironment?: Readonly<Record<string, string>>;
  /** Of every agent. */
  readonly agentEnvironment?: Readonly<Record<string, string>>;
  /** Armed from the first start on, for the server and for each agent. */
  readonly failpoints?: readonly (ArmedFailpoint | undefined)[];
}

/** Short leases and heartbeats: what takes minutes in life takes seconds here. */
export const quickTiming: readonly string[] = [
  ...["--heartbeat-interval", "500ms", "--agent-unknown-after", "3s", "--agent-errored-after", "10s"],
  ...["--plan-lease", "8s", "--apply-grace", "10s", "--shutdown-timeout", "2s"],
];

/** A control plane and agents whose processes and connections can be made to fail. */
export interface Cluster extends AsyncDisposable {
  readonly directory: string;
  readonly api: Api;
  readonly url: string;
  readonly pool: string;
  readonly engine: FakeEngine;
  readonly server: Member;
  readonly serverDataDir: string;
  readonly agents: readonly FaultyAgent[];
}

/** Starts a cluster with the fake terraform. Disposing it ends every program gracefully. */
export async function openCluster(scene: Scene, options: ClusterOptions): Promise<Cluster> {
  await using held = new AsyncDisposableStack();
  const engine = await FakeEngine.install(join(scene.directory, freshName("engine")));
  const dataDir = options.serverDataDir ?? join(scene.directory, freshName("server"));
  let listen = "127.0.0.1:0";
  const database = options.databaseUrl === undefined ? [] : ["--database-url", options.databaseUrl];
  const server = new Member({
    name: "windlassd",
    ready: /windlassd is ready/,
    start: (env) =>
      scene.start(
        "windlassd",
        [
          ...["--data-dir", dataDir, "--listen", listen, "--log-format", "json", "--server-agent-concurrency", "0"],
          ...database,
          ...(options.serverArgs ?? quickTiming),
        ],
        { ...options.serverEnvironment, ...env },
      ),
  });
  held.defer(() => closeQuietly(server));
  await server.open();
  const url = /"url":"([^"]+)"/.exec(server.program.stderr() + server.program.stdout())?.[1] ?? "";
  listen = new URL(url).host;
  const api = held.use(new Api(url, (await readFile(join(dataDir, "admin-token"), "utf8")).trim()));
  const pool = await api.pool();
  const { secret } = await api.token(pool);
  const agents: FaultyAgent[] = [];
  for (let number = 1; number <= options.agents; number++) {
    const proxy = held.use(await Relay.open(url));
    const agent = await agentOf(scene, { number, proxy, engine, secret, options });
    held.defer(() => closeQuietly(agent.member));
    await agent.member.open(options.failpoints?.[number]);
    agents.push(agent);
  }
  const owned = held.move();
  return {
    ...{ directory: scene.directory, api, url, pool, engine, server, agents, serverDataDir: dataDir },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A test that has failed already should not fail again with how its programs ended. */
const closeQuietly = async (member: Member): Promise<void> => {
  await member.close("SIGKILL").catch(() => {});
};

interface AgentParts {
  readonly number: number;
  readonly proxy: Relay;
  readonly engine: FakeEngine;
  readonly secret: string;
  readonly options: ClusterOptions;
}

async function agentOf(scene: Scene, { number, proxy, engine, secret, options }: AgentParts): Promise<FaultyAgent> {
  const name = freshName(`agent${number}`);
  const dataDir = join(options.agentsDir ?? scene.directory, name);
  const workDir = join(scene.directory, `${name}-work`);
  const tokenFile = join(scene.directory, `${name}.token`);
  await writeFile(tokenFile, secret, { mode: 0o600 });
  const call = [
    ...["--address", proxy.url, "--token-file", tokenFile, "--name", name, "--data-dir", dataDir],
    ...["--work-dir", workDir, "--engine-path", engine.path, "--concurrency", String(options.concurrency)],
    ...["--log-format", "json", "--min-free-disk", "1MiB", "--disk-reserve", "1MiB", "--sandbox", "none"],
  ];
  const start = (env: Readonly<Record<string, string>>) =>
    scene.start("windlass-agent", call, { ...options.agentEnvironment, ...env });
  return { dataDir, workDir, proxy, member: new Member({ name, ready: /registered successfully/, start }) };
}
