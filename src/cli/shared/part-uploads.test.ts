import { createHash, randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { UploadService } from "../../gen/windlass/v1/upload_service_pb.ts";

const large = randomBytes(500_000).toString("hex");
let server: FakeServer;
/** How the server takes parts: not at all, or failing so many times first. */
let takes: "nothing" | { failures: number; readonly failure: ConnectError };
let has: Buffer;
let used: { inParts: boolean; bytes: number };

beforeEach(async () => {
  takes = { failures: 0, failure: new ConnectError("") };
  has = Buffer.alloc(0);
  used = { inParts: false, bytes: 0 };
  server = await new FakeServer((router) =>
    router
      .service(UploadService, {
        uploadPart: ({ offset, chunk }) => {
          if (takes === "nothing") throw refusal(Code.Unimplemented, "UNKNOWN_METHOD", "no such call");
          if (chunk.length > 0 && takes.failures-- > 0) throw takes.failure;
          if (Number(offset) === has.length) has = Buffer.concat([has, chunk]);
          return { nextOffset: BigInt(has.length) };
        },
      })
      .service(StateService, {
        uploadState: async (parts) => {
          for await (const { part } of parts) {
            if (part.case === "header") used.inParts = part.value.inParts;
            if (part.case === "chunk") used.bytes += part.value.length;
          }
          return { stateVersion: create(StateVersionSchema, { id: "sv_1", workspace: "net", serial: 1n }) };
        },
      }),
  ).start();
});
afterEach(() => server.stop());

const push = (text: string) =>
  runCli(["state", "push", "-", "-w", "net"], {
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" },
    stdin: text,
  });
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

test("what is large goes in parts, and then its header alone; what is small in one call", async () => {
  expect((await push(large)).exit).toBe(0);
  expect(used).toEqual({ inParts: true, bytes: 0 });
  expect(sha256(has)).toBe(sha256(large));
  await push("small");
  expect(used).toEqual({ inParts: false, bytes: 5 });
});

test("an older server gets it in one call", async () => {
  takes = "nothing";
  expect((await push(large)).exit).toBe(0);
  expect(used).toEqual({ inParts: false, bytes: large.length });
});

test.each([Code.Unimplemented, Code.PermissionDenied])(
  "what a proxy answers for a while (%s) ends nothing",
  async (code) => {
    takes = { failures: 1, failure: new ConnectError("HTTP", code) };
    expect((await push(large)).exit).toBe(0);
    expect(used.inParts).toBe(true);
  },
);

test("a part that fails on its way is sent again", async () => {
  takes = { failures: 2, failure: new ConnectError("a proxy is down", Code.Unavailable) };
  expect((await push(large)).exit).toBe(0);
  expect(sha256(has)).toBe(sha256(large));
});

test("a refusal ends it at once", async () => {
  takes = { failures: 1, failure: refusal(Code.PermissionDenied, "PERMISSION_DENIED", "you may not") };
  const answer = await push(large);
  expect(answer.exit).not.toBe(0);
  expect(answer.stderr).toContain("you may not");
  expect(has.length).toBe(0);
});
