import { setTimeout as pause } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { ConfigurationService } from "../../src/gen/windlass/v1/configuration_service_pb.ts";
import { RunPhase, RunState, RunStateSchema } from "../../src/gen/windlass/v1/run_pb.ts";
import { StateService } from "../../src/gen/windlass/v1/state_service_pb.ts";
import { Role } from "../../src/gen/windlass/v1/system_service_pb.ts";
import { http2Types, partings, uploadAndPart, uploadOverHttp1 } from "../../test/support/rude-upload.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import { comeAndLeave, type Leaving } from "./churn.ts";

/** What a load needs to be there. */
export interface Place {
  readonly scene: Scene;
  readonly server: TestServer;
  readonly workspaces: readonly string[];
  /** Of agents that take no jobs. */
  readonly churnToken: string;
  readonly readerKey: string;
}

/** Who may look and nothing else: its uploads are refused. */
export const readerKey = async ({ api }: TestServer): Promise<string> =>
  (await api.clients.apiKeys.createApiKey({ organization: "default", name: "reader", role: Role.READER })).secret;

/** What was done, and how often. */
export class Tally {
  readonly counts = new Map<string, number>();
  /** What honest callers were refused. */
  readonly failures: string[] = [];

  add(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

const leavings: readonly Leaving[] = ["good-bye", "vanishes", "never comes", "good-bye", "vanishes"];
const junk = new Uint8Array(480 * 1024).fill(7);

/** Loads a server until the signal is aborted; settles once everything that was begun is over. */
export async function loadUntil(place: Place, tally: Tally, signal: AbortSignal): Promise<void> {
  const { server, scene, workspaces, churnToken } = place;
  const { api } = server;
  let lastRun: string | undefined;
  let turn = 0;

  const honest = workspaces.map((workspace) => async () => {
    const planOnly = turn++ % 4 === 0;
    const id = await api.start(workspace, planOnly ? { planOnly } : { autoApply: true });
    lastRun = id;
    const { state, errorMessage } = await api.ended(id, { deadlineMs: 120_000, everyMs: 150 });
    tally.add("runs");
    if (state !== RunState.APPLIED && state !== RunState.PLANNED_AND_FINISHED)
      tally.failures.push(`run ${id} ended as ${RunStateSchema.value[state]?.localName}: ${errorMessage}`);
  });
  const aborted = async (what: string, open: (options: { signal: AbortSignal }) => AsyncIterable<unknown>) => {
    const cut = AbortSignal.timeout(200 + ((turn++ * 137) % 1_500));
    await drained(open({ signal: cut }));
    tally.add(what);
  };
  const rude: readonly (readonly [everyMs: number, deed: () => Promise<unknown>])[] = [
    [150, async () => refusedUpload(place, turn++).then(() => tally.add("refused uploads"))],
    [
      400,
      async () => {
        const leaving = leavings[turn++ % leavings.length] ?? "good-bye";
        await comeAndLeave({ url: server.url, token: churnToken }, { leaving, stayMs: 300 });
        tally.add(`agents: ${leaving}`);
      },
    ],
    [500, () => wrongToken(server).then(() => tally.add("bad tokens"))],
    [700, () => refusedCall(place).then(() => tally.add("refused calls"))],
    [
      300,
      async () => {
        const runId = lastRun;
        if (runId === undefined) return;
        const follow = { runId, phase: RunPhase.PLAN, follow: true };
        await aborted("followers", (options) => api.clients.runs.streamRunLogs(follow, options));
      },
    ],
    [500, () => aborted("watches", (options) => api.clients.agents.watchAgents({}, options))],
    [
      10_000,
      async () => {
        const { code, stderr } = await scene.cli(server, ["run", "list"]);
        tally.add("CLI calls");
        if (code !== 0) tally.failures.push(`windlass run list ended with ${code}: ${stderr}`);
      },
    ],
  ];
  const loops = [...honest.map((deed) => [50, deed] as const), ...rude];
  await Promise.all(loops.map(([everyMs, deed]) => repeated(deed, { everyMs, tally }, signal)));
}

async function repeated(
  deed: () => Promise<unknown>,
  { everyMs, tally }: { readonly everyMs: number; readonly tally: Tally },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await deed().catch((error: unknown) => void tally.failures.push(String(error)));
    await pause(everyMs, undefined, { signal }).catch(() => {});
  }
}

/** Reads a stream to its end, which is mostly that its reader has gone. */
async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of stream);
  } catch {
    // Cut by ourselves.
  }
}

/** A file that nothing can be made of, by somebody who may or may not upload, over each protocol, left in each way. */
async function refusedUpload({ server, readerKey: token }: Place, turn: number): Promise<void> {
  const [method] =
    turn % 2 === 0 ? [ConfigurationService.method.uploadConfiguration] : [StateService.method.uploadState];
  const header = { workspace: "none", sizeBytes: BigInt(junk.length), sha256: "0".repeat(64) };
  const messages = [
    ...[{ case: "header", value: header } as const, { case: "chunk", value: junk } as const].map((part) =>
      create(method.input, { part } as never),
    ),
  ];
  const upload = { url: server.url, method, token, messages };
  if (turn % 5 === 0) return void (await uploadOverHttp1(upload));
  const parting = partings[Math.floor(turn / 2) % partings.length] ?? partings[0];
  await uploadAndPart({ ...upload, type: http2Types[turn % http2Types.length] ?? http2Types[0] }, parting);
}

const wrongToken = (server: TestServer) => called(server, "AgentPoolService/ListAgentPools", "wdl_usr_nonsense");
const refusedCall = ({ server, readerKey: token }: Place) => called(server, "WorkspaceService/DeleteWorkspace", token);

async function called({ url }: TestServer, method: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", connection: "close" };
  const answer = await fetch(`${url}/windlass.v1.${method}`, { method: "POST", headers, body: "{}" });
  await answer.text();
  if (answer.ok) throw new Error(`${method} was expected to be refused`);
}
