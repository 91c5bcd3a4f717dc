import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import { defaultConnectionLimits } from "../../src/http/connections.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { until } from "../support/until.ts";
import { newWorkspace } from "../support/wanted.ts";

let tfe: TestTfe;
let opened: DisposableStack;
beforeEach(async () => {
  opened = new DisposableStack();
  tfe = await openTestTfe({ connectionLimits: { ...defaultConnectionLimits, maxStrangers: 1 } });
});
afterEach(async () => {
  opened.dispose();
  await tfe[Symbol.asyncDispose]();
});

async function connected(): Promise<Socket> {
  const socket = opened.adopt(connect(Number(new URL(tfe.url).port), "127.0.0.1"), (one) => one.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Asks over a connection that stays open, and answers the status. */
async function asked(socket: Socket, method: string, url: string): Promise<number> {
  let seen = "";
  const listener = (bytes: Buffer) => {
    seen += bytes;
  };
  socket.on("data", listener);
  socket.write(`${method} ${new URL(url).pathname} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`);
  const status = await until("an answer", () => /^HTTP\/1.1 (\d+) /.exec(seen)?.[1]);
  socket.off("data", listener);
  return Number(status);
}

test("who has the URL of an object is no stranger, and others of its address do not push it out", async () => {
  const { workspace } = await createWorkspace(tfe.control, tfe.as("owner"), newWorkspace("net"));
  const path = `/workspaces/${toTfeId(workspace.id)}`;
  await tfe.call("POST", `${path}/actions/lock`);
  const wish = resourceBody("state-versions", { serial: 1, md5: "0".repeat(32) });
  const { attributes } = (await tfe.call("POST", `${path}/state-versions`, wish)).document.data;
  const url = attributes["hosted-json-state-upload-url"];
  const known = await connected();
  expect(await asked(known, "PUT", url)).toBe(200);
  const stranger = await connected();
  expect(await asked(stranger, "PUT", `${url}x`)).toBe(404);
  await connected();
  await until("the stranger has made room", () => stranger.destroyed);
  expect(await asked(known, "PUT", url)).toBe(200);
});
