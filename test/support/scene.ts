import { cp, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Api, freshName } from "./api.ts";
import { expectNothingLeft } from "./leftovers.ts";
import { type Ending, type Program, type ProgramName, programPath, startProgram, type Within } from "./programs.ts";

/** A control plane of a test, and what a test does with it. */
export interface TestServer {
  readonly url: string;
  readonly dataDir: string;
  /** Of PostgreSQL. */
  readonly databaseUrl: string | undefined;
  readonly adminTokenFile: string;
  readonly api: Api;
  readonly program: Program;
  /** Ends it with a signal and answers how it ended. */
  stop(signal: NodeJS.Signals): Promise<Ending>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
}

/** What the CLI has to know of a server. */
type CliServer = Pick<TestServer, "url" | "adminTokenFile">;

/** An agent of a test. */
export interface TestAgent {
  readonly name: string;
  readonly dataDir: string;
  readonly program: Program;
  stop(signal: NodeJS.Signals): Promise<Ending>;
  /** Starts it again with the same data directory, and waits until it is connected. */
  start(): Promise<void>;
}

export interface ServerOptions {
  readonly engine?: "sqlite" | "postgres";
  /** A server on PostgreSQL beside which it serves the same database. */
  readonly beside?: TestServer;
  /** Jobs of remote workspaces at once; none if absent. */
  readonly serverAgents?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of the certificate in `args`, in PEM. */
  readonly ca?: string;
  /** As that of an agent. */
  readonly within?: Within | undefined;
}

export interface AgentOptions {
  readonly pool: string;
  /** A new one of the pool if absent. */
  readonly token?: string;
  readonly name?: string;
  readonly concurrency?: number;
  /** None if absent: the engines of tests write down what happens to them, outside of their jobs. */
  readonly sandbox?: "auto" | "none";
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Namespaces in which it runs. */
  readonly within?: Within | undefined;
}

/** What `windlass` answered. */
export interface CliAnswer extends Ending {
  readonly stdout: string;
  readonly stderr: string;
}

/** A temporary directory with the programs of one test, or of the tests of one file, in it. */
export interface Scene extends AsyncDisposable {
  readonly directory: string;
  server(options?: ServerOptions): Promise<TestServer>;
  agent(server: TestServer, options: AgentOptions): Promise<TestAgent>;
  /** Starts a program of the project as it is called here. */
  start(name: ProgramName, args: readonly string[], env?: Readonly<Record<string, string>>, within?: Within): Program;
  /** Starts `windlass`, logged in as the admin. */
  startCli(server: CliServer, args: readonly string[]): Program;
  /** Runs `windlass` to its end. */
  cli(server: CliServer, args: readonly string[]): Promise<CliAnswer>;
  /** A copy of an example configuration. */
  configuration(name: string): Promise<string>;
  /** Done when the scene is closed, after everything that was started later has been stopped. */
  defer(close: () => Promise<void> | void): void;
  /** What all programs have written so far. */
  report(): string;
}

/** Opens a scene. Disposing it stops every program, and fails when anything of them is left on the machine. */
export async function openScene(): Promise<Scene> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "windlass-scene-")));
  return new OpenScene(directory);
}

