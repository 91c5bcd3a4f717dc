import { describe, expect, test } from "vitest";
import { keysOf } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isFault, refusalOf, refused } from "./errors.ts";

const documentOf = (error: unknown) => {
  const answer = refused(error, "req-1");
  if (answer.kind !== "bytes" || typeof answer.bytes !== "string") throw new Error("an error is a document of text");
  return { ...answer, errors: JSON.parse(answer.bytes).errors };
};

test("what is the caller's is never a 5xx: clients repeat these for minutes", () => {
  const faults = keysOf(refusalOf).filter((code) => refusalOf[code].status >= 500);
  expect(faults.toSorted()).toEqual([
    "deadline_exceeded",
    "internal",
    "issuer_unavailable",
    "server_draining",
    "storage_unavailable",
  ]);
});

test("every refusal is a document with its status, a title and a detail", () => {
  for (const code of keysOf(refusalOf)) {
    const { status, type, errors } = documentOf(new WindlassError(code, `why ${code}`));
    expect(type).toBe("application/vnd.api+json");
    expect(errors).toEqual([
      expect.objectContaining({ status: String(status), title: refusalOf[code].title, detail: `why ${code}` }),
    ]);
  }
});

test("who may not do a thing is told what who does not see it is told", () => {
  const told = (code: "permission_denied" | "not_found") => documentOf(new WindlassError(code, "why"));
  expect(told("permission_denied")).toEqual(told("not_found"));
  expect(told("not_found").status).toBe(404);
});

describe("fields", () => {
  const pointersOf = (...fields: readonly string[]) =>
    documentOf(
      new WindlassError("validation", "no", { fields: fields.map((field) => ({ field, description: "is bad" })) }),
    ).errors.map(({ source, detail }: { source: { pointer: string }; detail: string }) => [source.pointer, detail]);

  test.each([
    ["workspace.name", "/data/attributes/name", "name: is bad"],
    ["changes.execution_mode", "/data/attributes/execution-mode", "execution mode: is bad"],
    ["changes.agent_pool", "/data/attributes/agent-pool-id", "agent pool id: is bad"],
    ["options.targets", "/data/attributes/target-addrs", "target addrs: is bad"],
    ["engine_version", "/data/attributes/terraform-version", "terraform version: is bad"],
    ["/data/relationships/workspace", "/data/relationships/workspace", "workspace: is bad"],
    ["", "/data", "is bad"],
  ])("%j is %s", (field, pointer, detail) => {
    expect(pointersOf(field)).toEqual([[pointer, detail]]);
  });

  test("are told as far as ten", () => {
    expect(pointersOf(...Array.from({ length: 30 }, (_, index) => `f${index}`))).toHaveLength(10);
  });
});

test("a wrong parameter is 400, in the answer's status too", () => {
  const error = new WindlassError("validation", "Invalid include parameter", { metadata: { parameter: "include" } });
  expect(documentOf(error)).toMatchObject({
    status: 400,
    errors: [{ status: "400", source: { parameter: "include" } }],
  });
});

test.each([
  ["variable", "/data/attributes/key"],
  ["workspace", "/data/attributes/name"],
])("a %s whose name is taken is to have another one", (resource, pointer) => {
  const error = new WindlassError("name_taken", "there is one", { metadata: { resource } });
  expect(documentOf(error)).toMatchObject({ status: 422, errors: [{ source: { pointer } }] });
});

test("too many calls say when to come again, as clients read it", () => {
  expect(documentOf(new WindlassError("rate_limited", "wait", { retryAfterMs: 1_250 })).headers).toEqual({
    "retry-after": "2",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1.250",
  });
  expect(documentOf(new WindlassError("storage_unavailable", "wait", { retryAfterMs: 10 })).headers).toEqual({
    "retry-after": "1",
  });
});

test("what nobody foresaw is told by its request alone, and is a fault", () => {
  const error = new Error("select * from secrets");
  const { status, errors } = documentOf(error);
  expect(status).toBe(500);
  expect(JSON.stringify(errors)).toContain("req-1");
  expect(JSON.stringify(errors)).not.toContain("secrets");
  expect([
    isFault(error),
    isFault(new WindlassError("internal", "x")),
    isFault(new WindlassError("not_found", "x")),
  ]).toEqual([true, true, false]);
});

test("a long detail is cut", () => {
  const [error] = documentOf(new WindlassError("validation", "x".repeat(100_000))).errors;
  expect(error.detail.length).toBeLessThan(5_000);
});
