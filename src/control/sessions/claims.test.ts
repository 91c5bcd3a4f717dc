import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Job } from "../../domain/runs/job.ts";
import { LogChunkSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { AppendResult } from "../../store/ports/logs.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { SessionClaims } from "./claims.ts";
import type { Outgoing } from "./hearing.ts";

const pieceBytes = 64 * 1024;
const agentId = "agent_one" as const;

interface HeldAppend {
  readonly offset: number;
  readonly store: () => void;
}

let fixture: TestControl;
let job: Job;
let appends: HeldAppend[];
let sent: Outgoing[];
let claims: SessionClaims;

beforeEach(async () => {
  fixture = await openTestControl();
  const { workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("dns"));
  job = jobRow(runRow(workspace, { status: "planning" }), { status: "started", epoch: 1, attempt: 1, agentId });
  [appends, sent] = [[], []];
  const append = (_: string, offset: number, bytes: Uint8Array) =>
    new Promise<AppendResult>((resolve) => {
      const result = { kind: "appended", nextOffset: offset + bytes.length, addedBytes: bytes.length } as const;
      appends.push({ offset, store: () => resolve(result) });
    });
  const control = { ...fixture.control, logs: { ...fixture.control.logs, append } };
  const host = { agentId, incarnation: "", send: (message: Outgoing) => void sent.push(message) };
  claims = new SessionClaims(control, { ...host, mayStart: () => true, onFree: () => {} }, [{ job, isRunning: true }]);
});
afterEach(() => fixture[Symbol.asyncDispose]());

const say = (index: number) => {
  const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
  const chunk = new Uint8Array(pieceBytes);
  return claims.log(create(LogChunkSchema, { claim, offset: BigInt(index * pieceBytes), chunk }));
};

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
const acks = () => sent.flatMap(({ case: kind, value }) => (kind === "logAck" ? [Number(value.nextOffset)] : []));

test("pieces that become durable together are acknowledged once", async () => {
  const saying = [0, 1, 2, 3].map(say);
  for (const { store } of appends) store();
  await Promise.all(saying);
  await nextTurn();
  expect(acks()).toEqual([4 * pieceBytes]);
});

test("nothing is acknowledged before it is durable", async () => {
  const saying = [0, 1].map(say);
  appends[0]?.store();
  await saying[0];
  await nextTurn();
  expect(acks()).toEqual([pieceBytes]);
});

test("log.window: an acknowledgement tells the window of those who send", async () => {
  for (let index = 0; index < 19; index++) fixture.control.logWindows.note(`agt_${index}`, pieceBytes);
  const saying = say(0);
  appends[0]?.store();
  await saying;
  await nextTurn();
  expect(sent).toMatchObject([{ case: "logAck", value: { windowBytes: BigInt(6 * pieceBytes) } }]);
});

test("what an agent sends far beyond its window is dropped while nothing of it is stored, and taken again later", async () => {
  const fits = (2 * fixture.control.limits.logWindowBytes) / pieceBytes + 1;
  const saying = Array.from({ length: fits + 9 }, (_, index) => say(index));
  expect(appends).toHaveLength(fits);
  for (const { store } of appends) store();
  await Promise.all(saying);
  await nextTurn();
  expect(acks()).toEqual([fits * pieceBytes]);
  void say(fits);
  expect(appends).toHaveLength(fits + 1);
});
