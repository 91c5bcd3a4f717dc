import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const text = (path: string) => readFileSync(resolve(root, path), "utf8");

/** Names of rules, as docs/agent-protocol.md has them at the beginning of a row. */
const documented = new Set(
  [...text("docs/agent-protocol.md").matchAll(/^\| `([a-z]+\.[a-z_]+)` \|/gm)].map(([, name]) => name ?? ""),
);

test("every rule that a proto file names stands in the contract", () => {
  const protos = globSync("proto/windlass/agent/v1/*.proto", { cwd: root });
  const named = protos.flatMap((path) =>
    [...text(path).matchAll(/\[([a-z]+\.[a-z_]+)\]/g)].map(([, name]) => name ?? ""),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !documented.has(name))).toEqual([]);
});

test("every rule by which a message is refused stands in the contract", () => {
  const sources = ["src/control/sessions/claims.ts", "src/rpc/streams/session-hearing.ts"];
  const named = sources.flatMap((path) =>
    [...text(path).matchAll(/"((?:log|claim|field|result)\.[a-z_]+)"/g)].map(([, name]) => name ?? ""),
  );
  expect(new Set(named)).toEqual(
    new Set(["log.chunk", "claim.name", "field.bounds", "result.before_grant", "result.state"]),
  );
  expect(named.filter((name) => !documented.has(name))).toEqual([]);
});
