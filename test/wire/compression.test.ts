import { gunzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Readiness } from "../../src/http/readiness.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { neverCompress } from "../../src/rpc/adapter.ts";
import { EchoService } from "../support/echo-service.ts";
import { type Listener, listen } from "../support/listen.ts";
import { rawCall } from "../support/raw-call.ts";

const large = "module.network: Creation complete after 1s\n".repeat(2_000);
const answer = create(StringValueSchema, { value: large });
const routes = (options: object) => (router: ConnectRouter) => {
  router.service(
    EchoService,
    {
      unary: ({ value }) => (value === "large" ? answer : create(StringValueSchema, { value: "small" })),
      serverStream: async function* () {
        yield answer;
      },
    },
    options,
  );
};

const open = async (options: object): Promise<Listener> => {
  const outcome = await listen({
    ...{ host: "127.0.0.1", port: 0, routes: routes(options), readiness: new Readiness(), log: silentLog() },
  });
  if (outcome.kind !== "listening") throw new Error(outcome.message);
  return outcome.listener;
};

let compressing: Listener;
let plain: Listener;
beforeAll(async () => {
  compressing = await open({});
  plain = await open(neverCompress);
});
afterAll(() => Promise.all([compressing.close(0), plain.close(0)]));

/** The first message as it came. */
async function ask(listener: Listener, method: string, accepted: string, value = "large") {
  const message = toBinary(StringValueSchema, create(StringValueSchema, { value }));
  const header = { "grpc-accept-encoding": accepted };
  const path = `/windlass.test.v1.EchoService/${method}`;
  const { body, header: answered } = await rawCall(listener.url, { protocol: "grpc", path, message, header });
  return { flags: body.readUInt8(0), bytes: body.subarray(5, 5 + body.readUInt32BE(1)), answered };
}

describe("answers are compressed", () => {
  test.each(["Unary", "ServerStream"])("when the caller of %s asks for it, and are much smaller", async (method) => {
    const { flags, bytes, answered } = await ask(compressing, method, "identity,deflate,gzip");
    expect([flags, answered["grpc-encoding"]]).toEqual([1, "gzip"]);
    expect(bytes.length).toBeLessThan(large.length / 10);
    expect(fromBinary(StringValueSchema, gunzipSync(bytes)).value).toBe(large);
  });

  test("not for callers who do not ask, not if they are small, and not where it never pays", async () => {
    const outcomes = [
      await ask(compressing, "Unary", "identity"),
      await ask(compressing, "Unary", "gzip", "small"),
      await ask(plain, "Unary", "gzip"),
    ];
    expect(outcomes.map(({ flags }) => flags)).toEqual([0, 0, 0]);
  });
});
