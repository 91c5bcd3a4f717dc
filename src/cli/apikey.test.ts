import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ApiKeyService,
  type CreateApiKeyRequest,
  type ListApiKeysRequest,
  type RotateApiKeyRequest,
} from "../gen/windlass/v1/api_key_service_pb.ts";
import { AuditService, type ExportAuditEventsRequest } from "../gen/windlass/v1/audit_service_pb.ts";
import { Role, SystemService } from "../gen/windlass/v1/system_service_pb.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { FakeServer } from "./testing/fake-server.ts";
import { runCli } from "./testing/run-cli.ts";

const secret = `wdl_usr_${"a".repeat(30)}_000000`;
const key = {
  ...{ id: "key_1", name: "ci", organization: "acme", role: Role.OPERATOR, prefix: "wdl_usr_aaaa", active: true },
  ...{ createdBy: "ana (key_0)", expireTime: timestampFromDate(new Date("2026-06-01T00:00:00Z")) },
};
const event = { id: "1", actor: "ana (key_0)", action: "pool.grant", resource: "apool_1", detail: { name: "prod" } };
const asked: (CreateApiKeyRequest | RotateApiKeyRequest | ListApiKeysRequest | ExportAuditEventsRequest)[] = [];

const server = new FakeServer((router) => {
  const noted =
    <Request extends (typeof asked)[number], Answer>(answer: Answer) =>
    (request: Request) => {
      asked.push(request);
      return answer;
    };
  router.service(SystemService, {});
  router.service(ApiKeyService, {
    createApiKey: noted({ apiKey: key, secret }),
    rotateApiKey: noted({ apiKey: { ...key, id: "key_2" }, secret, replaced: key }),
    listApiKeys: noted({ apiKeys: [key] }),
    revokeApiKey: () => ({ apiKey: key }),
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
beforeEach(() => void asked.splice(0));

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
    expect(asked[0]).toMatchObject({ apiKeyId: "key_1", overlap: { seconds: 7200n } });
    expect((asked[0] as RotateApiKeyRequest).expiresIn).toBeUndefined();
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
