import type { Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Id, newId } from "../../src/lib/words/ids.ts";
import { sendConfiguration } from "../../web/src/upload/send.ts";
import { refusalOf } from "../support/api.ts";
import { entry, noise, tar } from "../support/archive.ts";
import * as rows from "../support/store/rows.ts";
import { openTestWeb, type TestWeb } from "../support/web.ts";

let web: TestWeb;
let workspace: Id<"ws">;
const cookies: Record<string, string> = {};
beforeAll(async () => {
  web = await openTestWeb();
  const { control, organization } = web;
  workspace = newId("ws", control.random);
  const row = rows.workspace({ organizationId: organization.id, id: workspace, name: "network" });
  await control.store.write((tx) => tx.workspaces.insert(row));
  for (const role of ["planner", "reader"] as const) cookies[role] = await web.signIn((await web.key(role)).secret);
  cookies.sibling = await web.signIn((await web.key("owner", web.sibling.id)).secret);
});
afterAll(() => web[Symbol.asyncDispose]());

const never = new AbortController().signal;
const archiveOf = (bytes: number, seed: number) =>
  new Blob([tar(entry({ name: "main.tf", body: "" }), entry({ name: "large", body: noise(bytes, seed) }))]);

interface Page {
  readonly who: string;
  readonly origin?: string;
  /** Sees each call before it is made. */
  readonly before?: (method: string) => void;
}

/** Sends as a page of the UI does, with the cookie that its browser has. */
function send(archive: Blob, { who, origin = web.url, before = () => {} }: Page, signal = never) {
  const asPage: Interceptor = (next) => (request) => {
    before(request.method.name);
    request.header.set("cookie", cookies[who] ?? "");
    request.header.set("origin", origin);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: web.url, httpVersion: "1.1", interceptors: [asPage] });
  const sent: number[] = [];
  const sending = { organization: "", workspace, archive, onSent: (bytes: number) => sent.push(bytes) };
  return { sent, version: sendConfiguration(transport, sending, signal) };
}

test("an archive that is sent by a browser becomes a configuration", async () => {
  const archive = archiveOf(1_000_000, 1);
  const { sent, version } = send(archive, { who: "planner" });
  expect(await version).toMatchObject({ workspace: "network", fileCount: 2, sizeBytes: BigInt(archive.size) });
  expect([sent.at(0), sent.at(-1)]).toEqual([0, archive.size]);
  expect(sent).toEqual(sent.toSorted((a, b) => a - b));
  expect(sent.length).toBeGreaterThan(3);
});

test("what the server has already is not sent again", async () => {
  const archive = archiveOf(1_000_000, 2);
  const ending = new AbortController();
  let calls = 0;
  const before = () => {
    calls += 1;
    if (calls > 4) ending.abort();
  };
  const first = send(archive, { who: "planner", before }, ending.signal);
  await expect(first.version).rejects.toThrow();
  const second = send(archive, { who: "planner" });
  await second.version;
  expect(second.sent[0]).toBeGreaterThan(0);
});

test("a part that nobody answers is sent again, and what was refused is not", async () => {
  let made = 0;
  const before = () => {
    made += 1;
    if (made === 2) throw new TypeError("Failed to fetch");
  };
  await send(archiveOf(600_000, 3), { who: "planner", before }).version;
  const calls: string[] = [];
  const asReader = send(archiveOf(1000, 4), { who: "reader", before: (method) => calls.push(method) });
  expect(await refusalOf(asReader.version)).toMatchObject({ reason: "PERMISSION_DENIED" });
  expect(calls).toEqual(["UploadPart"]);
});

test("it is refused from another page, from another organization, and when it is no archive", async () => {
  const archive = archiveOf(1000, 5);
  const elsewhere = send(archive, { who: "planner", origin: "https://elsewhere.example" });
  expect(await refusalOf(elsewhere.version)).toMatchObject({ code: "PermissionDenied" });
  expect(await refusalOf(send(archive, { who: "sibling" }).version)).toMatchObject({ reason: "NOT_FOUND" });
  const text = new Blob(["no archive"]);
  expect(await refusalOf(send(text, { who: "planner" }).version)).toMatchObject({ reason: "ARCHIVE_REJECTED" });
});
