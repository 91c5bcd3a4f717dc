import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import { entry, tar } from "../support/archive.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { until } from "../support/until.ts";
import { newWorkspace } from "../support/wanted.ts";

const mib = 1024 * 1024;

let tfe: TestTfe;
let path: string;
let foreignPath: string;
let opened: DisposableStack;
beforeEach(async () => {
  opened = new DisposableStack();
  tfe = await openTestTfe({ limits: { maxStateBytes: mib, maxConfigurationBytes: mib } });
  const { workspace } = await createWorkspace(tfe.control, tfe.as("owner"), newWorkspace("net"));
  path = `/workspaces/${toTfeId(workspace.id)}`;
  const foreign = await tfe.call(
    "POST",
    `/organizations/${tfe.sibling.name}/workspaces`,
    resourceBody("workspaces", { name: "net" }),
    { token: tfe.keys.siblingOwner },
  );
  foreignPath = `/workspaces/${foreign.document.data.id}`;
  await tfe.call("POST", `${path}/actions/lock`);
  await tfe.call("POST", `${foreignPath}/actions/lock`, undefined, { token: tfe.keys.siblingOwner });
});
afterEach(async () => {
  opened.dispose();
  await tfe[Symbol.asyncDispose]();
});

const state = JSON.stringify({
  version: 4,
  terraform_version: "1.11.4",
  serial: 1,
  lineage: "383ab4a3-288d-cf82-c0ce-211c8ef44354",
  outputs: {},
  resources: [],
});
const named = { serial: 1, md5: createHash("md5").update(state).digest("hex") };
const announce = async () => tfe.call("POST", `${path}/state-versions`, resourceBody("state-versions", named));
const pending = (attributes = {}) =>
  tfe.call(
    "POST",
    `${path}/configuration-versions`,
    resourceBody("configuration-versions", { "auto-queue-runs": false, ...attributes }),
  );
/** URLs of a configuration, of a state and of its form for programs. */
async function uploadUrls(): Promise<Readonly<Record<"configuration" | "state" | "json-state", string>>> {
  const { attributes } = (await announce()).document.data;
  return {
    configuration: (await pending()).document.data.attributes["upload-url"],
    state: attributes["hosted-state-upload-url"],
    "json-state": attributes["hosted-json-state-upload-url"],
  };
}

interface Sender {
  readonly socket: Socket;
  /** What was answered so far. */
  answer(): string;
}

