import { stat } from "node:fs/promises";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "../../gen/grpc/health/v1/health_pb.ts";
import {
  type GetServerInfoResponse,
  SystemService,
  type WhoAmIResponse,
} from "../../gen/windlass/v1/system_service_pb.ts";
import { attempt, type Check, checkEach, checkLines, fail, isHealthy, ok, skip, warn } from "../../lib/checks/check.ts";
import { checkNetwork, judgeClock, judgeStream } from "../../lib/checks/network.ts";
import { checkStreams, streamCheckIds, tokenFailure } from "../../lib/checks/stream.ts";
import { version } from "../../lib/program/version.ts";
import { failureText } from "../../lib/way/own-answer.ts";
import { skewOf } from "../../lib/words/version-skew.ts";
import { duration } from "../line/flags.ts";
import { exitCodes } from "../problems/exit.ts";
import type { Context } from "../server/context.ts";
import { wayOf } from "../server/transport.ts";
import { command } from "../shared/command.ts";
import { enumText } from "../terminal/words.ts";
import { roleText } from "./login.ts";

const probe = { pieces: 5, pauseMs: 100 };
const soonMs = 14 * 86_400_000;

export const doctor = command({
  name: "doctor",
  summary: "Check the way from here to the server, and the token",
  examples: ["windlass doctor", "windlass doctor --idle 60s", "windlass doctor -o json"],
  flags: {
    idle: duration("also look for a proxy that ends streams which are silent for so long", { placeholder: "TIME" }),
  },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { flags }) => {
    const checks = await examine(context, flags.idle ?? 0);
    await context.printer.plain(
      checks.map(({ id, status, detail, fix }) => ({ id, status, detail, fix })),
      checkLines(checks),
    );
    return isHealthy(checks) ? exitCodes.done : exitCodes.failed;
  },
});

async function examine(context: Context, idleMs: number): Promise<readonly Check[]> {
  const file = await attempt("config-file", "see windlass context show --origin", () => configFile(context));
  if (file.status === "fail") return [file];
  const connection = await context.connection();
  const { clock } = context.io;
  const each = await checkEach(connection.addresses, async (address) => {
    const network = await checkNetwork(await wayOf(connection, address, clock));
    if (!isHealthy(network)) return [...network, ...untried];
    using alone = await context.withAddress(address);
    return [...network, ...(await calls(alone, idleMs))];
  });
  return [file, ...each];
}

const untried = ["health", "version", "clock", "token", "stream", ...streamCheckIds].map((id) => skip(id, "not tried"));

async function configFile(context: Context): Promise<Check> {
  const { configPath, address, warnings, contextName } = await context.connection();
  const found = await stat(configPath.value).catch(() => undefined);
  if (found === undefined) return ok("config-file", `none; server ${address.value} from ${address.origin}`);
  const [warning] = warnings;
  if (warning !== undefined) return warn("config-file", warning, `chmod 600 ${configPath.value}`);
  const mode = (found.mode & 0o777).toString(8);
  return ok("config-file", `${configPath.value} (mode ${mode}), context ${contextName.value ?? "none"}`);
}

async function calls(context: Context, idleMs: number): Promise<readonly Check[]> {
  const health = await attempt("health", "see the server's log", () => serving(context));
  const system = await context.publicClient(SystemService);
  let info: GetServerInfoResponse;
  try {
    info = await system.getServerInfo({});
  } catch (error) {
    return [health, fail("version", failureText(error), "is this a Windlass server?"), ...untried.slice(2)];
  }
  const { serverTime } = info;
  return [
    health,
    judgeVersion(info.version),
    serverTime === undefined
      ? skip("clock", "the server does not tell its time")
      : judgeClock(context.io.clock.now(), timestampDate(serverTime)),
    await token(context).catch((error: unknown) => tokenFailure(error, "log in again: windlass login")),
    await attempt("stream", "let the proxy pass streams through", () => stream(context)),
    ...(await checkStreams({ client: await context.client(SystemService), clock: context.io.clock, idleMs })),
  ];
}

async function serving(context: Context): Promise<Check> {
  const { status } = await (await context.publicClient(Health)).check({});
  if (status === Serving.SERVING) return ok("health", "SERVING");
  return fail("health", enumText(Serving, status), "wait, or see the server's log");
}

function judgeVersion(server: string): Check {
  const seen = `windlass ${version}, windlassd ${server}`;
  const { fix } = skewOf(version, server);
  return fix === "" ? ok("version", seen) : warn("version", seen, fix);
}

async function token(context: Context): Promise<Check> {
  const who: WhoAmIResponse = await (await context.client(SystemService)).whoAmI({});
  const seen = `${who.name || who.id}, ${roleText(who)}`;
  if (who.expireTime === undefined) return ok("token", `${seen}, does not expire`);
  const ends = timestampDate(who.expireTime);
  const until = `${seen}, until ${ends.toISOString().slice(0, 16)}Z`;
  const isSoon = ends.getTime() - context.io.clock.now().getTime() < soonMs;
  return isSoon ? warn("token", until, `windlass apikey rotate ${who.id}`) : ok("token", until);
}

async function stream(context: Context): Promise<Check> {
  const client = await context.client(SystemService);
  const startedMs = context.io.clock.monotonicMs();
  const arrivals: number[] = [];
  for await (const _piece of client.streamProbe({ pieces: probe.pieces, pieceBytes: 1024 })) {
    arrivals.push(context.io.clock.monotonicMs() - startedMs);
  }
  return judgeStream(arrivals, probe.pauseMs);
}
