import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  AgentGatewayService,
  RegisterRequestSchema,
  type RegisterResponse,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { linkSignals } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { Random } from "../../lib/random.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { given } from "../../lib/values/records.ts";
import { acceptLabel } from "../../lib/words/label-names.ts";
import { type AgentConfig, protocol } from "../contract/config.ts";
import { type ConnectionOutcome, registerFailure } from "../contract/connection-outcome.ts";
import type { Identity } from "../contract/identity.ts";
import type { AgentOutcome } from "../contract/outcome.ts";
import type { Renewal } from "../contract/renewal.ts";
import type { ServerRoute } from "../contract/server-route.ts";
import type { SessionHost } from "../contract/session-host.ts";
import type { UpdateTalk } from "../contract/update-talk.ts";
import { ConnectionNotes } from "./connection-notes.ts";
import { keepCredential, readCredential, type SessionCredential } from "./credential.ts";
import { nextStep } from "./reconnect.ts";
import { holdSession } from "./session.ts";
import { StreamLimits } from "./stream-limits.ts";

const registerTimeoutMs = 30_000;

export interface SupervisorOptions {
  readonly transport: Transport;
  readonly token: () => Promise<string>;
  readonly config: AgentConfig;
  readonly identity: Identity;
  /** The sandbox that jobs really run in. */
  readonly sandbox: string;
  readonly host: SessionHost;
  readonly renewal: Renewal;
  /** Absent where nothing updates itself. */
  readonly updates?: UpdateTalk | undefined;
  /** True while terraform runs or a state still has to be uploaded: then even a refused agent stays. */
  readonly isWorking: () => boolean;
  readonly onRegistered: (response: RegisterResponse) => void;
  /** Called before each stream with what it is opened with. */
  readonly onCredential: (credential: SessionCredential) => void;
  readonly onWelcome: () => void;
  /** Where the server is reached; absent in the same process. */
  readonly route?: ServerRoute | undefined;
  /** A stream has ended, or none was accepted. */
  readonly onEnd?: (() => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What is remembered from one connection to the next. */
interface Memory {
  failures: number;
  lastSessionEpoch: bigint;
  credential: SessionCredential | undefined;
  /** The last stream was given up for the next one. */
  isChanging: boolean;
  /** Registrations in a row after which no stream was let in. */
  unopened: number;
  readonly notes: ConnectionNotes;
  readonly limits: StreamLimits;
}

/**
 * Registers, holds a stream, and does so again for ever after each end that is not final; says why it stopped.
 * Rejects never.
 */
export async function superviseConnection(options: SupervisorOptions, signal: AbortSignal): Promise<AgentOutcome> {
  const { host, isWorking, random, clock, log, config, route } = options;
  const client = createClient(AgentGatewayService, options.transport);
  const memory: Memory = {
    failures: 0,
    lastSessionEpoch: 0n,
    credential: undefined,
    isChanging: false,
    unopened: 0,
    notes: new ConnectionNotes({ clock, log, isServerAgent: config.isServerAgent }),
    limits: new StreamLimits({ clock, log }),
  };
  for (;;) {
    using until = linkSignals(signal, options.renewal.signal);
    const outcome = await connect(options, { client, memory }, until.signal);
    memory.isChanging = outcome.kind === "changed";
    if (!memory.isChanging) options.onEnd?.();
    // An address may have changed, or a NAT have forgotten the connection.
    if ("isSilent" in outcome && outcome.isSilent) route?.hangUp();
    if (outcome.kind === "stopped" && !signal.aborted) continue;
    const server = route?.address;
    const isElsewhere = leftServer(route, outcome);
    const next = nextStep(outcome, { failures: memory.failures, hasJobs: isWorking(), isElsewhere, random });
    if (next.kind === "stop") return next.outcome;
    memory.failures = next.failures;
    memory.notes.ended(outcome, { failures: memory.failures, server });
    const pause = await pauseFor(next.afterMs, { clock, host }, until.signal);
    if (pause === "over" || (pause === "stopped" && !signal.aborted)) continue;
    return { kind: pause };
  }
}

/** Leaves a server that has gone or cannot serve. True if another one may be well. */
function leftServer(route: ServerRoute | undefined, outcome: ConnectionOutcome): boolean {
  switch (outcome.kind) {
    case "told_to_reconnect":
      return route?.leave("stopping") ?? false;
    case "lost":
      return route?.leave("failed") ?? false;
    case "unavailable":
      return (outcome.isBetterElsewhere === true && route?.leave("failed")) ?? false;
    default:
      return false;
  }
}

interface Connecting {
  readonly client: Client<typeof AgentGatewayService>;
  readonly memory: Memory;
}

async function connect(options: SupervisorOptions, connecting: Connecting, signal: AbortSignal) {
  if (signal.aborted) return { kind: "stopped" } as const;
  using leaving = leavingSignal(options.host);
  const { client, memory } = connecting;
  if (memory.isChanging && memory.credential !== undefined) return converse(options, connecting, signal);
  const registered = await register(options, client, AbortSignal.any([signal, leaving.signal]));
  if (registered.kind === "registered") {
    const { response } = registered;
    options.onRegistered(response);
    memory.credential = await keep(options, response);
    return withCause(memory, response, await converse(options, connecting, signal));
  }
  if (signal.aborted) return { kind: "stopped" } as const;
  return registered.kind === "token_rejected" ? finishJobs(options, connecting, registered, signal) : registered;
}

/** Calls get through, and the stream does not: the server may see why, and twice is no accident. */
function withCause(memory: Memory, { wayProblem }: RegisterResponse, outcome: ConnectionOutcome): ConnectionOutcome {
  const isUnopened = outcome.kind === "unavailable" && outcome.isCut === true;
  memory.unopened = isUnopened ? memory.unopened + 1 : 0;
  if (!isUnopened) return outcome;
  if (wayProblem !== "") return { ...outcome, reason: oneLine(wayProblem) };
  const isNamed = memory.unopened < 2 || /answers|HTTP/.test(outcome.reason);
  return isNamed ? outcome : { ...outcome, reason: `${noStream} (${outcome.reason})` };
}

const noStream =
  "calls to the server get through and the agent's stream does not: a proxy in front of the server may speak HTTP/1.1 to it, and agents need HTTP/2 all the way";

/** Remembers what was given, for the day on which the agent token is revoked. */
async function keep({ config, log }: SupervisorOptions, registered: RegisterResponse): Promise<SessionCredential> {
  const { sessionToken, clusterGeneration } = registered;
  const credential = { sessionToken, clusterGeneration };
  // The token of the server agent lives as long as its process.
  if (config.isServerAgent) return credential;
  await keepCredential(config.dataDir, credential).catch((error: unknown) =>
    log.warn({ err: error }, "the session's credential could not be kept"),
  );
  return credential;
}

/** The agent token is not accepted any more: what the agent holds may still be finished on the last session's credential. */
async function finishJobs(
  options: SupervisorOptions,
  connecting: Connecting,
  registered: ConnectionOutcome,
  signal: AbortSignal,
): Promise<ConnectionOutcome> {
  const { host, config, log } = options;
  const { memory } = connecting;
  if (host.held().length === 0) return registered;
  memory.credential ??= await readCredential(config.dataDir);
  if (memory.credential === undefined) return registered;
  log.warn({ jobs: host.held().length }, "the agent token is not accepted any more: finishing what is held");
  const outcome = await converse(options, connecting, signal);
  return outcome.kind === "unavailable" && outcome.isRefused === true ? registered : outcome;
}

async function converse(
  options: SupervisorOptions,
  { client, memory }: Connecting,
  signal: AbortSignal,
): Promise<ConnectionOutcome> {
  const { host, identity, updates, clock, random, log } = options;
  const credential = memory.credential ?? { sessionToken: "", clusterGeneration: "" };
  const { limits, isChanging } = memory;
  options.onCredential(credential);
  return holdSession(
    {
      client,
      host,
      identity,
      updates,
      clock,
      random,
      log,
      limits,
      ...credential,
      lastSessionEpoch: memory.lastSessionEpoch,
      onWelcome: ({ sessionEpoch }) => {
        memory.lastSessionEpoch = sessionEpoch;
        options.route?.stay();
        memory.notes.connected();
        // That one stream follows another is no news to anybody.
        if (!isChanging) options.onWelcome();
      },
    },
    signal,
  );
}

async function register(
  { config, identity, sandbox, token }: SupervisorOptions,
  client: Client<typeof AgentGatewayService>,
  signal: AbortSignal,
): Promise<{ readonly kind: "registered"; readonly response: RegisterResponse } | ConnectionOutcome> {
  const request = create(RegisterRequestSchema, {
    incarnation: identity.incarnation,
    bootId: identity.bootId,
    name: identity.name,
    version: config.version,
    minimumProtocol: protocol.minimum,
    maximumProtocol: protocol.maximum,
    os: process.platform,
    arch: process.arch,
    labels: { ...config.labels, ...given({ [acceptLabel]: config.accepts }) },
    concurrency: config.concurrency,
    sandbox,
    place: identity.place,
  });
  try {
    const headers = { authorization: `Bearer ${await token()}` };
    const response = await client.register(request, { headers, signal, timeoutMs: registerTimeoutMs });
    return { kind: "registered", response };
  } catch (error) {
    return registerFailure(error);
  }
}

/** Waits; ends early when the agent is stopped, or has to leave and has nothing to tell anybody. */
async function pauseFor(
  ms: number,
  { clock, host }: { readonly clock: Clock; readonly host: SessionHost },
  signal: AbortSignal,
): Promise<"over" | "stopped" | "drained"> {
  using leaving = leavingSignal(host);
  try {
    await clock.sleep(ms, AbortSignal.any([signal, leaving.signal]));
    return "over";
  } catch {
    return signal.aborted ? "stopped" : "drained";
  }
}

/** Is aborted once the agent is to leave and idle. Dispose it. */
function leavingSignal(host: SessionHost): Disposable & { readonly signal: AbortSignal } {
  const leaving = new AbortController();
  if (host.leaving() !== undefined) leaving.abort();
  const changes = host.onChange((change) => {
    if (change.kind === "leaving") leaving.abort();
  });
  return { signal: leaving.signal, [Symbol.dispose]: () => changes[Symbol.dispose]() };
}
