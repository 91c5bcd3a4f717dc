import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Dialer } from "./dialer.ts";
import { wayTo } from "./way.ts";

let held: AsyncDisposableStack;
let url = "";
beforeEach(async () => {
  held = new AsyncDisposableStack();
  const server = createServer((socket) => void held.defer(() => void socket.destroy()));
  await once(server.listen(0, "127.0.0.1"), "listening");
  held.defer(() => void server.close());
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => held.disposeAsync());

async function opened(): Promise<Dialer> {
  const dialer = new Dialer(wayTo(url, {}));
  const socket = await dialer.dial();
  held.defer(() => void socket.destroy());
  return dialer;
}

test("a connection on which nothing was heard is why there is none, also when another attempt has begun since", async () => {
  const dialer = await opened();
  expect(dialer.whyNone(new Error("Protocol error"))?.fault.kind).toBe("not_plain");
  const again = dialer.dial();
  expect(dialer.whyNone(new Error("Protocol error"))?.fault.kind).toBe("not_plain");
  (await again).destroy();
});

test("once the server was heard, nothing is known of why it is not", async () => {
  const dialer = await opened();
  dialer.spoken();
  expect(dialer.whyNone(new Error("read ECONNRESET"))).toBeUndefined();
  expect(dialer.whyLate()).toBeUndefined();
});

test("what came too late is told by the step that was under way", async () => {
  const dialer = await opened();
  expect(dialer.whyLate()?.message).toBe(`${url} was not reached in time: HTTP/2 has not begun yet`);
  const again = dialer.dial();
  expect(dialer.whyLate()?.message).toBe(
    `${url} was not reached in time: the resolver of this machine has not found the name yet`,
  );
  (await again).destroy();
});

test("a closed dialer opens nothing more", async () => {
  const dialer = await opened();
  dialer.close();
  await expect(dialer.dial()).rejects.toThrow("not wanted any more");
});
