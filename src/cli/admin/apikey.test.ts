import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import {
  ApiKeyService,
  type CreateApiKeyRequest,
  type EndBrowserSessionRequest,
  type ListApiKeysRequest,
  type RotateApiKeyRequest,
} from "../../gen/windlass/v1/api_key_service_pb.ts";
import { AuditService, type ExportAuditEventsRequest } from "../../gen/windlass/v1/audit_service_pb.ts";
import { Role, SystemService } from "../../gen/windlass/v1/system_service_pb.ts";

const secret = `wdl_usr_${"a".repeat(30)}_000000`;
const key = {
  ...{ id: "key_1", name: "ci", organization: "acme", role: Role.OPERATOR, prefix: "wdl_usr_aaaa", active: true },
  ...{ replacedBy: "" },
  ...{ createdBy: "ana (key_0)", expireTime: timestampFromDate(new Date("2026-06-01T00:00:00Z")) },
};
const event = { id: "1", actor: "ana (key_0)", action: "pool.grant", resource: "apool_1", detail: { name: "prod" } };
const asked: (CreateApiKeyRequest | RotateApiKeyRequest | ListApiKeysRequest | ExportAuditEventsRequest)[] = [];

const browser = { id: "5c9a0a7f", lastUseAddress: "10.0.0.7", userAgent: "Mozilla/5.0" };
const ended: EndBrowserSessionRequest[] = [];

let listed: readonly (typeof key)[] | ConnectError = [key];

const server = new FakeServer((router) => {
  const noted =
    <Request extends (typeof asked)[number], Answer>(answer: Answer) =>
    (request: Request) => {
      asked.push(request);
      return answer;
    };
  router.service(SystemService, { whoAmI: () => ({ id: "key_9", name: "mine" }) });
  router.service(ApiKeyService, {
    createApiKey: noted({ apiKey: key, secret }),
    rotateApiKey: noted({ apiKey: { ...key, id: "key_2" }, secret, replaced: key }),
    listApiKeys: (request) => {
      asked.push(request);
      if (listed instanceof ConnectError) throw listed;
      return { apiKeys: [...listed] };
    },
    getApiKey: () => ({ apiKey: key }),
    revokeApiKey: () => ({ apiKey: key }),
    listBrowserSessions: ({ apiKeyId }) => ({ browserSessions: [{ ...browser, apiKeyId }] }),
    endBrowserSession: (request) => {
      ended.push(request);
      return { endedCount: request.all ? 3 : 1 };
    },
  });
  router.service(AuditService, {
    listAuditEvents: () => ({ events: [{ ...event, time: timestampFromDate(new Date("2026-01-01T00:00:00Z")) }] }),
    async *exportAuditEvents(request) {
      asked.push(request);
      yield { event };
      yield { event: { ...event, id: "2" } };
    },
  });
});
beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => {
  asked.splice(0);
  listed = [key];
});

const clock = new ManualClock();
const cli = (line: string, extra: Record<string, string> = {}) =>
  runCli(line.split(" "), {
    clock,
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", WINDLASS_ORG: "acme", ...extra },
  });

