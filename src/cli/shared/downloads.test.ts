import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";

let directory: string;
let unhandled: unknown[];
const note = (reason: unknown) => unhandled.push(reason);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-downloads-"));
  unhandled = [];
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  process.off("unhandledRejection", note);
  await rm(directory, { recursive: true, force: true });
});

/** What is sent before the download breaks, if it does. */
const serving = (pieces: readonly string[], failure?: ConnectError) =>
  new FakeServer((router) => {
    router.service(StateService, {
      downloadState: async function* () {
        for (const piece of pieces) yield { chunk: Buffer.from(piece) };
        if (failure !== undefined) throw failure;
      },
    });
  });

const pull = (address: string, how: { readonly isTty?: boolean } = {}) =>
  runCli(["state", "pull", "sv_01h455vb4pex5vsknk084sn02q", "--file", "old.tfstate", "--timeout", "2s"], {
    ...how,
    environment: { WINDLASS_ADDRESS: address, WINDLASS_TOKEN: "wdl_usr_x" },
    workingDirectory: directory,
  });
/** Lets what nobody waits for fail. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("a download to a file", () => {
  test("appears when it is complete, for its owner alone", async () => {
    await using server = await serving(["one ", "two"]).start();
    expect(await pull(server.address)).toMatchObject({ exit: 0, stdout: "" });
    expect(await readFile(join(directory, "old.tfstate"), "utf8")).toBe("one two");
    expect((await stat(join(directory, "old.tfstate"))).mode & 0o777).toBe(0o600);
  });

  test("that breaks leaves nothing behind", async () => {
    await using server = await serving(["one "], new ConnectError("gone", Code.DataLoss)).start();
    expect((await pull(server.address)).exit).not.toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });

  test("from a server that does not answer ends with its own words, and with no failure that nobody heard", async () => {
    for (let time = 0; time < 5; time++) {
      const answer = await pull("http://127.0.0.1:9");
      expect([answer.exit, answer.stderr]).toEqual([7, expect.stringContaining("no server answers")]);
    }
    await settled();
    expect([unhandled, await readdir(directory)]).toEqual([[], []]);
  });

  test("bytes are refused to a terminal before anything is asked of the server", async () => {
    const answer = await runCli(["cv", "download", "cv_01h455vb4pex5vsknk084sn02q"], {
      ...{ isTty: true, environment: { WINDLASS_ADDRESS: "http://127.0.0.1:9", WINDLASS_TOKEN: "wdl_usr_x" } },
    });
    expect([answer.exit, answer.stderr]).toEqual([2, expect.stringContaining("these are bytes, not text")]);
    await settled();
    expect(unhandled).toEqual([]);
  });
});
