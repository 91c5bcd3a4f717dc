import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificate.ts";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { ApiKeyService } from "../../gen/windlass/v1/api_key_service_pb.ts";
import { RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";

const run = "run_01h455vb4pex5vsknk084sn02q";
const busy = "run_01h455vb4pex5vsknk084sn02r";

/** Answers as the real server does when somebody has made a mistake. */
function routes(router: ConnectRouter): void {
  router.service(AgentPoolService, {
    listAgentPools: () => {
      throw refusal(
        Code.Unauthenticated,
        "TOKEN_INVALID",
        "the token has a wrong checksum: it was mistyped or cut off. Copy it again as a whole",
      );
    },
    createAgentPool: ({ name }) => {
      const shape = "expected 1 to 63 letters, digits, hyphens and underscores, with no hyphen in front";
      throw refusal(Code.InvalidArgument, "VALIDATION", `name: ${shape}, got "${name}"`);
    },
    getAgentPoolOverview: ({ agentPool: name }) => {
      if (name !== "prod")
        throw refusal(Code.NotFound, "NOT_FOUND", `agent pool "${name}" does not exist, or you may not see it`, {
          ...{ resource: "agent pool", name },
        });
      throw refusal(Code.ResourceExhausted, "RATE_LIMITED", "more than 500 calls a second with this API key: wait");
    },
  });
  router.service(ApiKeyService, {
    listApiKeys: () => ({ apiKeys: [{ id: "key_1", name: "ci", active: true }] }),
    revokeApiKey: () => {
      const message =
        '"admin" is the last key of a site admin that does not expire: create another one before you end it';
      throw refusal(Code.FailedPrecondition, "LAST_ADMIN_KEY", message);
    },
    rotateApiKey: ({ apiKeyId: id }) => {
      const metadata = { resource: "API key", id };
      throw refusal(
        Code.FailedPrecondition,
        "NOT_ROTATABLE",
        'the API key "ci" was replaced: create a new one',
        metadata,
      );
    },
    getApiKey: ({ apiKeyId: name }) => {
      if (name === "key_1") return { apiKey: { id: name, name: "admin" } };
      const metadata = { resource: "API key", name };
      throw refusal(Code.NotFound, "NOT_FOUND", `API key "${name}" does not exist, or you may not see it`, metadata);
    },
  });
  router.service(WorkspaceService, {
    lockWorkspace: () => {
      const message = `workspace "network" is locked by run ${busy} since 14:02`;
      throw refusal(Code.FailedPrecondition, "WORKSPACE_LOCKED", message, {
        ...{ workspace: "network", run_id: busy, locked_by: busy },
      });
    },
    deleteWorkspace: () => {
      const message = 'key "ana" (role reader) may not do this: it needs the role operator or higher';
      throw refusal(Code.PermissionDenied, "PERMISSION_DENIED", message, { action: "operate" });
    },
    updateWorkspace: () => {
      throw refusal(Code.Aborted, "ETAG_MISMATCH", 'workspace "network" has changed since it was read', {
        current_etag: "7",
      });
    },
  });
  router.service(RunService, {
    getRun: ({ runId: id }) => ({
      run: {
        ...{ id, workspace: "network", organization: "acme", state: RunState.PLAN_QUEUED },
        waiting: { reason: WaitingReason.NO_AGENT_ONLINE, detail: "no agent of pool prod is connected" },
      },
    }),
    listRunEvents: () => ({ events: [] }),
    discardRun: () => {
      throw refusal(Code.FailedPrecondition, "RUN_NOT_DISCARDABLE", `run ${run} is applying: it cannot be discarded`, {
        ...{ run_id: run, state: "APPLYING" },
      });
    },
  });
}

const certificate = selfSigned(new Date());
let server: FakeServer;
let secure: Http2SecureServer;
let secureAddress: string;
let home: string;
beforeAll(async () => {
  server = await new FakeServer(routes).start();
  secure = createSecureServer({ ...certificate, allowHTTP1: true }, connectNodeAdapter({ routes }));
  secure.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
  secureAddress = `http://127.0.0.1:${(secure.address() as AddressInfo).port}`;
  home = mkdtempSync(join(tmpdir(), "windlass-mistakes-"));
  writeFileSync(join(home, "bad.pem"), "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
});
afterAll(async () => {
  rmSync(home, { recursive: true, force: true });
  await new Promise((resolve) => secure.close(resolve));
  await server.stop();
});

/** `exit N`, then what stands on stderr; ports, directories and request ids are left out. */
async function mistake(line: string, environment: Record<string, string> = {}): Promise<string> {
  const own = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" };
  const { exit, stdout, stderr } = await runCli(line.split(" "), { environment: { ...own, ...environment } });
  const masked = (stdout + stderr)
    .replaceAll(server.address, "SERVER")
    .replaceAll(secureAddress.replace("http:", ""), "//SECURE")
    .replaceAll(home, "HOME")
    .replace(/[0-9a-f-]{36}/g, "ID");
  expect(masked).not.toMatch(/\n\s+at /);
  return `exit ${exit}\n${masked.trimEnd()}`;
}

describe("who calls, and where", () => {
  test("a wrong token", async () =>
    expect(await mistake("pool list")).toMatchInlineSnapshot(`
      "exit 4
      Error: the token has a wrong checksum: it was mistyped or cut off. Copy it again as a whole
        Log in:  windlass login"
    `));
  test("not allowed", async () =>
    expect(await mistake("ws delete network --yes")).toMatchInlineSnapshot(`
      "exit 4
      Error: key "ana" (role reader) may not do this: it needs the role operator or higher
        See what you may do:  windlass whoami"
    `));
  test("plain text where there is TLS", async () =>
    expect(await mistake(`pool list --address ${secureAddress}`)).toMatchInlineSnapshot(`
      "exit 7
      Error: http://SECURE does not speak HTTP/2 in plain text: it may want TLS, or it is no Windlass server
        Try https:  export WINDLASS_ADDRESS=https://SECURE"
    `));
  test("a certificate that nobody here trusts", async () =>
    expect(await mistake(`pool list --address ${secureAddress.replace("http:", "https:")}`)).toMatchInlineSnapshot(`
      "exit 7
      Error: the certificate of https://SECURE is self-signed and not trusted here (trusted are the authorities of this system)
        Trust its authority:  export WINDLASS_CA_FILE=FILE"
    `));
  test("a bad PEM file", async () =>
    expect(
      await mistake("pool list --address https://127.0.0.1:9", { WINDLASS_CA_FILE: join(home, "bad.pem") }),
    ).toMatchInlineSnapshot(`
      "exit 2
      Error: the file of WINDLASS_CA_FILE holds a certificate that cannot be read (number 1 of 1)
        Help:  windlass pool list --help"
    `));
  test("a PEM file that is not there", async () =>
    expect(
      await mistake("pool list --address https://127.0.0.1:9", { WINDLASS_CA_FILE: join(home, "gone.pem") }),
    ).toMatchInlineSnapshot(`
      "exit 2
      Error: the file of WINDLASS_CA_FILE cannot be read: ENOENT: no such file or directory, open 'HOME/gone.pem'
        Help:  windlass pool list --help"
    `));
  test("no address", async () =>
    expect(await mistake("pool list --address tf.example.com")).toMatchInlineSnapshot(`
      "exit 7
      Error: the name in https://tf.example.com cannot be resolved
        Check the address:  windlass context show --origin --address tf.example.com"
    `));
  test("a host that does not exist", async () =>
    expect(await mistake("pool list --address http://no-such-host.invalid:1")).toMatchInlineSnapshot(`
      "exit 7
      ! the token travels unencrypted to http://no-such-host.invalid:1
      Error: the name in http://no-such-host.invalid:1 cannot be resolved
        Check the address:  windlass context show --origin --address http://no-such-host.invalid:1"
    `));
  test("too many calls", async () =>
    expect(await mistake("pool delete prod --yes")).toMatchInlineSnapshot(`
    "exit 1
    Error: more than 500 calls a second with this API key: wait
      See the limits:  windlass status -o json"
  `));
});

describe("what is asked", () => {
  test("a noun without a verb prints its help", async () => {
    const told = await mistake("apikey");
    expect(told).toMatch(/^exit 2\n/);
    expect(told).toContain("windlass apikey create");
  });
  test("a duration that is none", async () =>
    expect(await mistake("token create --pool prod --expires soon")).toMatchInlineSnapshot(`
      "exit 2
      Error: --expires is a duration such as 90s, 2h30m or 7d, not "soon"
        Help:  windlass token create --help"
    `));
  test("an instant that is none", async () =>
    expect(await mistake("audit list --since yesterday")).toMatchInlineSnapshot(`
      "exit 2
      Error: --since is a date such as 2026-03-01 or 2026-03-01T12:00:00Z, or a duration ago such as 24h, not "yesterday"
        Help:  windlass audit list --help"
    `));
  test("a role that is none", async () =>
    expect(await mistake("apikey create --name ci --role boss")).toMatchInlineSnapshot(`
      "exit 2
      Error: --role is one of site-admin, owner, operator, planner, reader, not "boss"
        Help:  windlass apikey create --help"
    `));
  test("a name that is none", async () =>
    expect(await mistake("pool create Prod!")).toMatchInlineSnapshot(`
      "exit 2
      Error: name: expected 1 to 63 letters, digits, hyphens and underscores, with no hyphen in front, got "Prod!"
        Help:  windlass pool create --help"
    `));
  test("a token file that is not there", async () =>
    expect(
      await mistake("pool list", { WINDLASS_TOKEN: "", WINDLASS_TOKEN_FILE: join(home, "gone") }),
    ).toMatchInlineSnapshot(`
      "exit 4
      Error: the token file of WINDLASS_TOKEN_FILE cannot be read: ENOENT: no such file or directory, open 'HOME/gone'"
    `));
  test("a pool that is not there", async () =>
    expect(await mistake("pool get prdo")).toMatchInlineSnapshot(`
      "exit 3
      Error: agent pool "prdo" does not exist, or you may not see it
        See what is there:  windlass pool list"
    `));
  test("a key that is not there", async () =>
    expect(await mistake("apikey get key_9")).toMatchInlineSnapshot(`
      "exit 3
      Error: API key "key_9" does not exist, or you may not see it
        See what is there:  windlass apikey list"
    `));
});

describe("when it is asked", () => {
  test("a workspace that a run holds", async () =>
    expect(await mistake("ws lock network")).toMatchInlineSnapshot(`
      "exit 5
      Error: workspace "network" is locked by run run_01h455vb4pex5vsknk084sn02r since 14:02
        See it:  windlass run get run_01h455vb4pex5vsknk084sn02r"
    `));
  test("somebody else was faster", async () =>
    expect(await mistake("ws edit network --description x")).toMatchInlineSnapshot(`
      "exit 5
      Error: workspace "network" has changed since it was read
        Check the server:  windlass status"
    `));
  test("no agent is online", async () => {
    expect(await mistake(`run get ${run}`)).toContain("no agent of pool prod is connected");
  });
  test("a run that waits for nobody", async () =>
    expect(await mistake(`run discard ${run}`)).toMatchInlineSnapshot(`
      "exit 5
      Error: run run_01h455vb4pex5vsknk084sn02q is plan queued: no agent of pool prod is connected: there is nothing to discard
        End it:  windlass run cancel run_01h455vb4pex5vsknk084sn02q"
    `));
  test("the last key of an admin", async () =>
    expect(await mistake("apikey revoke key_1 --yes")).toMatchInlineSnapshot(`
      "exit 5
      Error: "admin" is the last key of a site admin that does not expire: create another one before you end it
        Make another first:  windlass apikey create --name NAME --role site-admin --expires 0s"
    `));
  test("a key that was replaced", async () =>
    expect(await mistake("apikey rotate key_1")).toMatchInlineSnapshot(`
    "exit 5
    Error: the API key "ci" was replaced: create a new one
      Make a new one:  windlass apikey create --name NAME"
  `));
});