describe("apikey", () => {
  test("create prints the secret alone on stdout, and all else on stderr", async () => {
    const { exit, stdout, stderr } = await cli("apikey create --name ci --expires 30d");
    expect([exit, stdout]).toEqual([0, `${secret}\n`]);
    expect(stderr).toContain("API key key_1 for ci: operator of acme, good until 2026-06-01T00:00:00Z.");
    expect(stderr).not.toContain(secret);
    expect(asked[0]).toMatchObject({ name: "ci", role: Role.OPERATOR, organization: "acme" });
    expect(asked[0]).toMatchObject({ expiresIn: { seconds: 2_592_000n } });
  });

  test("a site admin's key belongs to no organization", async () => {
    await cli("apikey create --name root --role site-admin --expires 0");
    expect(asked[0]).toMatchObject({ role: Role.SITE_ADMIN, organization: "", expiresIn: { seconds: 0n } });
  });

  test("rotate prints the new secret alone, and when the old key ends", async () => {
    const { stdout, stderr } = await cli("apikey rotate key_1 --overlap 2h");
    expect(stdout).toBe(`${secret}\n`);
    expect(stderr).toContain("The old key key_1 ends at 2026-06-01T00:00:00Z.");
    expect(asked.at(-1)).toMatchObject({ apiKeyId: "key_1", overlap: { seconds: 7200n } });
    expect((asked.at(-1) as RotateApiKeyRequest).expiresIn).toBeUndefined();
  });

  test("sessions lists the browsers of a key, and signs one or all of them out", async () => {
    const listing = await cli("apikey sessions key_1 -o wide");
    expect(listing.stdout).toMatch(/^ID +LAST USED +FROM .*\n5c9a0a7f +.*10\.0\.0\.7 .*Mozilla\/5\.0/);
    expect((await cli("apikey sessions key_1 -o name")).stdout).toBe("session/5c9a0a7f\n");
    expect((await cli("apikey sessions key_1 --end session/5c9a0a7f")).stdout).toBe("✓ Signed one browser out\n");
    expect((await cli("apikey sessions ci --end-all")).stdout).toBe("✓ Signed 3 browsers out\n");
    expect(ended.splice(0)).toMatchObject([
      { apiKeyId: "key_1", browserSessionId: "5c9a0a7f", all: false },
      { apiKeyId: "key_1", browserSessionId: "", all: true },
    ]);
    expect((await cli("apikey sessions ci --end x --end-all")).exit).toBe(2);
    expect(ended).toEqual([]);
  });

  test("a name is enough, where only one key of it goes on", async () => {
    const older = { ...key, id: "key_0", replacedBy: "key_1" };
    listed = [key, older, { ...key, id: "key_3", active: false }, { ...key, id: "key_4", name: "ana" }];
    expect((await cli("apikey rotate ci")).exit).toBe(0);
    expect(asked.at(-1)).toMatchObject({ apiKeyId: "key_1" });
    listed = [key, { ...key, id: "key_2" }];
    const several = await cli("apikey rotate ci");
    expect(several).toMatchObject({
      exit: 5,
      stderr: expect.stringMatching(/2 API keys are named "ci".*key_1, key_2/s),
    });
    expect(await cli("apikey rotate cj")).toMatchObject({ exit: 3, stderr: expect.stringContaining('"cj"') });
  });

  test("who may not list keys names the own one", async () => {
    listed = new ConnectError("only owners list keys", Code.PermissionDenied);
    expect((await cli("apikey rotate mine")).exit).toBe(0);
    expect(asked.at(-1)).toMatchObject({ apiKeyId: "key_9" });
    expect((await cli("apikey rotate ci")).exit).toBe(3);
  });

  test("list shows whose it is and what it may do, and revoke asks first", async () => {
    expect((await cli("apikey list --columns id,name,role,status")).stdout).toBe(
      "ID     NAME  ROLE      STATUS\nkey_1  ci    operator  valid\n",
    );
    expect((await cli("apikey revoke key_1")).exit).toBe(2);
    expect((await cli("apikey revoke key_1 --yes")).stdout).toContain("Revoked API key key_1 (ci)");
  });
});

describe("audit", () => {
  test("list shows who did what", async () => {
    expect((await cli("audit list")).stdout).toBe(
      "TIME                  ACTOR        ACTION      RESOURCE  DETAIL\n2026-01-01T00:00:00Z  ana (key_0)  pool.grant  apool_1   name=prod\n",
    );
  });

  test("export prints JSON lines, and dates or spans of time bound it", async () => {
    const { stdout, stderr } = await cli("audit export --since 2026-01-01 --until 24h --action pool.");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(["1", "2"]);
    expect(stderr).toContain("2 changes");
    const { filter } = asked[0] as ExportAuditEventsRequest;
    const [since, until] = [filter?.since, filter?.until].map((time) => time && timestampDate(time).toISOString());
    const yesterday = new Date(clock.now().getTime() - 86_400_000).toISOString();
    expect([filter?.action, since, until]).toEqual(["pool.", "2026-01-01T00:00:00.000Z", yesterday]);
  });
});
