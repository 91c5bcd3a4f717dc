import { FleetAgent } from "./fleet-agent.ts";
import { logPiece } from "./log-piece.ts";

/** Many simulated agents in one process, each on a connection of its own: `fleet-agents.ts URL COUNT LOG_BYTES [hold]`, the token in FLEET_TOKEN. */

/** A run and when it was granted, in milliseconds since 1970. */
export type Grant = readonly [string, number];

/** What the fleet tells its parent: what happens often, together. */
export type FleetNews =
  | { readonly kind: "all-connected" }
  | { readonly kind: "heartbeats"; readonly ms: readonly number[] }
  | { readonly kind: "jobs"; readonly granted: readonly Grant[]; readonly sealed: number; readonly lastAtMs: number }
  | { readonly kind: "logged"; readonly fromMs: number; readonly toMs: number; readonly ackMs: readonly number[] };

/** What it is asked: the heartbeats since the last time, to begin with the logs, or to answer the offers it holds. */
export type FleetWish = { readonly kind: "heartbeats" | "logs" | "starts" };

const [url = "", count = "0", logBytes = "0", hold = ""] = process.argv.slice(2);
const tellEveryMs = 10;

const tell = (news: FleetNews): void => void process.send?.(news);
const [logs, starts] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
if (hold === "") starts.resolve();
let connected = 0;
let beats: number[] = [];
let granted: Grant[] = [];
let [sealed, lastAtMs] = [0, 0];
let isTelling = false;

function tellSoon(): void {
  if (isTelling) return;
  isTelling = true;
  setTimeout(() => {
    isTelling = false;
    tell({ kind: "jobs", granted, sealed, lastAtMs });
    [granted, sealed] = [[], 0];
  }, tellEveryMs);
}

const orders = {
  ...{
    url,
    token: process.env.FLEET_TOKEN ?? "",
    logBytes: Number(logBytes),
    piece: logPiece(),
    logGo: logs.promise,
    startGo: starts.promise,
  },
  heard: {
    connected: (by: 1 | -1) => {
      connected += by;
      if (by === 1 && connected === Number(count)) tell({ kind: "all-connected" });
    },
    heartbeat: (ms: number) => void beats.push(ms),
    granted: (runId: string, atMs: number) => {
      granted.push([runId, atMs]);
      tellSoon();
    },
    sealed: () => {
      sealed += 1;
      lastAtMs = performance.timeOrigin + performance.now();
      tellSoon();
    },
    logged: (log: Omit<Extract<FleetNews, { kind: "logged" }>, "kind">) => tell({ kind: "logged", ...log }),
  },
};

process.on("message", ({ kind }: FleetWish) => {
  if (kind === "logs") logs.resolve();
  else if (kind === "starts") starts.resolve();
  else {
    tell({ kind: "heartbeats", ms: beats });
    beats = [];
  }
});
process.on("disconnect", () => process.exit(0));
for (let i = 1; i <= Number(count); i++) void new FleetAgent(`fleet-${i}`, orders).live();
