import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Readiness } from "../../src/http/readiness.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { WindlassError } from "../../src/lib/words/errors.ts";
import { asStatus } from "../../src/rpc/bodies/request-bodies.ts";
import { EchoService } from "../support/echo-service.ts";
import { type Listener, listen } from "../support/listen.ts";

const waitMs = 400;
let calledAt: number[] = [];

/** Refuses the first call, and says when to come back. */
const routes = (router: ConnectRouter) => {
  router.service(EchoService, {
    unary: ({ value }) => {
      calledAt.push(performance.now());
      if (calledAt.length === 1)
        throw asStatus(new WindlassError("rate_limited", "too many: wait", { retryAfterMs: waitMs }));
      return create(StringValueSchema, { value });
    },
  });
};

let listener: Listener;
beforeAll(async () => {
  const outcome = await listen({ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: silentLog() });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  listener = outcome.listener;
});
afterAll(() => listener.close(0));

/** A policy as documentation of gRPC has it, which would come back after 10 ms by itself. */
const serviceConfig = JSON.stringify({
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        ...{ maxAttempts: 3, initialBackoff: "0.01s", maxBackoff: "0.01s", backoffMultiplier: 1 },
        retryableStatusCodes: ["RESOURCE_EXHAUSTED", "UNAVAILABLE"],
      },
    },
  ],
});

test("a stock retry policy waits as long as it is told, and then succeeds", async () => {
  calledAt = [];
  const client = new Client(`127.0.0.1:${listener.port}`, credentials.createInsecure(), {
    "grpc.service_config": serviceConfig,
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  client.makeUnaryRequest(
    "/windlass.test.v1.EchoService/Unary",
    (value: string) => Buffer.from(toBinary(StringValueSchema, create(StringValueSchema, { value }))),
    (bytes: Buffer) => fromBinary(StringValueSchema, bytes).value,
    "hello",
    (error: ServiceError | null, value?: string) => (error === null ? resolve(value ?? "") : reject(error)),
  );
  expect(await promise).toBe("hello");
  client.close();
  const [first = 0, second = 0, ...more] = calledAt;
  expect(more).toEqual([]);
  expect(second - first).toBeGreaterThanOrEqual(waitMs - 5);
});
