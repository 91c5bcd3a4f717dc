import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import {
  checked,
  noRelationships,
  readJsonBody,
  readNames,
  readOptionalResource,
  readResource,
  resourceName,
  toMany,
  toOne,
} from "./body.ts";

const clock = new ManualClock();

/** A request with a body in pieces. */
const sent = (body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const pieces = text.match(/.{1,7}/gs) ?? [];
  const request = Object.assign(Readable.from(pieces.map((piece) => Buffer.from(piece))), { headers });
  return { request: request as never, control: { clock } };
};
const shape = {
  types: ["workspaces"],
  attributes: z.object({ name: z.string(), "auto-apply": z.boolean().optional() }),
  relationships: z.object({ project: toOne.optional(), tags: toMany.optional() }),
};
const refusal = async (reading: Promise<unknown>) =>
  reading.then(
    () => "taken",
    ({ code, fields }) => [code, ...(fields ?? []).map(({ field }: { field: string }) => field)],
  );

describe("a body", () => {
  test("is bounded by what is announced, and by what comes", async () => {
    const spaces = (count: number) => sent(`${" ".repeat(count - 1)}1`);
    expect(await readJsonBody(spaces(100), { maxBytes: 100 })).toBe(1);
    expect(await refusal(readJsonBody(spaces(101), { maxBytes: 100 }))).toEqual(["upload_too_large"]);
    expect(await refusal(readJsonBody(sent("", { "content-length": "101" }), { maxBytes: 100 }))).toEqual([
      "upload_too_large",
    ]);
    expect(await refusal(readJsonBody(spaces(1024 * 1024 + 1)))).toEqual(["upload_too_large"]);
  });

  test("that does not come in time is refused, whatever has come of it", async () => {
    const slow = Object.assign(new PassThrough(), { headers: {} });
    const reading = refusal(readJsonBody({ request: slow as never, control: { clock } }));
    for (let seconds = 0; seconds < 30; seconds++) {
      slow.write("x");
      await clock.advance(1_000);
    }
    expect(await reading).toEqual(["canceled"]);
    slow.end();
  });

  test.each([
    ["", undefined],
    [" \n", undefined],
    ["null", null],
    ['{"a":[1]}', { a: [1] }],
    ['"[[[["', "[[[["],
    [`"${"\\\\".repeat(3)}["`, "\\\\\\["],
  ])("%j is %j", async (text, value) => {
    expect(await readJsonBody(sent(text))).toEqual(value);
  });

  test.each(["{", "[1,]", "nope", '{"a":1}x', "\u0000"])("%j is no JSON", async (text) => {
    expect(await refusal(readJsonBody(sent(text)))).toEqual(["validation", "/"]);
  });

  test("is nested as deeply as any document, and no deeper; what is quoted does not count", async () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    expect(await refusal(readJsonBody(sent(nested(64))))).toBe("taken");
    expect(await refusal(readJsonBody(sent(nested(65))))).toEqual(["validation", "/"]);
    expect(await refusal(readJsonBody(sent(nested(10_000))))).toEqual(["validation", "/"]);
    expect(await refusal(readJsonBody(sent("[".repeat(10_000))))).toEqual(["validation", "/"]);
    expect(await refusal(readJsonBody(sent(JSON.stringify(nested(10_000)))))).toBe("taken");
  });
});

describe("a resource", () => {
  test("has what its shape names; the rest is borne", async () => {
    const data = {
      ...{ type: "workspaces", id: "ws-1" },
      attributes: { name: "net", "vcs-repo": { deep: [1] } },
      relationships: { project: { data: { type: "projects", id: "prj-1", attributes: {} } }, more: 1 },
    };
    expect(await readResource(sent({ data, jsonapi: {} }), shape)).toEqual({
      attributes: { name: "net" },
      relationships: { project: { data: { type: "projects", id: "prj-1" } } },
    });
  });

  test.each([
    ["no body", ""],
    ["no object", "[]"],
    ["no data", "{}"],
    ["a list for data", '{"data":[]}'],
    ["null for data", '{"data":null}'],
  ])("is refused with %s", async (_what, body) => {
    expect(await refusal(readResource(sent(body), shape))).toEqual(["validation", "/"]);
  });

  test.each([
    [{ type: "runs", attributes: { name: "net" } }, "/data/type"],
    [{ type: 7, attributes: { name: "net" } }, "/data/type"],
    [{ type: "workspaces" }, "/data/attributes/name"],
    [{ type: "workspaces", attributes: [] }, "/data/attributes"],
    [{ type: "workspaces", attributes: { name: 7 } }, "/data/attributes/name"],
    [{ type: "workspaces", attributes: { name: "net", "auto-apply": "yes" } }, "/data/attributes/auto-apply"],
    [
      { type: "workspaces", attributes: { name: "net" }, relationships: { project: { data: { id: "x" } } } },
      "/data/relationships/project/data/type",
    ],
    [
      { type: "workspaces", attributes: { name: "net" }, relationships: { tags: { data: [{ type: "tags" }] } } },
      "/data/relationships/tags/data/0/id",
    ],
  ])("%j is refused at %s", async (data, pointer) => {
    expect(await refusal(readResource(sent({ data }), shape))).toEqual(["validation", pointer]);
  });

  test("tells all that is wrong with it", async () => {
    const data = { type: "workspaces", attributes: { name: 7, "auto-apply": 7 } };
    expect(await refusal(readResource(sent({ data }), shape))).toEqual([
      ...["validation", "/data/attributes/name", "/data/attributes/auto-apply"],
    ]);
  });

  test.each(["", undefined])("may have the type %j, as the terraform program sends it", async (type) => {
    const data = { type, attributes: { name: "net" } };
    expect(await refusal(readResource(sent({ data }), shape))).toBe("taken");
  });

  test("may be left out where nothing needs to be said", async () => {
    const optional = { attributes: z.object({ comment: z.string().optional() }), relationships: noRelationships };
    const nothing = { attributes: {}, relationships: {} };
    for (const body of ["", "{}", "null", '{"data":null}'])
      expect(await readOptionalResource(sent(body), optional)).toEqual(nothing);
    const wrong = readOptionalResource(sent({ data: { attributes: { comment: 1 } } }), optional);
    expect(await refusal(wrong)).toEqual(["validation", "/data/attributes/comment"]);
  });
});

test("names in a relationship are a list of types and ids", async () => {
  const names = [{ type: "workspaces", id: "ws-1" }];
  expect(await readNames(sent({ data: names }))).toEqual(names);
  expect(await readNames(sent({ data: [] }))).toEqual([]);
  for (const body of ["", "{}", '{"data":{}}', '{"data":[{"type":"a"}]}'])
    expect(await refusal(readNames(sent(body)))).toEqual(["validation", expect.stringMatching(/^\/data/)]);
});

test("a value is checked below its pointer", () => {
  expect(checked(resourceName, { type: "a", id: "b", more: 1 }, "/x")).toEqual({ type: "a", id: "b" });
  expect(() => checked(resourceName, { type: "a" }, "/x")).toThrow(
    expect.objectContaining({ fields: [expect.objectContaining({ field: "/x/id" })] }),
  );
});
