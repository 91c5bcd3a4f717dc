import { expect, test } from "vitest";
import { redactPlan } from "./redacted-plan.ts";

const schemas = Buffer.from(
  JSON.stringify({
    format_version: "1.0",
    provider_schemas: {
      "p/a": {
        resource_schemas: { a_b: { version: 0 }, a_c: { version: 0 } },
        data_source_schemas: { a_b: { version: 1 } },
      },
      "p/unused": { resource_schemas: { u: { version: 0 } } },
    },
  }),
);
const resource = (change: object, more: object = {}) => ({
  ...{ address: "a_b.x", mode: "managed", type: "a_b", name: "x", provider_name: "p/a", change },
  ...more,
});
const redacted = (more: object, secrets: readonly string[] = []) => {
  const text = redactPlan(
    JSON.stringify({ format_version: "1.2", terraform_version: "1.11.4", ...more }),
    schemas,
    secrets,
  );
  return { text, document: JSON.parse(text) };
};
const update = { actions: ["update"], after_unknown: {} };

test("has the parts that terraform's client reads, and of the schemas those that it needs", () => {
  const change = {
    actions: ["create"],
    before: null,
    after: { n: 1 },
    after_unknown: { id: true },
    before_sensitive: false,
    after_sensitive: {},
  };
  const { document } = redacted({
    ...{ variables: { v: { value: "hidden" } }, prior_state: { values: {} }, configuration: { root_module: {} } },
    resource_changes: [
      resource(change, {
        index: 3,
        deposed: "ab",
        action_reason: "replace_because_tainted",
        previous_address: "a_b.y",
      }),
    ],
    resource_drift: [resource(change, { mode: "data" })],
    output_changes: {
      o: {
        actions: ["create"],
        before: null,
        after: "x",
        after_unknown: false,
        before_sensitive: false,
        after_sensitive: false,
      },
    },
    relevant_attributes: [{ resource: "a_b.x", attribute: ["n"] }],
  });
  expect(document).toEqual({
    plan_format_version: "1.2",
    resource_changes: [
      resource(change, {
        index: 3,
        deposed: "ab",
        action_reason: "replace_because_tainted",
        previous_address: "a_b.y",
      }),
    ],
    resource_drift: [resource(change, { mode: "data" })],
    output_changes: { o: expect.objectContaining({ after: "x" }) },
    relevant_attributes: [{ resource: "a_b.x", attribute: ["n"] }],
    deferred_changes: [],
    provider_format_version: "1.0",
    provider_schemas: {
      "p/a": { resource_schemas: { a_b: { version: 0 } }, data_source_schemas: { a_b: { version: 1 } } },
    },
  });
});

test("hides what is marked, tells whether it changes, and keeps the marks", () => {
  const change = {
    ...update,
    before: {
      same: "s3cret-same",
      other: { deep: "s3cret-before" },
      list: [1, "s3cret-list"],
      open: "s3cret-same too",
      gone: null,
    },
    after: { same: "s3cret-same", other: { deep: "s3cret-after" }, list: [1, "s3cret-list"], open: 7, gone: null },
    before_sensitive: { same: true, other: true, list: [false, true], gone: true },
    after_sensitive: { same: true, other: true, list: [false, true], gone: true },
  };
  const { text, document } = redacted({ resource_changes: [resource(change)] });
  expect(text).not.toContain("s3cret");
  expect(document.resource_changes[0].change).toEqual({
    ...update,
    before: {
      ...{ same: "sensitive value", other: "sensitive value (before)" },
      list: [1, "sensitive value"],
      open: "sensitive value (before)",
      gone: null,
    },
    after: {
      ...{ same: "sensitive value", other: "sensitive value (after)" },
      list: [1, "sensitive value"],
      open: 7,
      gone: null,
    },
    before_sensitive: { same: true, other: true, list: [false, true], open: true, gone: true },
    after_sensitive: { same: true, other: true, list: [false, true], gone: true },
  });
});

test("keeps the marks of what is sensitive and not known before the apply", () => {
  const change = {
    ...{ actions: ["create"], before: null, before_sensitive: false },
    after: { length: 20, deep: { open: 1 } },
    after_unknown: { result: true, deep: { key: true } },
    after_sensitive: { result: true, deep: { key: true } },
  };
  expect(redacted({ resource_changes: [resource(change)] }).document.resource_changes[0].change).toEqual(change);
});

test("hides secrets that terraform does not know, in values, keys, addresses, ids and generated configuration", () => {
  const change = {
    ...{
      actions: ["no-op"],
      before: { n: 12345678, "key-hunter2-hunter2": 1 },
      after: { n: 12345678 },
      after_unknown: {},
    },
    ...{
      before_sensitive: {},
      after_sensitive: {},
      importing: { id: "hunter2-hunter2" },
      replace_paths: [["hunter2-hunter2"]],
    },
    generated_config: 'resource "a_b" "x" {\n  password = "hunter2-hunter2"\n}',
  };
  const { text, document } = redacted(
    { resource_changes: [resource(change, { address: 'a_b.x["hunter2-hunter2"]', index: "hunter2-hunter2" })] },
    ["hunter2-hunter2", "12345678"],
  );
  expect(text).not.toMatch(/hunter2|12345678/);
  const [{ change: shown }] = document.resource_changes;
  expect(shown).toMatchObject({ before: { n: "sensitive value" }, before_sensitive: { n: true } });
  expect(shown.generated_config).toMatch(/^resource "a_b" "x" \{\n {2}password = /);
});

test("schemas that are no document are refused", () => {
  expect(() => redactPlan('{"format_version":"1.2"}', Buffer.from("Error: no"))).toThrow(TypeError);
});
