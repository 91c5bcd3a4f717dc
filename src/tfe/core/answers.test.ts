import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../lib/clock.ts";
import { accepted, created, done, found, listed, listedWhole, send, type TfeAnswer } from "./answers.ts";

const stack: (() => void)[] = [];
afterEach(() => {
  for (const close of stack.splice(0)) close();
});

/** What a client gets of an answer. */
async function got(answer: TfeAnswer, method = "GET") {
  const server = createServer((request, response) => {
    void send(answer, response, { isHead: request.method === "HEAD", clock: systemClock });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const request = httpRequest({ host: "127.0.0.1", port, method, agent: false }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(pieces).toString() };
}

const run = { type: "runs", id: "run-1", attributes: { status: "planned" } };

describe("an answer", () => {
  test.each([
    ["found", found(run), 200],
    ["created", created(run), 201],
    ["listed", listedWhole([run]), 200],
  ])("with a document, %s", async (_how, answer, status) => {
    const { text, headers, ...rest } = await got(answer);
    expect(rest).toEqual({ status });
    expect(headers).toMatchObject({
      "content-type": "application/vnd.api+json",
      "cache-control": "no-store",
      "content-length": String(Buffer.byteLength(text)),
    });
    expect(JSON.parse(text).data).toEqual(Array.isArray(JSON.parse(text).data) ? [run] : run);
  });

  test.each([
    [done, 204],
    [accepted, 202],
  ])("with nothing is %#", async (answer, status) => {
    expect(await got(answer)).toMatchObject({ status, text: "" });
  });

  test("with bytes has their type and its own headers", async () => {
    const headers = { "x-terraform-snapshot-interval": "20" };
    const answer = { kind: "bytes", status: 200, type: "text/plain", bytes: "log", headers } as const;
    expect(await got(answer)).toMatchObject({ headers: { ...headers, "content-type": "text/plain" }, text: "log" });
  });

  test("with pieces has all of them; to HEAD it has none, and their source is let go", async () => {
    let isOpen = false;
    async function* pieces() {
      isOpen = true;
      try {
        for (let index = 0; index < 50; index++) yield Buffer.alloc(100_000, "x");
      } finally {
        isOpen = false;
      }
    }
    const answer = () => ({ kind: "bytes", status: 200, type: "text/plain", bytes: pieces() }) as const;
    expect((await got(answer())).text).toHaveLength(5_000_000);
    expect(await got(answer(), "HEAD")).toMatchObject({ status: 200, text: "" });
    expect(isOpen).toBe(false);
  });
});

describe("the pagination of a list", () => {
  const paginationOf = async (page: Parameters<typeof listed>[1]) =>
    JSON.parse((await got(listed([], page))).text).meta.pagination;

  test.each([
    [
      { number: 1, size: 20, total: 0 },
      { "prev-page": null, "next-page": null, "total-pages": 1, "total-count": 0 },
    ],
    [
      { number: 1, size: 20, total: 20 },
      { "prev-page": null, "next-page": null, "total-pages": 1 },
    ],
    [
      { number: 1, size: 20, total: 21 },
      { "next-page": 2, "total-pages": 2 },
    ],
    [
      { number: 2, size: 20, total: 21 },
      { "prev-page": 1, "next-page": null },
    ],
    [
      { number: 9, size: 20, total: 21 },
      { "current-page": 9, "prev-page": 8, "next-page": null, "total-count": 21 },
    ],
    [
      { number: 2, size: 5, total: undefined, hasMore: true },
      { "prev-page": 1, "next-page": 3 },
    ],
    [{ number: 2, size: 5, total: undefined }, { "next-page": null }],
  ])("%j is %j", async (page, pagination) => {
    expect(await paginationOf(page)).toMatchObject(pagination);
  });

  test("has no total where nothing was counted", async () => {
    expect(await paginationOf({ number: 1, size: 5, total: undefined })).not.toHaveProperty("total-count");
  });
});
