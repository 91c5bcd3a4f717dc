import { clone, create, type DescEnum, type DescMessage, type Message } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test, vi } from "vitest";
import { nameOf } from "../../src/rpc/bodies/admission.ts";
import { callOnce } from "../authorization/call.ts";
import type { Row } from "../authorization/row.ts";
import { ours, useBench } from "./bench.ts";
import { brokenRequests } from "./broken-requests.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bench = useBench();
const named = (rows: readonly Row[]) => rows.map((row) => [nameOf(row.method), row] as const);
const withField = (name: string) =>
  ours.filter(({ method }) => method.input.fields.some((field) => field.name === name));

/** The good request with other values in some of its fields. */
const spoiled = (row: Row, values: Readonly<Record<string, unknown>>): Message =>
  Object.assign(clone(row.method.input, bench.goodRequest(row)), values);

describe("what a request names", () => {
  /** Ids by their field, wherever a request holds one. */
  function idsIn(message: Message): readonly (readonly [string, string])[] {
    const isId = (value: unknown): value is string => typeof value === "string" && /^[a-z]+_[0-9a-z]{26}$/.test(value);
    return Object.entries(message).flatMap(([name, value]) => (isId(value) ? [[name, value] as const] : []));
  }

  test.each(named(ours))("%s: what is no id, or one of another kind, does not exist", async (_name, row) => {
    const { run, variableSet } = bench.world.places.own;
    for (const [field, id] of idsIn(bench.goodRequest(row))) {
      const other = id.startsWith("run_") ? variableSet : run;
      // The state that the caller believes to be the present one is compared, not looked for.
      const wanted = field === "expectedCurrentId" ? /^STATE_SERIAL_CONFLICT$/ : /^(NOT_FOUND|VALIDATION of \w+)$/;
      for (const bad of [other, `${id.slice(0, -1)}`, "no such thing", `${id}'; drop table runs; --`]) {
        const refusal = await bench.refusalOf(row, spoiled(row, { [field]: bad }), "owner");
        expect([refusal, field, bad]).toEqual([expect.stringMatching(wanted), field, bad]);
      }
    }
  });
});

describe("enums", () => {
  const enumsIn = (schema: DescMessage, prefix = "", depth = 0): readonly (readonly [string, DescEnum])[] =>
    schema.fields.flatMap((field) => {
      const path = `${prefix}${field.name}`;
      if (field.enum !== undefined) return [[path, field.enum] as const];
      const inner = field.message;
      return inner?.typeName.startsWith("windlass.v1.") && depth < 3 ? enumsIn(inner, `${path}.`, depth + 1) : [];
    });

  test("every one that people send refuses a value that nobody defined", () => {
    const missing = ours
      .filter(({ method }) => nameOf(method).startsWith("windlass.v1."))
      .flatMap(({ method }) => {
        const checked = brokenRequests(method.input, create(method.input))
          .filter(({ rule }) => rule.endsWith("defined_only"))
          .map(({ path }) => path.replaceAll("[0]", ""));
        return enumsIn(method.input)
          .map(([path]) => path)
          .filter((path) => !checked.includes(path) && !isOutputOnly(path))
          .map((path) => `${nameOf(method)} ${path}`);
      });
    expect(missing).toEqual([]);
  });

  /** Fields of resources that only the server sets. */
  const isOutputOnly = (path: string) => /^(workspace|changes)\.(lock|current_run_state)/.test(path);
});

describe("pages, masks and etags", () => {
  test.each(named(withField("page_token")))("%s refuses a page token that it did not give", async (_name, row) => {
    for (const pageToken of ["bogus", "e30", Buffer.from('["key"]').toString("base64url")]) {
      expect(await bench.refusalOf(row, spoiled(row, { pageToken }))).toBe("VALIDATION of page_token");
    }
  });

  test.each(named(withField("update_mask")))(
    "%s refuses a mask of nothing, of unknown fields and of what the server sets",
    async (_name, row) => {
      for (const paths of [[], ["no_such_field"], ["id"], ["create_time"], ["etag"]]) {
        const updateMask = create(FieldMaskSchema, { paths });
        expect(await bench.refusalOf(row, spoiled(row, { updateMask }))).toBe("VALIDATION of update_mask");
      }
      expect(await bench.refusalOf(row, spoiled(row, { changes: undefined }))).toBe("VALIDATION of changes");
    },
  );

  test.each(named(withField("etag")))("%s refuses an etag that is not the present one", async (_name, row) => {
    expect(await bench.refusalOf(row, spoiled(row, { etag: "99" }))).toBe("ETAG_MISMATCH");
  });
});

describe("request ids", () => {
  /** Another body for the same id. */
  const otherBody: Readonly<Record<string, (request: Message) => object>> = {
    CreateOrganization: () => ({ maxAgents: 7 }),
    CreateAgentPool: () => ({ description: "another" }),
    CreateAgentToken: () => ({ description: "another" }),
    CreateIdentityTrust: () => ({ description: "another" }),
    CreateWorkspace: (request) => ({ workspace: { ...inner(request, "workspace"), description: "another" } }),
    CreateVariableSet: (request) => ({ variableSet: { ...inner(request, "variableSet"), description: "another" } }),
    CreateRun: () => ({ message: "another" }),
    RetryRun: () => ({ message: "another" }),
  };
  const inner = (request: Message, field: string): object =>
    (request as unknown as Record<string, object>)[field] ?? {};

  test.each(named(withField("request_id")))(
    "%s: the same request is answered the same, another body is refused",
    async (_name, row) => {
      const { world } = bench;
      const place = await world.fresh("own");
      if (row.method.name === "RetryRun") {
        await world.control.store.write(async (tx) => {
          const run = await tx.runs.get(place.run as `run_${string}`);
          if (run !== undefined) await tx.runs.save({ ...run, status: "errored" });
        });
      }
      const requestId = crypto.randomUUID();
      const request = Object.assign(bench.goodRequest(row, place), { requestId });
      const call = { method: row.method, credential: world.credentials["site admin"], request };
      const idOf = (answer: unknown) =>
        /"[a-z]+_[0-9a-z]{26}"/.exec(
          JSON.stringify(answer, (_key, value) => (typeof value === "bigint" ? `${value}` : value)),
        )?.[0];
      const first = idOf(await callOnce(world.transport, call));
      if (row.method.name !== "CreateAgentToken") expect(idOf(await callOnce(world.transport, call))).toBe(first);
      const change = otherBody[row.method.name];
      if (change === undefined) throw new Error(`say what another body of ${row.method.name} is`);
      const other = create(row.method.input, { ...request, ...change(request) } as Record<string, unknown>);
      expect(await bench.refusalOf(row, other)).toBe("REQUEST_ID_REUSED");
    },
  );
});
