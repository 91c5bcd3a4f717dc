import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApiKey, issueApiKey } from "../src/control/people/api-keys.ts";
import { SystemService } from "../src/gen/windlass/v1/system_service_pb.ts";
import { inProcessTransport } from "../src/rpc/in-process.ts";
import { interceptorsFor } from "../src/rpc/interceptors.ts";
import { serviceRoutes } from "../src/rpc/routes.ts";
import { serverSettings } from "../src/settings/server.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { until } from "./support/until.ts";

let fixture: TestControl;
let secret: string;
beforeAll(async () => {
  fixture = await openTestControl();
  const wanted = { name: "ann", role: "reader", organizationId: fixture.organization.id } as const;
  secret = (await createApiKey(fixture.control, wanted)).secret;
});
afterAll(() => fixture[Symbol.asyncDispose]());

const client = () => {
  const { control } = fixture;
  const transport = inProcessTransport({ routes: serviceRoutes(control), interceptors: interceptorsFor(control) });
  return createClient(SystemService, transport);
};
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

test("the server tells its limits by the names of its settings, and its time", async () => {
  const { limits, serverTime } = await client().getServerInfo({});
  const flags = Object.values(serverSettings).map(({ flag }) => flag);
  const withoutSetting = Object.keys(limits).filter((name) => !flags.includes(name));
  expect(withoutSetting).toEqual(["max-plan-size", "log-window-size"]);
  expect(limits).toMatchObject({
    "rate-limit": 500n,
    "auth-failure-limit": 600n,
    "max-queued-runs": 500n,
    "max-agents-per-token": 5_000n,
    "registration-rate": 600n,
    "max-log-size": 67_108_864n,
  });
  expect(serverTime && timestampDate(serverTime)).toEqual(fixture.clock.now());
});

test("the server tells what is kept how long, by the names of the settings", async () => {
  const { retention } = await client().getServerInfo({});
  const flags = Object.values(serverSettings).map(({ flag }) => flag);
  expect(Object.keys(retention).filter((name) => !flags.includes(name))).toEqual([]);
  const kept = flags.filter((name = "") => /^keep-|-ttl$/.test(name));
  expect(Object.keys(retention).toSorted()).toEqual(kept.toSorted());
  expect(retention).toMatchObject({ "keep-audit": "for ever", "keep-logs": "as long as the run" });
});

test("a caller reads when the credential ends", async () => {
  expect((await client().whoAmI({}, bearer(secret))).expireTime).toBeUndefined();
  const wanted = { organization: "", name: "ci", role: "reader", expiresInMs: 60_000 } as const;
  const { key, secret: short } = await issueApiKey(fixture.control, fixture.as("owner"), wanted);
  const { expireTime } = await client().whoAmI({}, bearer(short));
  expect(expireTime && timestampDate(expireTime)).toEqual(key.expiresAt);
});

test("a probe comes piece by piece, one every 100 ms", async () => {
  const { clock } = fixture;
  const pieces: number[] = [];
  const reading = (async () => {
    for await (const { number, chunk } of client().streamProbe({ pieces: 3, pieceBytes: 7 }, bearer(secret))) {
      pieces.push(number * 100 + chunk.length);
    }
  })();
  for (const count of [1, 2, 3]) {
    await until(`piece ${count}`, () => pieces.length === count);
    await clock.advance(100);
  }
  await reading;
  expect(pieces).toEqual([107, 207, 307]);
});
