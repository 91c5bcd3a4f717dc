import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { StateStatus, StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import {
  type RollbackStateRequest,
  StateService,
  type UploadStateHeader,
} from "../../gen/windlass/v1/state_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";

const idOf = (serial: number): string => `sv_01h455vb4pex5vsknk084sn0${serial}`;
const version = (serial: number) =>
  create(StateVersionSchema, {
    id: idOf(serial),
    workspace: "net",
    serial: BigInt(serial),
    status: StateStatus.CURRENT,
  });

let server: FakeServer;
let asked: unknown[];
let pushed: { header: UploadStateHeader | undefined; bytes: string };
let rolledBack: RollbackStateRequest | undefined;

beforeEach(async () => {
  asked = [];
  pushed = { header: undefined, bytes: "" };
  rolledBack = undefined;
  server = await new FakeServer((router) =>
    router.service(WorkspaceService, { getWorkspace: () => ({}) }).service(StateService, {
      listStateVersions: () => ({ stateVersions: [version(43), version(42), version(41)] }),
      getStateVersion: ({ stateVersionId, workspace }) => {
        asked.push(stateVersionId || workspace);
        return { stateVersion: stateVersionId === idOf(41) ? version(41) : version(43) };
      },
      getOutputs: () => ({ outputs: [{ name: "password", sensitive: true }] }),
      diffStates: ({ fromStateVersionId, toStateVersionId }) => {
        asked.push([fromStateVersionId, toStateVersionId]);
        const changed = [{ address: "t.b", attributes: ["id", "tags"] }];
        return { difference: { added: ["t.c"], removed: ["t.a"], changed, outputs: ["url"] } };
      },
      listStateResources: ({ stateVersionId, workspace, search }) => {
        asked.push([stateVersionId || workspace, search]);
        return { resources: [{ address: "t.a", resourceId: "i-1", provider: "p", tainted: true }] };
      },
      rollbackState: (request) => {
        rolledBack = request;
        return { stateVersion: version(44) };
      },
      uploadState: async (parts) => {
        for await (const { part } of parts) {
          if (part.case === "header") pushed.header = part.value;
          else if (part.case === "chunk") pushed.bytes += Buffer.from(part.value).toString();
        }
        return { stateVersion: version(44) };
      },
    }),
  ).start();
});
afterEach(() => server.stop());

const cli = (args: readonly string[], setting: Parameters<typeof runCli>[1] = {}) =>
  runCli(["state", ...args], { environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" }, ...setting });

describe("a version of a state", () => {
  test.each([
    [["get", "net"], "net"],
    [["get", "net", "41"], idOf(41)],
    [["get", "net@41"], idOf(41)],
    [["get", "net", idOf(42)], idOf(42)],
    [["get", `state/${idOf(42)}`], idOf(42)],
    [["get", "workspace/net"], "net"],
  ])("%j asks for %s", async (args, wanted) => {
    expect((await cli(args)).exit).toBe(0);
    expect(asked).toEqual([wanted]);
  });

  test.each([
    [["get", "net", "7"], 3, "workspace net has no state with the serial 7"],
    [["get", "net", "newest"], 2, "a version is a serial such as 41 or an id"],
    [["get", idOf(41), "42"], 2, "cannot be a version of it"],
    [["diff", "net"], 2, "say which versions to compare"],
    [["diff", idOf(41), "42"], 2, "beside an id stands another id"],
  ])("%j is a mistake", async (args, exit, message) => {
    const answer = await cli(args);
    expect(answer.exit).toBe(exit);
    expect(answer.stderr).toContain(message);
  });
});

test("state diff prints names only", async () => {
  const { stdout } = await cli(["diff", "net", "41", "42"]);
  expect(stdout).toBe("  - t.a\n  ~ t.b: id, tags\n  + t.c\n  outputs: url\n");
  await cli(["diff", "net", "41"]);
  await cli(["diff", idOf(41), idOf(42)]);
  expect(asked).toEqual([
    [idOf(41), idOf(42)],
    [idOf(41), ""],
    [idOf(41), idOf(42)],
  ]);
});

test("state resources lists addresses", async () => {
  const { stdout } = await cli(["resources", "net", "--search", "t."]);
  expect(stdout).toMatch(/t\.a +i-1 +p +tainted/);
  expect((await cli(["resources", "net", "-o", "name"])).stdout).toBe("t.a\n");
  expect(asked[0]).toEqual(["net", "t."]);
});

describe("state push", () => {
  const text = '{"serial": 44, "lineage": "x"}';

  test("sends the bytes with their size and hash", async () => {
    const { exit, stdout } = await cli(["push", "-", "-w", "net"], { stdin: text });
    expect([exit, stdout]).toEqual([0, `✓ State ${idOf(44)} (serial 44) is the state of net\n`]);
    const sha256 = createHash("sha256").update(text).digest("hex");
    expect(pushed).toMatchObject({ bytes: text, header: { workspace: "net", sizeBytes: 30n, sha256, force: false } });
  });

  test("by force wants the workspace's name, or --yes", async () => {
    const refused = await cli(["push", "-", "-w", "net", "--force"], { stdin: text });
    expect([refused.exit, pushed.header]).toEqual([2, undefined]);
    expect((await cli(["push", "-", "-w", "net", "--force", "--yes"], { stdin: text })).exit).toBe(0);
    expect(pushed.header?.force).toBe(true);
  });

  test("of a file that is not there is a mistake", async () => {
    const { exit, stderr } = await cli(["push", "nothing.tfstate", "-w", "net"]);
    expect([exit, stderr]).toEqual([2, expect.stringContaining("cannot be read")]);
  });
});

test("state rollback names both versions, and wants to be confirmed", async () => {
  const refused = await cli(["rollback", "net", "41"]);
  expect([refused.exit, rolledBack]).toEqual([2, undefined]);
  expect(refused.stderr).toContain("Go back from serial 43 to the content of serial 41?");
  const { stdout } = await cli(["rollback", "net", "41", "--yes"]);
  expect(stdout).toBe(`✓ State ${idOf(44)} (serial 44) of net repeats serial 41\n`);
  expect(rolledBack).toMatchObject({ stateVersionId: idOf(41), expectedCurrentId: idOf(43) });
});

test("a sensitive output is not shown, and the hint names the state that was asked for", async () => {
  const { exit, stdout, stderr } = await runCli(["state", "outputs", "net", "password"], {
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" },
  });
  expect({ exit, stdout }).toEqual({ exit: 4, stdout: "" });
  expect(stderr).toContain("It is in the state:  windlass state pull net\n");
});
