import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { memoryLog, silentLog } from "../lib/program/log.ts";
import { routeTo } from "./router.ts";
import type { HttpExchange, Tenant, TenantPlace } from "./tenant.ts";

const place = { shutdown: new AbortController().signal, clock: new ManualClock(), log: silentLog() };

/** A tenant that notes what it is asked, and answers what `isMine` names. */
const tenant =
  (asked: string[], name: string, isMine: (path: string) => boolean = () => true): Tenant =>
  () =>
  async ({ path, response }) => {
    asked.push(name);
    if (!isMine(path)) return "not-mine";
    response.end(name);
    return "answered";
  };

function exchange(path: string): HttpExchange {
  const request = new IncomingMessage(new Socket());
  request.method = "GET";
  return {
    request,
    response: new ServerResponse(request),
    path,
    address: "127.0.0.1",
    origin: "http://localhost",
    recognize: () => {},
  };
}

test.each([
  ["/api/v2/ping", ["tfe"]],
  ["/api/v2", ["tfe"]],
  ["/api/v2x", ["rpc"]],
  ["/api/v22/ping", ["rpc"]],
  ["/windlass.v1.RunService/GetRun", ["rpc"]],
  ["/", ["rpc"]],
])("%s is asked of %j: the longest prefix that ends at a slash goes first", async (path, expected) => {
  const asked: string[] = [];
  const mounted = [
    { prefix: "", tenant: tenant(asked, "rpc") },
    { prefix: "/api/v2", tenant: tenant(asked, "tfe") },
  ];
  await routeTo(mounted, place)(exchange(path));
  expect(asked).toEqual(expected);
});

test("what a tenant leaves goes to the next, in their order; what nobody takes is a 404", async () => {
  const asked: string[] = [];
  const mounted = ["one", "two"].map((name) => ({
    prefix: "",
    tenant: tenant(asked, name, (path) => path === "/two"),
  }));
  const route = routeTo(mounted, place);
  const unknown = exchange("/three");
  await route(unknown);
  expect(asked).toEqual(["one", "two"]);
  expect(unknown.response.statusCode).toBe(404);
});

test("a tenant is told where it is, and when the port closes", () => {
  const places: TenantPlace[] = [];
  const noting: Tenant = (given) => {
    places.push(given);
    return async () => "not-mine";
  };
  routeTo([{ prefix: "/api/v2", tenant: noting }], place);
  expect(places).toEqual([{ ...place, prefix: "/api/v2" }]);
});

test("a tenant that fails ends its own request, and the log says why", async () => {
  const { log, records } = memoryLog();
  const failing: Tenant = () => async () => {
    throw new Error("no");
  };
  const cut = exchange("/x");
  await routeTo([{ prefix: "", tenant: failing }], { ...place, log })(cut);
  expect(cut.response.destroyed).toBe(true);
  expect(records).toMatchObject([{ msg: "a request could not be answered", path: "/x" }]);
});