/** What one program may say in a report: enough for all that an agent says of a batch of faults. */
const maxReported = 2_000_000;

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/terraform/${name}`, import.meta.url));

class OpenScene implements Scene {
  readonly directory: string;
  readonly #programs: Program[] = [];
  readonly #held = new AsyncDisposableStack();

  constructor(directory: string) {
    this.directory = directory;
    this.#held.defer(() => rm(directory, { recursive: true, force: true }));
    this.#held.defer(() => expectNothingLeft(directory));
  }

  async server({
    engine = "sqlite",
    beside,
    serverAgents = 0,
    args = [],
    env = {},
    ca,
    within,
  }: ServerOptions = {}): Promise<TestServer> {
    const dataDir = join(this.directory, freshName("server"));
    const database = engine === "postgres" ? this.#held.use(await testDatabase()) : undefined;
    const databaseUrl = beside?.databaseUrl ?? database?.url;
    const shared = beside === undefined ? {} : { WINDLASS_MASTER_KEY: await masterKeyOf(beside) };
    const call = (listen: string) => [
      ...["--data-dir", dataDir, "--listen", listen, "--log-format", "json", "--shutdown-timeout", "5s"],
      ...["--server-agent-concurrency", String(serverAgents), "--sandbox", "none", ...withoutDownloads(args)],
      ...(databaseUrl === undefined ? [] : ["--database-url", databaseUrl]),
      ...args,
    ];
    const start = (listen: string) => this.start("windlassd", call(listen), { ...shared, ...env }, within);
    const program = start("127.0.0.1:0");
    const url = await readyAt(program);
    const adminTokenFile = beside?.adminTokenFile ?? join(dataDir, "admin-token");
    const api = this.#held.use(new Api(url, (await readFile(adminTokenFile, "utf8")).trim(), ca));
    const restart = () => start(new URL(url).host);
    return new RunningServer({ url, dataDir, databaseUrl, adminTokenFile, api, program, restart });
  }

  async agent(
    server: TestServer,
    { pool, token, concurrency = 1, sandbox = "none", args = [], ...options }: AgentOptions,
  ): Promise<TestAgent> {
    const name = options.name ?? freshName("agent");
    const dataDir = options.dataDir ?? join(this.directory, name);
    const tokenFile = join(this.directory, `${name}.token`);
    await writeFile(tokenFile, token ?? (await server.api.token(pool)).secret, { mode: 0o600 });
    const call = [
      ...["--address", server.url, "--token-file", tokenFile, "--name", name, "--data-dir", dataDir],
      ...["--concurrency", String(concurrency), "--log-format", "json", "--sandbox", sandbox],
      ...["--min-free-disk", "1MiB", "--disk-reserve", "1MiB", ...withoutDownloads(args)],
      ...args,
    ];
    const start = () => this.start("windlass-agent", call, options.env, options.within);
    const agent = new RunningAgent({ name, dataDir, start });
    await agent.start();
    return agent;
  }

  startCli(server: CliServer, args: readonly string[]): Program {
    return this.start("windlass", args, {
      WINDLASS_ADDRESS: server.url,
      WINDLASS_TOKEN_FILE: server.adminTokenFile,
      WINDLASS_CONFIG: join(this.directory, "config.yaml"),
    });
  }

  async cli(server: CliServer, args: readonly string[]): Promise<CliAnswer> {
    const program = this.startCli(server, args);
    return { ...(await program.ended), stdout: program.stdout(), stderr: program.stderr() };
  }

  async configuration(name: string): Promise<string> {
    const directory = join(this.directory, freshName(name));
    await cp(fixture(name), directory, { recursive: true });
    return directory;
  }

  defer(close: () => Promise<void> | void): void {
    this.#held.defer(close);
  }

  report(): string {
    return this.#programs
      .map((program) => {
        const said = `${program.stderr()}${program.stdout()}`;
        const cut = said.length > maxReported ? `… ${said.length - maxReported} characters before this\n` : "";
        return `── ${program.name} (${program.pid})\n${cut}${said.slice(-maxReported)}`;
      })
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  start(
    name: ProgramName,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    within: Within = ([command = "", ...rest]) => ({ command, args: rest }),
  ): Program {
    const call = within([programPath(name), ...args]);
    const program = startProgram({ name, ...call, env: { HOME: this.directory, ...env } });
    this.#programs.push(this.#held.use(program));
    return program;
  }
}

/** No test asks the world for terraform: only those with a mirror of their own download. */
const withoutDownloads = (args: readonly string[]) =>
  args.includes("--engine-mirror") ? [] : ["--no-engine-download"];

/** Imported only where it is used: it works only inside the test program, and benchmarks have scenes too. */
const testDatabase = async () => (await import("../postgres.ts")).createTestDatabase();

const masterKeyOf = async ({ dataDir }: TestServer): Promise<string> =>
  (await readFile(join(dataDir, "master.key"), "utf8")).trim();

const readyAt = async (program: Program): Promise<string> =>
  (await program.says(/"url":"([^"]+)"[^\n]*windlassd is ready/))[1] ?? "";

interface ServerParts {
  readonly url: string;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly adminTokenFile: string;
  readonly api: Api;
  readonly program: Program;
  readonly restart: () => Program;
}

class RunningServer implements TestServer {
  readonly url: string;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly adminTokenFile: string;
  readonly api: Api;
  readonly #restart: () => Program;
  #program: Program;

  constructor({ url, dataDir, databaseUrl, adminTokenFile, api, program, restart }: ServerParts) {
    this.url = url;
    this.dataDir = dataDir;
    this.databaseUrl = databaseUrl;
    this.adminTokenFile = adminTokenFile;
    this.api = api;
    this.#program = program;
    this.#restart = restart;
  }

  get program(): Program {
    return this.#program;
  }

  stop(signal: NodeJS.Signals): Promise<Ending> {
    return this.#program.stop(signal);
  }

  async start(): Promise<void> {
    this.#program = this.#restart();
    await readyAt(this.#program);
  }
}

interface AgentParts {
  readonly name: string;
  readonly dataDir: string;
  readonly start: () => Program;
}

class RunningAgent implements TestAgent {
  readonly name: string;
  readonly dataDir: string;
  readonly #parts: AgentParts;
  #program: Program | undefined;

  constructor(parts: AgentParts) {
    this.name = parts.name;
    this.dataDir = parts.dataDir;
    this.#parts = parts;
  }

  get program(): Program {
    if (this.#program === undefined) throw new Error("the agent was not started");
    return this.#program;
  }

  stop(signal: NodeJS.Signals): Promise<Ending> {
    return this.program.stop(signal);
  }

  async start(): Promise<void> {
    this.#program = this.#parts.start();
    await this.#program.says(/waiting for (the )?next job/);
  }
}
