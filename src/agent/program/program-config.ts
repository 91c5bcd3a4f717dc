import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import { readCommandLine } from "../../lib/command-line.ts";
import type { Environment } from "../../lib/environment.ts";
import type { ListenAddress } from "../../lib/net/listen-address.ts";
import { pemProblem } from "../../lib/net/pem.ts";
import { armFailpoints } from "../../lib/program/failpoint.ts";
import type { LogOptions } from "../../lib/program/log.ts";
import { version } from "../../lib/program/version.ts";
import { loadSettings } from "../../lib/settings.ts";
import { addressesProblem, differentAddresses } from "../../lib/way/addresses.ts";
import { type ClientTls, wayTo } from "../../lib/way/way.ts";
import { agentSettings } from "../../settings/agent.ts";
import { aliasesSentence } from "../../settings/hcp-agent.ts";
import { knownVariables } from "../../settings/known-variables.ts";
import type { AgentConfig } from "../contract/config.ts";
import { secretFilesOf } from "../sandbox/hidden-paths.ts";
import { type AgentSettings, dataDirOf } from "./agent-settings.ts";
import { engineDownloadsOf } from "./engine-settings.ts";
import { hookConfigOf } from "./hook-settings.ts";
import { providerConfigOf } from "./provider-settings.ts";
import { sandboxPathProblems } from "./sandbox-settings.ts";
import { type AgentTokenSource, tokenSourceOf } from "./token-source.ts";
import { updateConfigOf } from "./update-settings.ts";

/** Everything that `windlass-agent` was told, checked. */
export interface ProgramConfig {
  readonly agent: AgentConfig;
  /** Of one control plane; at least one. */
  readonly addresses: readonly string[];
  readonly tls: ClientTls;
  /** What it was started with; the proxy and the system's authorities are named there. */
  readonly environment: Environment;
  readonly token: AgentTokenSource;
  readonly log: LogOptions;
  /** Where it tells how it is; null is nowhere. */
  readonly httpListen: ListenAddress | null;
  /** What becomes of variables that HCP Terraform's agents know; undefined if there is none. */
  readonly aliases: string | undefined;
  /** For how long `doctor` keeps a stream silent; 0 is not at all. */
  readonly idleProbeMs: number;
}

export type ProgramCall =
  | { readonly kind: "run"; readonly config: ProgramConfig }
  | { readonly kind: "help" | "version" }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads flags and variables. */
export function readProgramCall(argv: readonly string[], environment: Environment): ProgramCall {
  const line = readCommandLine(agentSettings, argv[0] === "run" ? argv.slice(1) : argv, { own: [], maxWords: 0 });
  if (line.kind === "help" || line.kind === "version") return line;
  const flags = line.kind === "flags" ? line.flags : {};
  const loaded = loadSettings(agentSettings, { flags, environment, alsoKnown: knownVariables });
  const problems = [
    ...(line.kind === "invalid" ? line.problems : []),
    ...armFailpoints(environment),
    ...(loaded.kind === "invalid" ? loaded.problems : loaded.unknown),
  ];
  if (loaded.kind === "invalid") return { kind: "invalid", problems };
  const values = { ...loaded.values, dataDir: dataDirOf(loaded.values, environment) };
  const aliases = aliasesSentence(agentSettings, environment, loaded.origins);
  const config = { ...checked(values, environment, problems), aliases };
  return problems.length > 0 ? { kind: "invalid", problems } : { kind: "run", config };
}

type Values = AgentSettings & { readonly dataDir: string };

/** Adds to `problems` what is wrong beyond the form of single values. */
function checked(values: Values, environment: Environment, problems: string[]): Omit<ProgramConfig, "aliases"> {
  const file = (path: string | undefined) => (path === undefined ? undefined : contentOf(path, problems));
  const ca = file(values.caFile);
  const cert = file(values.certFile);
  const key = file(values.keyFile);
  const tls: ClientTls = { ca, cert, key, serverName: values.serverName };
  if ((values.certFile === undefined) !== (values.keyFile === undefined)) {
    problems.push("--cert-file and --key-file belong together: give both or none");
  }
  const pem = pemProblem({ ca, cert, key });
  if (pem !== undefined) problems.push(`the file of --${pem.part}-file ${pem.message}`);
  const addresses = differentAddresses(values.address);
  if (problems.length === 0) checkAddresses({ addresses, tls, environment }, problems);
  problems.push(...sandboxPathProblems(values.sandboxPaths, [values.dataDir, ...secretPathsOf(values, environment)]));
  if (values.single && values.maxJobs > 1) problems.push("--single and --max-jobs contradict each other: give one");
  const downloads = engineDownloadsOf(values, problems);
  return {
    agent: {
      ...agentConfig(values, environment),
      ...providerConfigOf(values, environment, problems),
      update: updateConfigOf(values, { environment, ca }),
      engineDownloads: downloads === undefined ? undefined : { ...downloads, environment, ca },
    },
    addresses,
    ...{ tls, environment },
    token: tokenSourceOf(values, environment, problems),
    log: { level: values.logLevel, format: values.logFormat },
    httpListen: values.httpListen,
    idleProbeMs: values.idleProbe,
  };
}

/** The token and the private key are not for jobs, wherever they lie. */
const secretPathsOf = (
  { tokenFile, identityTokenFile, keyFile }: Values,
  environment: Environment,
): readonly string[] =>
  [tokenFile, identityTokenFile, keyFile, ...secretFilesOf(agentSettings, environment)].flatMap((path) =>
    path === undefined ? [] : [resolve(path)],
  );

const agentConfig = (values: Values, environment: Environment): AgentConfig => ({
  dataDir: values.dataDir,
  workRoot: values.workDir,
  labels: values.labels,
  accepts: values.accept === "plan,apply" ? undefined : values.accept,
  maxJobs: values.single ? 1 : values.maxJobs,
  idleTimeoutMs: values.idleTimeout,
  concurrency: values.concurrency,
  version,
  isServerAgent: false,
  searchPath: environment.PATH ?? "",
  sandbox: values.sandbox,
  sandboxPaths: values.sandboxPaths,
  hooks: hookConfigOf(values),
  hiddenPaths: secretPathsOf(values, environment),
  minFreeBytes: values.minFreeDisk,
  reserveBytes: values.diskReserve,
  keptForMs: values.keptJobsFor,
  keptBytes: values.keptJobsSize,
  name: values.name,
  enginePaths: values.enginePaths,
});

type Addresses = Pick<ProgramConfig, "addresses" | "tls" | "environment">;

function checkAddresses({ addresses, ...options }: Addresses, problems: string[]): void {
  const problem = addressesProblem(addresses);
  if (problem !== undefined) return void problems.push(`--address: ${problem}`);
  const proxies = addresses.map((address) => wayTo(address, options).proxy);
  const refused = proxies.find((proxy) => proxy.kind === "refused");
  if (refused !== undefined) problems.push(refused.message);
  try {
    createSecureContext(options.tls);
  } catch (error) {
    problems.push(`the TLS files cannot be used: ${messageOf(error)}`);
  }
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
