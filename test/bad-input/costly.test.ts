import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Principal } from "../../src/domain/people/principal.ts";
import { Readiness } from "../../src/http/readiness.ts";
import { nameOf } from "../../src/rpc/bodies/admission.ts";
import { requestLimits } from "../../src/rpc/bodies/request-limits.ts";
import { gateFor, interceptorsFor } from "../../src/rpc/interceptors.ts";
import type { Row } from "../authorization/row.ts";
import { matrix } from "../authorization/rows/index.ts";
import { type CostlyBody, costlyBodies, largestLegal } from "../support/costly-bodies.ts";
import { type Listener, listen } from "../support/listen.ts";
import { ours, useBench } from "./bench.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bench = useBench();
let listener: Listener;
let session: ClientHttp2Session;

beforeAll(async () => {
  const { control, routes, callers } = bench.world;
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: control.log },
    ...{ interceptors: interceptorsFor(control, callers), gate: gateFor(control, callers) },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  session = connect(listener.url);
});
afterAll(async () => {
  session.destroy();
  await listener.close(0);
});

/** Somebody who may make the call. */
const callerOf = ({ admits }: Row): string =>
  typeof admits === "string" ? bench.world.credentials["site admin"] : bench.world.credentials[admits[0] ?? "nobody"];

/** The same, as the server knows it. */
function principalOf({ method, admits }: Row): Principal {
  if (typeof admits === "string") {
    return { kind: "api_key", id: "key_1", name: "a", role: "site_admin", organizationId: null };
  }
  if (method.methodKind === "bidi_streaming") return { kind: "agent_session", agentId: "agent_1" };
  return { kind: "agent_token", id: "atok_1", poolId: "apool_1", organizationId: "org_1" };
}

/** Sends a request, and answers all that comes back of words. */
async function answerTo(method: DescMethod, token: string, { headers, body }: CostlyBody): Promise<string> {
  const path = `/${method.parent.typeName}/${method.name}`;
  const authorization = `Bearer ${token}`;
  const stream = session.request({ ":method": "POST", ":path": path, authorization, ...headers });
  const words: string[] = [];
  const note = (found: object) => words.push(decodeURIComponent(JSON.stringify(found)));
  stream
    .on("response", note)
    .on("trailers", note)
    .on("data", (piece: Buffer) => words.push(piece.toString("latin1")));
  stream.on("error", () => {});
  stream.end(body);
  await once(stream, "close");
  return words.join("");
}

const refusal = /holds more than \d+ values|may have \d+ bytes|nested \d+ levels deep/;

describe("a request that would cost much to read is refused before it is decoded", () => {
  test.each(matrix.map((row) => [nameOf(row.method), row] as const))("%s", async (_name, row) => {
    const { maxBytes } = requestLimits(row.method, principalOf(row));
    const wrong: string[] = [];
    for (const bytes of [maxBytes - 64, 4 * 1024 * 1024]) {
      for (const body of costlyBodies(row.method, bytes)) {
        const answer = await answerTo(row.method, callerOf(row), body);
        if (!refusal.test(answer)) wrong.push(`${body.what} of ${bytes} bytes: ${answer.slice(0, 300)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

test("every legal request may be sent; of long values as many as fit", () => {
  const over = ours.filter(
    (row) => largestLegal(row.method.input) > requestLimits(row.method, principalOf(row)).maxBytes,
  );
  expect(over.map(({ method }) => method.name)).toEqual([
    "SetVariables",
    "CreateRun",
    "CheckRun",
    "Session",
    "UploadPlan",
  ]);
});

test("a role that does not allow a large request may send no more than others", () => {
  const reader = { kind: "api_key", id: "key_1", name: "a", role: "reader", organizationId: null } as const;
  for (const { method, admits } of ours) {
    if (admits !== "people" || method.methodKind === "client_streaming") continue;
    expect([method.name, requestLimits(method, reader).maxBytes]).toEqual([method.name, 64 * 1024]);
  }
});
