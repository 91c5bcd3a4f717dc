import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Api, freshName } from "../support/api.ts";
import { Balancer } from "../support/balancer.ts";
import { Relay } from "../support/relay.ts";
import type { Scene } from "../support/scene.ts";
import { FakeEngine } from "./fake-plan.ts";
import { FaultyDatabase } from "./faulty-database.ts";
import { type ArmedFailpoint, Member } from "./member.ts";
import type { ServerLink } from "./replica-faults.ts";

/** An agent that reaches its server through a proxy. */
export interface FaultyAgent {
  readonly member: Member;
  readonly proxy: Relay;
  readonly dataDir: string;
  /** Of this agent alone: each stands for a machine of its own. */
  readonly workDir: string;
}

/** One of the servers, which reaches its database, and is reached, through proxies if there are several. */
export interface FaultyServer {
  readonly member: Member;
  readonly dataDir: string;
  readonly links: Readonly<Record<ServerLink, Relay>> | undefined;
}

export interface ClusterOptions {
  readonly agents: number;
  readonly concurrency: number;
  readonly serverArgs?: readonly string[];
  /** So many servers behind a balancer, on a PostgreSQL server of their own; one if absent. */
  readonly replicas?: number;
  /** Of one server: SQLite if absent. */
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
  /** The first of the servers. */
  readonly server: Member;
  readonly serverDataDir: string;
  readonly servers: readonly FaultyServer[];
  /** What several servers share. */
  readonly database: FaultyDatabase | undefined;
  readonly agents: readonly FaultyAgent[];
}

/** Starts a cluster with the fake terraform. Disposing it ends every program gracefully. */
export async function openCluster(scene: Scene, options: ClusterOptions): Promise<Cluster> {
  await using held = new AsyncDisposableStack();
  const engine = await FakeEngine.install(join(scene.directory, freshName("engine")));
  const { servers, url, database } = await openServers(scene, options, held);
  const [first] = servers;
  if (first === undefined) throw new Error("a cluster has one server at least");
  const api = held.use(new Api(url, (await readFile(join(first.dataDir, "admin-token"), "utf8")).trim()));
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
    ...{ directory: scene.directory, api, url, pool, engine, servers, database, agents },
    ...{ server: first.member, serverDataDir: first.dataDir },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Servers {
  readonly servers: readonly FaultyServer[];
  /** Where agents and clients find them. */
  readonly url: string;
  readonly database: FaultyDatabase | undefined;
}

async function openServers(scene: Scene, options: ClusterOptions, held: AsyncDisposableStack): Promise<Servers> {
  const { replicas, databaseUrl } = options;
  if (replicas === undefined) {
    const flags = databaseUrl === undefined ? [] : ["--database-url", databaseUrl];
    const dataDir = options.serverDataDir ?? join(scene.directory, freshName("server"));
    const { member, url } = await serverOf(scene, { name: "windlassd", dataDir, flags, options }, held);
    return { servers: [{ member, dataDir, links: undefined }], url, database: undefined };
  }
  const database = held.use(await FaultyDatabase.open());
  const servers: FaultyServer[] = [];
  for (let number = 0; number < replicas; number += 1) {
    const toDatabase = held.use(await Relay.open(`http://127.0.0.1:${database.port}`));
    const dataDir = join(scene.directory, freshName("server"));
    const flags = ["--database-url", database.urlAt(toDatabase.port)];
    const { member, url } = await serverOf(scene, { name: `windlassd ${number}`, dataDir, flags, options }, held);
    const callers = held.use(await Relay.open(url));
    servers.push({ member, dataDir, links: { callers, database: toDatabase } });
  }
  const balancer = held.use(await Balancer.open(servers.flatMap(({ links }) => links?.callers.url ?? [])));
  return { servers, url: balancer.url, database };
}

interface ServerParts {
  readonly name: string;
  readonly dataDir: string;
  readonly flags: readonly string[];
  readonly options: ClusterOptions;
}

async function serverOf(
  scene: Scene,
  { name, dataDir, flags, options }: ServerParts,
  held: AsyncDisposableStack,
): Promise<{ readonly member: Member; readonly url: string }> {
  const isShared = options.replicas !== undefined;
  let listen = "127.0.0.1:0";
  const call = () => [
    ...["--data-dir", dataDir, "--listen", listen, "--log-format", "json", "--server-agent-concurrency", "0"],
    ...flags,
    ...(options.serverArgs ?? quickTiming),
  ];
  const key = isShared ? { WINDLASS_MASTER_KEY: "ab".repeat(32) } : {};
  const member = new Member({
    name,
    ready: /windlassd is ready/,
    start: (env) => scene.start("windlassd", call(), { ...key, ...options.serverEnvironment, ...env }),
    // A start is refused while the database is away.
    mayFail: isShared ? /windlassd: .*(?:PostgreSQL|--database-url|the database cannot be reached)/ : undefined,
    stopsWithinMs: 12_000,
  });
  held.defer(() => closeQuietly(member));
  await member.open();
  const url = /"url":"([^"]+)"/.exec(member.program.stderr() + member.program.stdout())?.[1] ?? "";
  listen = new URL(url).host;
  return { member, url };
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
