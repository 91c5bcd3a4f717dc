import { describe, expect, test } from "vitest";
import { done } from "./answers.ts";
import { openRoute, route } from "./call.ts";
import { TfeRouter } from "./router.ts";

const nothing = async () => done;
const router = new TfeRouter(
  [
    "GET /organizations",
    "GET /organizations/:organization",
    "GET /organizations/:organization/workspaces",
    "GET /organizations/:organization/workspaces/:workspace",
    "POST /organizations/:organization/workspaces/:workspace/actions/lock",
    "DELETE /runs/:run",
    "GET /runs/queue",
  ].map((pattern) => route(pattern, nothing)),
);
const found = (method: string, path: string) => {
  const match = router.match(method, path);
  return match && [match.route.pattern, match.params];
};

describe("a path", () => {
  test.each([
    ["GET", "/organizations", "GET /organizations", {}],
    ["HEAD", "/organizations", "GET /organizations", {}],
    ["GET", "/organizations/acme", "GET /organizations/:organization", { organization: "acme" }],
    ["GET", "/organizations/acme/", "GET /organizations/:organization", { organization: "acme" }],
    ["GET", "//organizations//acme", "GET /organizations/:organization", { organization: "acme" }],
    ["GET", "/organizations/workspaces", "GET /organizations/:organization", { organization: "workspaces" }],
    ["GET", "/organizations/a%20b", "GET /organizations/:organization", { organization: "a b" }],
    ["GET", "/organizations/%2e%2e", "GET /organizations/:organization", { organization: ".." }],
    [
      "GET",
      "/organizations/acme/workspaces/a%2Fb",
      "GET /organizations/:organization/workspaces/:workspace",
      { organization: "acme", workspace: "a/b" },
    ],
    [
      "POST",
      "/organizations/acme/workspaces/net/actions/lock",
      "POST /organizations/:organization/workspaces/:workspace/actions/lock",
      { organization: "acme", workspace: "net" },
    ],
    ["GET", "/runs/queue", "GET /runs/queue", {}],
    ["DELETE", "/runs/queue", "DELETE /runs/:run", { run: "queue" }],
  ])("%s %s is its route's", (method, path, pattern, params) => {
    expect(found(method, path)).toEqual([pattern, params]);
  });

  test.each([
    ["GET", "/"],
    ["GET", ""],
    ["POST", "/organizations"],
    ["GET", "/organizations/acme/nothing"],
    ["GET", "/organizations/acme/workspaces/net/actions/lock"],
    ["GET", "/Organizations"],
    ["GET", "/organizations/%"],
    ["GET", "/organizations/%ff"],
    ["GET", `/organizations/acme${"/x".repeat(20)}`],
    ["GET", "/organizations/acme/__proto__"],
    ["__proto__", "/organizations"],
    ["GET", "/constructor"],
  ])("%s %s is no route's", (method, path) => {
    expect(found(method, path)).toBeUndefined();
  });
});

test("two routes of one pattern, and two names for one place, are mistakes of ours", () => {
  const made = (...patterns: readonly string[]) =>
    new TfeRouter(patterns.map((pattern) => openRoute(pattern, nothing)));
  expect(() => made("GET /a/:b", "GET /a/:b")).toThrow("two routes");
  expect(() => made("GET /a/:b", "POST /a/:c")).toThrow(":c is named :b");
});
