import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { connectFirst } from "./tcp.ts";

const patience = { clock: systemClock, stepMs: 5_000, signal: new AbortController().signal };

test("the first address that takes a connection is used, whatever became of the others", async () => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const hop = { host: "tf.windlass.test", port, name: "https://tf.windlass.test", isProxy: false };
  for (const addresses of [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], ["::1", "127.0.0.2", "127.0.0.1"]]) {
    const socket = await connectFirst(hop, addresses, patience);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.destroy();
  }
  server.close();
});

test("when none does, a refusal is told before a missing route", async () => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const hop = { host: "tf.windlass.test", port, name: "https://tf.windlass.test", isProxy: false };
  await expect(connectFirst(hop, ["::1", "127.0.0.1"], patience)).rejects.toMatchObject({
    fault: { kind: "refused", what: "no server answers at https://tf.windlass.test: the connection was refused" },
  });
});
