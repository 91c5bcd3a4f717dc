import { X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createVault, masterKeyId } from "../../control/core/vault.ts";
import { retentionTexts } from "../../control/people/system.ts";
import { tryProbe } from "../../control/upkeep/key-probe.ts";
import { newestOf } from "../../domain/agents/rollout.ts";
import { isLoopback } from "../../http/listener.ts";
import { type Check, fail, ok, skip, warn } from "../../lib/checks/check.ts";
import { silentLog } from "../../lib/program/log.ts";
import { version } from "../../lib/program/version.ts";
import { counted } from "../../lib/text/counted.ts";
import { bindOnce, readTls } from "../port.ts";
import { PlacedReleases, releasesFix } from "../releases/agent-releases.ts";
import { readMasterKeys } from "../secrets.ts";
import { retentionOf } from "../upkeep-settings.ts";
import { whereKeysAre } from "../vault-keys.ts";
import type { DoctorContext } from "./context.ts";

const dayMs = 86_400_000;
const expiryWarningMs = 14 * dayMs;
/** How far a clock may be behind the newest thing that the database knows. */
const clockSkewMs = 30_000;
const pageRows = 1_000;

/** The master key is there, for its owner alone, and opens what the database has sealed. */
export async function checkMasterKey({ call, dataDir, store }: DoctorContext): Promise<Check> {
  const id = "master-key";
  const keys = await readMasterKeys(dataDir, call.settings.masterKey);
  if (keys === undefined && store === undefined)
    return warn(id, "there is no master key yet", "the first start makes it");
  if (keys === undefined) return fail(id, `${dataDir}/master.key is missing`, whereKeysAre);
  const name = `${masterKeyId(keys.key)} from ${keys.file ?? "WINDLASS_MASTER_KEY"}`;
  if (keys.file !== undefined && ((await stat(keys.file)).mode & 0o077) !== 0)
    return fail(id, `others may read ${keys.file}`, `chmod 600 ${keys.file}`);
  if (store === undefined) return ok(id, `${name}; there is no database to try it on`);
  const probe = await tryProbe({ store, vault: createVault(keys.key, call.random, keys.older) });
  if (probe.kind === "wrong-key") return fail(id, `${name} is not the one of this database`, whereKeysAre);
  if (keys.older.length > 0) return warn(id, `${name}: a rotation was not finished`, "run windlassd rotate-key again");
  return ok(id, probe.kind === "absent" ? `${name}; nothing was sealed yet` : `${name} opens what was sealed`);
}

/** What goes by itself, and after how long: nothing to mend, but a choice that is easily forgotten. */
export async function checkRetention({ call }: DoctorContext): Promise<Check> {
  const texts = Object.entries(retentionTexts(retentionOf(call.settings)));
  return ok("retention", texts.map(([name, text]) => `${name} ${text}`).join(", "));
}

/** The port is free, or the server's. */
export async function checkListen({ call, isRunning }: DoctorContext): Promise<Check> {
  const id = "listen";
  const { host, port } = call.settings.listen;
  const { tlsCertFile, allowPlaintext } = call.settings;
  if (tlsCertFile === undefined && !allowPlaintext && !isLoopback(host))
    return fail(
      id,
      `${host} can be reached from other machines and has no TLS`,
      "give --tls-cert-file and --tls-key-file, or --allow-plaintext",
    );
  const failure = await bindOnce(host, port);
  if (failure === undefined)
    return ok(id, `${host}:${port} is free${isRunning ? ", although a server runs: it has another" : ""}`);
  if (failure.code === "EADDRINUSE" && isRunning)
    return ok(id, `${host}:${port} is in use, by the server that runs here`);
  if (failure.code === "EADDRINUSE")
    return fail(id, `${host}:${port} is in use by another program`, "stop it, or choose another --listen");
  return fail(id, `${host}:${port}: ${failure.message}`, "choose an address of this machine with --listen");
}

/** Certificate and key fit together and are valid for a while. */
export async function checkTls({ call }: DoctorContext): Promise<Check> {
  const id = "tls";
  const tls = await readTls(call.settings);
  if (tls === undefined) return skip(id, "no certificate is set: plaintext");
  const { validFrom, validTo, subject } = new X509Certificate(tls.cert);
  const nowMs = call.clock.now().getTime();
  const leftMs = Date.parse(validTo) - nowMs;
  const what = `${subject.replaceAll("\n", ", ")}, valid until ${validTo}`;
  const fix = "put a new one in its place: windlassd reads it by itself";
  if (leftMs <= 0) return fail(id, `${what}: it has expired`, fix);
  if (Date.parse(validFrom) > nowMs) return fail(id, `${what}: it is not valid before ${validFrom}`, fix);
  return leftMs < expiryWarningMs ? warn(id, what, fix) : ok(id, what);
}

/** Agents have the server's version. */
export async function checkAgents({ store }: DoctorContext): Promise<Check> {
  const id = "agents";
  if (store === undefined) return skip(id, "there is no database to look into");
  const agents = (await store.read((q) => q.upkeep.agents({ after: null, limit: pageRows }))).filter(
    ({ status, poolId }) => status !== "exited" && poolId !== null,
  );
  const others = agents.filter((agent) => agent.version !== version);
  if (others.length === 0)
    return ok(id, `${counted(agents.length, "agent")}, ${agents.length === 1 ? "" : "all "}of version ${version}`);
  const named = others.slice(0, 5).map(({ name, version: has }) => `${name} has ${has}`);
  return warn(
    id,
    `${others.length} of ${counted(agents.length, "agent")} ${others.length === 1 ? "is" : "are"} not of version ${version}: ${named.join(", ")}`,
    "upgrade them",
  );
}

/** What agents are offered can be read, is signed, and is there. */
export async function checkAgentReleases({ call, dataDir }: DoctorContext): Promise<Check> {
  const id = "agent-releases";
  const { settings, clock } = call;
  if (settings.agentReleases === undefined) return skip(id, "agents are offered no versions: no --agent-releases");
  const keepIn = join(dataDir, "agent-releases");
  const releases = new PlacedReleases({ place: settings.agentReleases, keepIn, clock, log: silentLog() });
  const found = await releases.look();
  if (found.kind === "none") return warn(id, `${releases.place}: ${found.why}`, releasesFix);
  if (found.doubt !== "") return warn(id, `${releases.place}: ${found.doubt}`, releasesFix);
  const [missing] = releases.missing(found.served);
  if (missing !== undefined)
    return warn(id, `${releases.place}: ${missing} is in the manifest and is not there`, "put the archive back");
  const known = found.served.releases;
  return ok(id, `${counted(known.length, "version")} in ${releases.place}, the newest is ${newestOf(known)}`);
}

/** The clock is not behind what the database has seen. */
export async function checkClock({ store, call }: DoctorContext): Promise<Check> {
  const id = "clock";
  if (store === undefined) return skip(id, "there is nothing to compare it with");
  const now = call.clock.now();
  const seen = (await store.read((q) => q.upkeep.agents({ after: null, limit: pageRows }))).map(
    ({ lastSeenAt }) => lastSeenAt,
  );
  const newestMs = Math.max(0, ...seen.map((at) => at.getTime()));
  if (newestMs - now.getTime() <= clockSkewMs) return ok(id, now.toISOString());
  return warn(
    id,
    `it says ${now.toISOString()}, and an agent was seen at ${new Date(newestMs).toISOString()}`,
    "set the clock: leases and tokens go by it",
  );
}