/** Begins a request of which nothing comes but what the test writes. */
async function begin(method: string, url: string, length: number, token = ""): Promise<Sender> {
  const { hostname, port, pathname } = new URL(url);
  const socket = opened.adopt(connect(Number(port), hostname), (one) => one.destroy());
  let seen = "";
  socket.on("data", (bytes) => {
    seen += bytes;
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  const head = [`${method} ${pathname} HTTP/1.1`, "host: localhost", `content-length: ${length}`];
  socket.write(`${[...head, ...(token === "" ? [] : [`authorization: Bearer ${token}`])].join("\r\n")}\r\n\r\nx`);
  return { socket, answer: () => seen };
}

const objects = ["configuration", "state", "json-state"] as const;

describe("an upload", () => {
  test.each(objects)("of a gigabyte is refused before it comes, and nothing of it is kept: %s", async (kind) => {
    const before = await tfe.control.blobs.usage();
    const { answer } = await begin("PUT", (await uploadUrls())[kind], 1024 * mib);
    await until("it is refused", () => answer().startsWith("HTTP/1.1 413 "));
    expect(await tfe.control.blobs.usage()).toEqual(before);
  });

  test.each(objects)("whose sender hardly sends is refused in time, while others go on: %s", async (kind) => {
    const before = await tfe.control.blobs.usage();
    const { answer, socket } = await begin("PUT", (await uploadUrls())[kind], 100_000);
    await until("it waits for its sender", () => tfe.clock.sleeping > 0);
    const beganMs = tfe.clock.monotonicMs();
    await until("it is refused", async () => {
      await tfe.clock.advance(1_000);
      socket.write("x");
      return answer().startsWith("HTTP/1.1 400 ");
    });
    expect(tfe.clock.monotonicMs() - beganMs).toBeLessThan(60_000);
    expect(answer()).toContain("came too slowly");
    expect((await tfe.call("GET", path)).status).toBe(200);
    expect(await tfe.control.blobs.usage()).toEqual(before);
  });

  test.each(objects)("that vanishes halfway leaves nothing, and may be sent again: %s", async (kind) => {
    const before = await tfe.control.blobs.usage();
    const url = (await uploadUrls())[kind];
    const body = kind === "configuration" ? tar(entry({ name: "main.tf", body: "#\n" })) : Buffer.from(state);
    const session = opened.adopt(connectHttp2(tfe.url), (one) => one.destroy());
    session.on("error", () => {});
    const stream: ClientHttp2Stream = session.request({
      ...{ ":method": "PUT", ":path": new URL(url).pathname, "content-length": body.length },
    });
    stream.on("error", () => {});
    stream.write(body.subarray(0, 20));
    await until("some of it has come", () => tfe.clock.sleeping > 0);
    stream.close(8);
    await once(stream, "close");
    await until("it is over", () => tfe.clock.sleeping === 0);
    expect(await tfe.control.blobs.usage()).toEqual(before);
    expect((await tfe.call("PUT", url, body, { token: null })).status).toBe(200);
  });

  test("comes several times at once under one URL, and one of them is kept whole", async () => {
    const { configuration, state: stateUrl } = await uploadUrls();
    const archives = [1, 2, 3, 4].map((number) => tar(entry({ name: "main.tf", body: `# ${number}\n` })));
    const answers = await Promise.all(
      archives.map((archive) => tfe.call("PUT", configuration, archive, { token: null })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { id } = (await tfe.call("GET", `${path}/configuration-versions`)).document.data[0];
    const kept = (await tfe.call("GET", `/configuration-versions/${id}/download`)).bytes;
    expect(archives.filter((archive) => archive.equals(kept))).toHaveLength(1);
    const states = await Promise.all([1, 2, 3].map(() => tfe.call("PUT", stateUrl, state, { token: null })));
    expect(states.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(states.filter(({ status }) => ![200, 404, 409].includes(status))).toEqual([]);
  });
});

describe("a document", () => {
  test("that hardly comes is refused in time, a large one too, and keeps no other organization waiting", async () => {
    const address = `${tfe.url}/api/v2${path}/state-versions`;
    const { operator, owner } = tfe.keys;
    const large = [await begin("POST", address, 32 * mib, operator), await begin("POST", address, 32 * mib, owner)];
    const small = await begin("POST", `${tfe.url}/api/v2/runs`, 1_000, operator);
    await until("they wait", () => tfe.clock.sleeping >= 3);
    const body = resourceBody("state-versions", { ...named, state: "A".repeat(2 * mib) });
    const other = await tfe.call("POST", `${foreignPath}/state-versions`, body, { token: tfe.keys.siblingOwner });
    expect(other.status).toBe(413);
    await tfe.clock.advance(30_000);
    await until("the small one is refused", () => small.answer().startsWith("HTTP/1.1 400 "));
    await until(
      "the second large one does not get its turn",
      () => large[1]?.answer().startsWith("HTTP/1.1 429 ") ?? false,
    );
    await tfe.clock.advance(90_000);
    await until("the large one is refused", () => large[0]?.answer().startsWith("HTTP/1.1 400 ") ?? false);
  });
});

describe("what is announced", () => {
  test("states are awaited in a bounded number, and one that comes makes room", async () => {
    const made = [];
    for (let number = 0; number < 20; number++) made.push(await announce());
    expect(made.map(({ status }) => status)).toEqual(Array(20).fill(201));
    const refused = await announce();
    expect([refused.status, refused.document.errors[0].detail]).toEqual([
      422,
      expect.stringContaining('workspace "net" awaits 20 states that were announced and did not come'),
    ]);
    await tfe.clock.advance(1);
    const url = made.at(-1)?.document.data.attributes["hosted-state-upload-url"];
    expect((await tfe.call("PUT", url, state, { token: null })).status).toBe(200);
    const next = { ...named, serial: 2 };
    const after = await tfe.call("POST", `${path}/state-versions`, resourceBody("state-versions", next));
    expect(after.status).toBe(201);
    // What cannot come any more is forgotten.
    expect((await tfe.call("GET", `/state-versions/${made[0]?.document.data.id}`)).status).toBe(404);
  });

  test("configurations wait in a bounded number, and one that comes makes room", async () => {
    const made = await Promise.all(Array.from({ length: 100 }, () => pending()));
    expect(new Set(made.map(({ status }) => status))).toEqual(new Set([201]));
    const refused = await pending({ speculative: true });
    expect([refused.status, refused.document.errors[0].detail]).toEqual([
      422,
      expect.stringContaining('workspace "net" has 100 configuration versions that wait for their archives'),
    ]);
    const url = made[0]?.document.data.attributes["upload-url"];
    const archive = tar(entry({ name: "main.tf", body: "#\n" }));
    expect((await tfe.call("PUT", url, archive, { token: null })).status).toBe(200);
    expect((await pending()).status).toBe(201);
  });
});
