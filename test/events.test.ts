import { readFile } from "node:fs/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { EventService, type WatchEventsResponse } from "../src/gen/windlass/v1/event_service_pb.ts";
import { Role } from "../src/gen/windlass/v1/system_service_pb.ts";
import { freshName } from "./support/api.ts";
import type { TestServer } from "./support/scene.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

/** A client of its own connection, as each tab of a browser has one. */
function clientOf(server: Pick<TestServer, "url">, token: string): Client<typeof EventService> & { close(): void } {
  const sessionManager = new Http2SessionManager(server.url);
  const transport = createGrpcTransport({
    ...{ baseUrl: server.url, sessionManager },
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return { ...createClient(EventService, transport), close: () => sessionManager.abort() };
}

const namesIn = ({ events }: WatchEventsResponse): readonly string[] =>
  events.flatMap(({ subject }) => (subject.case === "workspace" ? [subject.value.name] : []));

describe.each(["sqlite", "postgres"] as const)("the stream of changes, on %s", (engine) => {
  const stage = useStage({ engine });
  const adminToken = async () => (await readFile(stage.server.adminTokenFile, "utf8")).trim();

  test("goes on behind its cursor on another connection; after a restart of the server the cursor has expired", async () => {
    const { server } = stage;
    const client = clientOf(server, await adminToken());
    const first = client.watchEvents({})[Symbol.asyncIterator]();
    const { value: begin } = await first.next();
    const one = await server.api.workspace({});
    const { value: told } = await first.next();
    expect(told && namesIn(told)).toEqual([one]);
    client.close();

    const two = await server.api.workspace({});
    const other = clientOf(server, await adminToken());
    const cursor = told?.cursor ?? "";
    const again = other.watchEvents({ cursor })[Symbol.asyncIterator]();
    const { value: next } = await again.next();
    expect(next && namesIn(next)).toEqual([two]);
    const fromBegin = other.watchEvents({ cursor: begin?.cursor ?? "" })[Symbol.asyncIterator]();
    const { value: both } = await fromBegin.next();
    expect(both && namesIn(both)).toEqual([one, two]);
    other.close();

    await server.stop("SIGKILL");
    await server.start();
    const late = clientOf(server, await adminToken());
    await expect(late.watchEvents({ cursor })[Symbol.asyncIterator]().next()).rejects.toThrow("not known any more");
    late.close();
  });

  test("windlass watch says what changes, and goes on after a restart of the server", async () => {
    const { scene, server } = stage;
    const cli = scene.startCli(server, ["watch", "--only", "workspaces"]);
    const made: string[] = [];
    await until("a new workspace is told", async () => {
      made.push(await server.api.workspace({}));
      return cli.stdout().includes(`workspace ${made.at(-1)}`) || made.some((name) => cli.stdout().includes(name));
    });
    await server.stop("SIGKILL");
    await until("it says that the connection is lost", () => cli.stderr().includes("connection to the server is lost"));
    await server.start();
    await until(
      "it says that something is missing",
      () => cli.stderr().includes("what changed meanwhile is not shown"),
      {
        deadlineMs: 30_000,
      },
    );
    let last = "";
    await until("a new workspace is told again", async () => {
      if (last !== "" && cli.stdout().includes(last)) return true;
      last = await server.api.workspace({});
      return false;
    });
    expect(await cli.stop("SIGINT")).toMatchObject({ code: 130 });
  });

  test("one key watches 32 times at once and no more; who vanishes makes room", async () => {
    const { server } = stage;
    const open = async () => {
      const client = clientOf(server, await adminToken());
      const stream = client.watchEvents({})[Symbol.asyncIterator]();
      await stream.next();
      return client;
    };
    const clients = await Promise.all(Array.from({ length: 32 }, open));
    await expect(open()).rejects.toThrow("too many streams of events of one API key");
    for (const client of clients) client.close();
    const others = await Promise.all(Array.from({ length: 32 }, open));
    for (const client of others) client.close();
  });

  test("a key that is revoked watches no longer", async () => {
    const { server } = stage;
    const { apiKey, secret } = await server.api.clients.apiKeys.createApiKey({
      ...{ name: freshName("key"), role: Role.READER },
    });
    const client = clientOf(server, secret);
    const stream = client.watchEvents({})[Symbol.asyncIterator]();
    await stream.next();
    await server.api.clients.apiKeys.revokeApiKey({ apiKeyId: apiKey?.id ?? "" });
    await expect(stream.next()).rejects.toThrow("revoked");
    client.close();
  });
});
