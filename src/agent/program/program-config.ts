import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { readCommandLine } from "../../lib/command-line.ts";
import type { Environment } from "../../lib/environment.ts";
import { isWindlassError } from "../../lib/errors.ts";
import { armFailpoints, failpointVariables } from "../../lib/failpoint.ts";
import { type ClientTls, grpcTarget } from "../../lib/grpc-address.ts";
import type { ListenAddress } from "../../lib/listen-address.ts";
import type { LogOptions } from "../../lib/log.ts";
import { pemProblem } from "../../lib/pem.ts";
import { loadSettings, type SettingValues } from "../../lib/settings.ts";
import { parseToken } from "../../lib/tokens.ts";
import { version } from "../../lib/version.ts";
import type { AgentConfig } from "../agent-config.ts";
import { isWithin } from "../sandbox/bubblewrap.ts";
import { agentSettings, sisterVariables } from "./agent-settings.ts";
import { engineDownloadsOf } from "./engine-settings.ts";

/** Everything that `windlass-agent` was told, checked. */
export interface ProgramConfig {
  readonly agent: AgentConfig;
  readonly address: string;
  readonly tls: ClientTls;
  /** Read once; kept in memory. */
  readonly token: string;
  readonly log: LogOptions;
  /** Where it tells how it is; null is nowhere. */
  readonly httpListen: ListenAddress | null;
}

export type ProgramCall =
  | { readonly kind: "run"; readonly config: ProgramConfig }
  | { readonly kind: "help" | "version" }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

const switches = new Set(["no-engine-download", "single"]);

type Values = SettingValues<ReturnType<typeof agentSettings>>;

/** Reads flags and variables. */
export function readProgramCall(argv: readonly string[], environment: Environment): ProgramCall {
  const settings = agentSettings(environment);
  const line = readCommandLine(settings, argv[0] === "run" ? argv.slice(1) : argv, switches);
  if (line.kind === "help" || line.kind === "version") return line;
  const flags = line.kind === "flags" ? line.flags : {};
  const loaded = loadSettings(settings, { flags, environment, alsoKnown: [...sisterVariables, ...failpointVariables] });
  const problems = [
    ...(line.kind === "invalid" ? line.problems : []),
    ...armFailpoints(environment),
    ...(loaded.kind === "invalid" ? loaded.problems : loaded.unknown),
  ];
  if (loaded.kind === "invalid") return { kind: "invalid", problems };
  const config = checked(loaded.values, environment, problems);
  return problems.length > 0 ? { kind: "invalid", problems } : { kind: "run", config };
}

/** Adds to `problems` what is wrong beyond the form of single values. */
function checked(values: Values, environment: Environment, problems: string[]): ProgramConfig {
  const file = (path: string | undefined) => (path === undefined ? undefined : contentOf(path, problems));
  const ca = file(values.caFile);
  const cert = file(values.certFile);
  const key = file(values.keyFile);
  const tls: ClientTls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(values.serverName === undefined ? {} : { serverName: values.serverName }),
  };
  if ((values.certFile === undefined) !== (values.keyFile === undefined)) {
    problems.push("--cert-file and --key-file belong together: give both or none");
  }
  const pem = pemProblem({ ca, cert, key });
  if (pem !== undefined) problems.push(`the file of --${pem.part}-file ${pem.message}`);
  if (problems.length === 0) checkAddress(values.address, tls, problems);
  checkSandboxPaths(values, problems);
  if (values.single && values.maxJobs > 1) problems.push("--single and --max-jobs contradict each other: give one");
  const downloads = engineDownloadsOf(values, problems);
  return {
    agent: {
      ...agentConfig(values, environment),
      ...(downloads === undefined ? {} : { engineDownloads: { ...downloads, ...(ca === undefined ? {} : { ca }) } }),
    },
    address: values.address,
    tls,
    token: tokenOf(values, problems),
    log: { level: values.logLevel, format: values.logFormat },
    httpListen: values.httpListen,
  };
}

const agentConfig = (values: Values, environment: Environment): AgentConfig => ({
  dataDir: values.dataDir,
  workRoot: values.workDir,
  labels: values.labels,
  ...(values.accept === "plan,apply" ? {} : { accepts: values.accept }),
  maxJobs: values.single ? 1 : values.maxJobs,
  idleTimeoutMs: values.idleTimeout,
  concurrency: values.concurrency,
  version,
  isServerAgent: false,
  searchPath: environment.PATH ?? "",
  sandbox: values.sandbox,
  sandboxPaths: values.sandboxPaths,
  minFreeBytes: values.minFreeDisk,
  reserveBytes: values.diskReserve,
  ...(values.name === undefined ? {} : { name: values.name }),
  ...(values.enginePath === undefined ? {} : { enginePath: values.enginePath }),
});

function checkSandboxPaths({ sandboxPaths, dataDir, tokenFile }: Values, problems: string[]): void {
  for (const path of sandboxPaths) {
    if (!isAbsolute(path)) problems.push(`--sandbox-paths: expected absolute paths, got "${path}"`);
    const secret = [dataDir, ...(tokenFile === undefined ? [] : [resolve(tokenFile)])].find((file) =>
      isWithin(file, path),
    );
    if (secret !== undefined)
      problems.push(`--sandbox-paths: ${path} would show ${secret} to jobs: name what they need only`);
  }
}

function checkAddress(address: string, tls: ClientTls, problems: string[]): void {
  try {
    grpcTarget(address, tls);
  } catch (error) {
    if (isWindlassError(error)) problems.push(`--address: ${error.message}`);
    else problems.push(`the TLS files cannot be used: ${messageOf(error)}`);
  }
}

function tokenOf({ token, tokenFile }: Values, problems: string[]): string {
  const found = (tokenFile === undefined ? token : contentOf(tokenFile, problems))?.trim();
  if (found === undefined) {
    if (tokenFile === undefined) {
      problems.push("an agent token is needed: give --token-file, WINDLASS_AGENT_TOKEN_FILE or WINDLASS_AGENT_TOKEN");
    }
    return "";
  }
  const form = parseToken(found);
  if (form.kind === "malformed") problems.push("the agent token is no token of Windlass: expected wdl_agt_…");
  else if (form.kind === "bad-checksum") problems.push("the agent token is damaged (wrong checksum): copy it again");
  else if (form.tokenKind !== "agt") {
    problems.push(`expected an agent token (wdl_agt_…), got a token of kind ${form.tokenKind}`);
  }
  return found;
}

function contentOf(path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push(`${path} cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
