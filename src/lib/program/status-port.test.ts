import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStatusPort, type StatusPort } from "./status-port.ts";

let port: StatusPort;
let notReady: string | undefined;
let metrics: () => Promise<string>;

beforeAll(async () => {
  port = await openStatusPort({ host: "127.0.0.1", port: 0 }, { metrics: () => metrics(), notReady: () => notReady });
});
afterAll(() => port[Symbol.asyncDispose]());

const ask = (path: string, method = "GET") =>
  new Promise<{ status: number | undefined; type: string | undefined; text: string }>((resolve, reject) => {
    const call = request(`${port.url}${path}`, { method }, (response) => {
      let text = "";
      response.on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode, type: response.headers["content-type"], text }));
    });
    call.on("error", reject);
    call.end();
  });

describe("what a program tells those who watch over it", () => {
  test("that it lives, whether it can work or not", async () => {
    for (const why of [undefined, "not connected"]) {
      notReady = why;
      expect(await ask("/healthz")).toMatchObject({ status: 200, text: "ok\n" });
    }
  });

  test("whether it can do its work, and if not, why", async () => {
    notReady = undefined;
    expect(await ask("/readyz")).toMatchObject({ status: 200, text: "ok\n" });
    notReady = "it is not connected";
    expect(await ask("/readyz")).toMatchObject({ status: 503, text: "it is not connected\n" });
    expect(await ask("/readyz?verbose=1")).toMatchObject({ status: 503 });
  });

  test("its metrics, in the form that Prometheus reads", async () => {
    metrics = async () => "jobs 1\n";
    expect(await ask("/metrics")).toEqual({
      ...{ status: 200, type: "text/plain; version=0.0.4; charset=utf-8", text: "jobs 1\n" },
    });
  });

  test("that its metrics cannot be had, instead of hanging or ending", async () => {
    metrics = () => Promise.reject(new Error("the database is gone"));
    expect(await ask("/metrics")).toMatchObject({ status: 500, text: "the database is gone\n" });
    expect(await ask("/healthz")).toMatchObject({ status: 200 });
  });

  test("nothing else", async () => {
    expect(await ask("/")).toMatchObject({ status: 404, text: "there are /metrics, /healthz and /readyz\n" });
    expect(await ask("/metrics/../secret")).toMatchObject({ status: 404 });
    for (const method of ["POST", "PUT", "DELETE"]) expect((await ask("/healthz", method)).status).toBe(405);
    expect(await ask("/healthz", "HEAD")).toMatchObject({ status: 200, text: "" });
  });
});

test("an address that is taken is an error, and not a program without a port", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port: taken } = other.address() as AddressInfo;
  const sources = { metrics: async () => "", notReady: () => undefined };
  await expect(openStatusPort({ host: "127.0.0.1", port: taken }, sources)).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  await new Promise((resolve) => other.close(resolve));
});
