import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { eventually, runCli, startCli } from "../../../test/support/cli/run-cli.ts";
import { Role, SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";

const token = mintToken("usr", systemRandom);
const seen: (string | null)[] = [];

function routes(router: ConnectRouter): void {
  router.service(SystemService, {
    getServerInfo: (_request, { requestHeader }) => {
      seen.push(requestHeader.get("authorization"));
      return { version: "0.1.0" };
    },
    whoAmI: (_request, { requestHeader }) => {
      if (requestHeader.get("authorization") !== `Bearer ${token}`) {
        throw refusal(Code.Unauthenticated, "TOKEN_INVALID", "this token is not known");
      }
      return { name: "ana", role: Role.OPERATOR, organizations: ["acme"] };
    },
  });
}

let server: FakeServer;
let config: string;
let directory: string;

beforeEach(async () => {
  server = await new FakeServer(routes).start();
  directory = mkdtempSync(join(tmpdir(), "windlass-cli-"));
  config = join(directory, "config.yaml");
  seen.length = 0;
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

const cli = (line: string, stdin = "") => runCli([...line.split(" "), "--config", config], { stdin });

describe("login", () => {
  test("checks the token, saves a context, and the next command uses it", async () => {
    const { exit, stdout } = await cli(`login ${server.address} --token-stdin`, `${token}\n`);
    const host = new URL(server.address).host;
    expect(stdout).toBe(`✓ Logged in as ana (operator of acme). Context "${host}" saved and in use\n`);
    expect(exit).toBe(0);
    expect((await cli("whoami")).stdout).toContain("ana");
    expect((await cli("context show --origin")).stdout).toContain(`organization:  acme  (context ${host})`);
    expect((await cli("context list")).stdout).not.toContain(token);
  });

  test("the server is asked what it is without any credential, an old one neither", async () => {
    await cli(`login ${server.address} --token-stdin`, token);
    await cli(`login ${server.address} --token-stdin`, token);
    expect(seen).toEqual([null, null]);
  });

  test("--context names it; logout forgets the token and keeps the address", async () => {
    await cli(`login ${server.address} --token-stdin --context lab`, token);
    expect(readFileSync(config, "utf8")).toContain("name: lab");
    expect((await cli("logout")).stdout).toContain("Forgot the token of lab");
    expect(readFileSync(config, "utf8")).not.toContain("wdl_");
    expect(await cli("whoami")).toMatchObject({ exit: 4 });
  });

  test.each([
    ["not a token", "hunter2", "this is not a token"],
    ["a typing error", token.replace(/.$/, (last) => (last === "a" ? "b" : "a")), "typing error"],
    ["an agent token", mintToken("agt", systemRandom), "this is an agent token"],
    ["nothing", "", "no token was given"],
    ["a token of another server", mintToken("usr", systemRandom), "this token is not known"],
  ])("%s is refused, and nothing is saved", async (_name, given, message) => {
    const { exit, stderr } = await cli(`login ${server.address} --token-stdin`, given);
    expect(exit).toBe(4);
    expect(stderr).toContain(message);
    if (given !== "") expect(stderr).not.toContain(given);
    expect(() => readFileSync(config)).toThrow("ENOENT");
  });

  test("a person pastes the token, which is not shown", async () => {
    const run = startCli(["login", server.address, "--config", config], { isTty: true });
    await eventually(() => run.stderr().includes("Paste a token"), run.stderr);
    run.type(`${token}\r`);
    expect(await run.exit).toBe(0);
    expect(run.stdout() + run.stderr()).not.toContain(token);
    expect(readFileSync(config, "utf8")).toContain(token);
  });

  test("without a person and without --token-stdin it says how", async () => {
    const { exit, stderr } = await cli(`login ${server.address}`);
    expect(exit).toBe(2);
    expect(stderr).toContain(`windlass login ${server.address} --token-stdin < TOKEN_FILE`);
  });
});
