import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "../../gen/grpc/health/v1/health_pb.ts";
import {
  GetServerInfoResponseSchema,
  type ProbeRequest,
  SystemService,
  WhoAmIResponseSchema,
} from "../../gen/windlass/v1/system_service_pb.ts";
import type { Check } from "../../lib/checks/check.ts";
import { systemClock } from "../../lib/clock.ts";
import { version } from "../../lib/program/version.ts";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";

describe("doctor", () => {
  let server: FakeServer;
  let isHeldBack = false;
  let serverTime = new Date();

  beforeAll(async () => {
    server = await new FakeServer((router: ConnectRouter) => {
      router.service(Health, { check: () => ({ status: Serving.SERVING }) });
      router.service(SystemService, {
        getServerInfo: () =>
          create(GetServerInfoResponseSchema, { version, serverTime: timestampFromDate(serverTime) }),
        whoAmI: () => create(WhoAmIResponseSchema, { name: "ana", id: "key_1" }),
        async *streamProbe({ pieces }: { pieces: number }) {
          for (let number = 1; number <= pieces; number++) {
            if (!isHeldBack) await systemClock.sleep(100);
            yield { number };
          }
        },
        async *probe(requests: AsyncIterable<ProbeRequest>) {
          let number = 0;
          for await (const { answerBytes } of requests) {
            yield { number: ++number, chunk: new Uint8Array(answerBytes) };
          }
        },
      });
    }).start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const look = async (environment: Record<string, string> = {}) => {
    const base = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: mintToken("usr", systemRandom) };
    const { exit, stdout } = await runCli(["doctor", "-o", "json"], { environment: { ...base, ...environment } });
    const checks = JSON.parse(stdout) as readonly Check[];
    return { exit, of: (id: string) => checks.find((check) => check.id === id), ids: checks.map(({ id }) => id) };
  };

  test("finds everything well, in the order in which things are needed", async () => {
    const { exit, ids, of } = await look();
    expect(ids).toEqual([
      ...["config-file", "address", "tcp", "proxy", "tls", "http2", "health", "version", "clock", "token", "stream"],
      ...["session", "round-trip", "body", "idle"],
    ]);
    expect(ids.map((id) => of(id)?.status)).toEqual(ids.map((id) => (id === "idle" ? "skip" : "ok")));
    expect(exit).toBe(0);
  });

  test("stops where the way is broken, and says what to do", async () => {
    const { exit, of } = await look({ WINDLASS_ADDRESS: "http://127.0.0.1:9" });
    expect(exit).toBe(1);
    expect(of("tcp")).toMatchObject({ status: "fail", detail: expect.stringContaining("the connection was refused") });
    expect(of("http2")).toMatchObject({ status: "skip" });
    expect(of("token")).toMatchObject({ status: "skip" });
  });

  test("sees what holds streams back", async () => {
    isHeldBack = true;
    const { exit, of } = await look();
    isHeldBack = false;
    expect(of("stream")).toMatchObject({ status: "fail", detail: expect.stringContaining("held back") });
    expect(exit).toBe(1);
  });

  test("warns of a wrong clock without failing", async () => {
    serverTime = new Date(Date.now() - 120_000);
    const { exit, of } = await look();
    serverTime = new Date();
    expect(of("clock")).toMatchObject({ status: "warn", detail: expect.stringContaining("ahead") });
    expect(exit).toBe(0);
  });
});
