import { constants } from "node:fs";
import { access, mkdir, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { attempt, type Check, checkEach, fail, isHealthy, ok, skip, warn } from "../../lib/checks/check.ts";
import { checkNetwork } from "../../lib/checks/network.ts";
import { checkClock, checkStreams, type StreamTarget, streamCheckIds, tokenFailure } from "../../lib/checks/stream.ts";
import type { Clock } from "../../lib/clock.ts";
import { lockDirectory } from "../../lib/fs/dir-lock.ts";
import { createGrpcTransport } from "../../lib/grpc/transport.ts";
import { counted } from "../../lib/text/counted.ts";
import { failureText } from "../../lib/way/own-answer.ts";
import { wayTo } from "../../lib/way/way.ts";
import type { AgentConfig } from "../contract/config.ts";
import { chooseSandbox } from "../sandbox/choose-sandbox.ts";
import { findHooks } from "../work/hooks/hook-files.ts";
import { checkCache, checkCliConfig, checkPassed, checkSources } from "../work/providers/check-providers.ts";
import { checkEngine } from "./check-engine.ts";
import type { ProgramConfig } from "./program-config.ts";
import { whoElseReads } from "./token-source.ts";

const goodFreeBytes = 4 * 2 ** 30;
const goodMemoryBytes = 2 * 2 ** 30;
const callMs = 10_000;

/** Looks at everything that an agent needs to do its work, and changes nothing but for a probe file. */
export async function examineAgent(config: ProgramConfig, clock: Clock): Promise<readonly Check[]> {
  const { addresses, agent } = config;
  const way = await checkEach(addresses, (address) => checkServer(config, address, clock));
  return [
    ...way,
    checkTokenFile(config),
    await attempt("engine", "install terraform or tofu, or give --engine-path", () => checkEngine(agent)),
    await attempt("data-dir", "give another --data-dir, or its rights to the agent's user", () => checkDataDir(agent)),
    await attempt("disk", "make room", () => checkDisk(agent)),
    await checkSandbox(agent),
    await attempt("hooks", "look at --hooks-dir", () => checkHooks(agent)),
    await checkCliConfig(agent),
    await checkPassed(agent),
    await checkSources(agent),
    await attempt("provider-cache", "give the agent's user its rights, or --provider-cache 0", () => checkCache(agent)),
    checkCores(agent),
    checkMemory(),
  ];
}

/** What stands between here and one address, and what calls to it meet. */
async function checkServer(config: ProgramConfig, address: string, clock: Clock): Promise<readonly Check[]> {
  const { tls, environment } = config;
  const network = await checkNetwork(wayTo(address, { tls, environment, clock }));
  const calls = isHealthy(network)
    ? await checkCalls(config, address, clock)
    : ["token", "clock", ...streamCheckIds].map((id) => skip(id, "not tried"));
  return [...network, ...calls];
}

const newToken = "make a new one: windlass token create --pool POOL";

/** What real calls meet: the token, the server's clock, and streams as the agent has them. */
async function checkCalls(
  { tls, environment, token, agent, idleProbeMs }: ProgramConfig,
  address: string,
  clock: Clock,
): Promise<readonly Check[]> {
  using transport = createGrpcTransport({ address, tls, environment, userAgent: `windlass-agent/${agent.version}` });
  const client = createClient(SystemService, transport);
  const headers = { authorization: `Bearer ${token.token}` };
  const target = { client, headers, clock, idleMs: idleProbeMs };
  const good = await checkToken(target).catch((error: unknown) => tokenFailure(error, newToken));
  return [
    good,
    await checkClock(target).catch((error: unknown) =>
      skip("clock", `the server did not answer: ${failureText(error)}`),
    ),
    ...(await checkStreams(target)),
  ];
}

async function checkToken({ client, headers = {} }: StreamTarget): Promise<Check> {
  const who = await client.whoAmI({}, { headers, timeoutMs: callMs });
  return ok("token", `good: ${who.name || who.id}`);
}

function checkTokenFile({ token }: ProgramConfig): Check {
  const readers = whoElseReads(token);
  if (readers !== undefined) return fail("token-file", readers, `chmod 600 ${token.file}`);
  return token.file === undefined
    ? skip("token-file", "the token is in no file")
    : ok("token-file", `nobody else may read ${token.file}`);
}

async function checkDataDir({ dataDir }: AgentConfig): Promise<Check> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const locked = await lockDirectory(dataDir);
  if (locked.kind === "held") return ok("data-dir", `${dataDir} is in use by a running agent`);
  using _lock = locked.lock;
  const probe = await mkdtemp(join(dataDir, "doctor-"));
  try {
    const file = join(probe, "probe");
    await writeFile(file, "#!/bin/sh\n", { mode: 0o700 });
    await access(file, constants.X_OK);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
  return ok("data-dir", `${dataDir} can be written`);
}

async function checkDisk({ dataDir, minFreeBytes, reserveBytes = 0 }: AgentConfig): Promise<Check> {
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const seen = `${(free / 2 ** 30).toFixed(1)} GiB free in ${dataDir}`;
  if (free < minFreeBytes + reserveBytes) return fail("disk", seen, "the agent would take no job: make room");
  return free < goodFreeBytes
    ? warn("disk", seen, "providers and states need room: 4 GiB are comfortable")
    : ok("disk", seen);
}

async function checkSandbox({ sandbox, searchPath }: AgentConfig): Promise<Check> {
  const chosen = await chooseSandbox(sandbox, searchPath);
  if (chosen.kind === "unusable") return fail("sandbox", chosen.why, "install bubblewrap, or choose --sandbox none");
  if (chosen.sandbox.kind === "bwrap")
    return ok("sandbox", `bubblewrap at ${chosen.sandbox.program}${chosen.why === "" ? "" : `, ${chosen.why}`}`);
  if (sandbox === "none") return ok("sandbox", "none, as asked for: jobs can read what the agent can");
  return warn("sandbox", `none: ${chosen.why}`, "install bubblewrap and allow user namespaces");
}

async function checkHooks({ hooks }: AgentConfig): Promise<Check> {
  const found = hooks === undefined ? { hooks: [], problems: [] } : await findHooks(hooks.directory);
  const [problem] = found.problems;
  if (problem !== undefined) return fail("hooks", problem, "until then every job fails before it begins");
  if (found.hooks.length === 0) return ok("hooks", "none");
  return ok("hooks", `${found.hooks.map(({ name }) => name).join(", ")} in ${hooks?.directory}`);
}

function checkCores({ concurrency }: AgentConfig): Check {
  const cores = availableParallelism();
  const seen = `${counted(concurrency, "job")} at once on ${counted(cores, "core")}`;
  return concurrency > cores ? warn("cores", seen, "lower --concurrency") : ok("cores", seen);
}

function checkMemory(): Check {
  const seen = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`;
  return totalmem() < goodMemoryBytes
    ? warn("memory", seen, "terraform or tofu and its providers want 2 GiB")
    : ok("memory", seen);
}
