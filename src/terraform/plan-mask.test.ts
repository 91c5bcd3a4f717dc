import { expect, test } from "vitest";
import { summarizePlan } from "./plan.ts";
import { createTextRedactor } from "./redact.ts";

const secret = "hunter2-s3cret";
const forms = [
  secret,
  Buffer.from(secret).toString("base64"),
  Buffer.from(`x${secret}`).toString("base64"),
  Buffer.from(secret).toString("hex"),
  JSON.stringify(JSON.stringify({ inner: { pw: secret } })),
];
const summarize = (plan: object, secrets: readonly string[] = [secret]) => summarizePlan(JSON.stringify(plan), secrets);
const changeOf = (after: unknown, more: object = {}) => ({
  resource_changes: [{ address: "a.b", change: { actions: ["create"], before: null, after, ...more } }],
});

test.each(forms)("%j is hidden wherever a plan can hold it", (form) => {
  const address = `module.m[${JSON.stringify(form)}].terraform_data.each[${JSON.stringify(form)}]`;
  const change = {
    actions: ["create"],
    before: { [form]: 1 },
    after: { list: [form], nested: { [form]: { deep: `before ${form} after` } } },
    after_unknown: { nested: { [form]: true } },
    replace_paths: [["nested", form]],
    importing: { id: `id/${form}` },
  };
  const shown = { address, previous_address: address, module_address: address, name: form, change };
  const output = { actions: ["create"], before: null, after: { v: [form], [form]: 0 } };
  const summary = summarize({ resource_changes: [shown], resource_drift: [shown], output_changes: { o: output } });
  const text = JSON.stringify(summary);
  for (const clear of [secret, form, JSON.stringify(form).slice(1, -1)]) expect(text).not.toContain(clear);
  expect(summary.resources[0]?.address).toMatch(/^module\.m\[.*\(sensitive value\).*\]\.terraform_data\.each\[/);
  expect(summary.resources[0]?.after).toMatchObject({ list: [{ masked: true, changed: true }] });
  expect(summary.resources[0]?.importing).toContain("id/");
});

test("numbers that say a secret are hidden, however they are written", () => {
  const long = "12345678901234567890";
  const text = `{"resource_changes":[{"address":"a.b","change":{"actions":["create"],"after":{"a":482913,"b":${long},"c":1.5,"d":4829130}}}]}`;
  expect(summarizePlan(text, ["482913", long, "1.5", " "]).resources[0]?.after).toEqual({
    a: { masked: true, changed: true },
    b: { masked: true, changed: true },
    c: 1.5,
    d: { masked: true, changed: true },
  });
});

test("what terraform marks is hidden in every form elsewhere too, in index keys but not in names", () => {
  const marked = { after_sensitive: { password: true } };
  const after = { password: "postgres", copy: Buffer.from("postgres").toString("base64"), number: "other" };
  const { resource_changes: changes } = changeOf(after, marked);
  const plan = { resource_changes: [{ ...changes[0], address: 'db.postgres["postgres"]' }] };
  const { resources } = summarize(plan, []);
  expect(resources[0]?.address).toBe('db.postgres["(sensitive value)"]');
  expect(resources[0]?.after).toMatchObject({ copy: { masked: true }, number: "other" });
});

test("so many marked values that their forms would cost too much are hidden as they are", () => {
  const values = Array.from({ length: 300 }, (_, index) => `${index}-`.padEnd(1000, "x"));
  const { resources } = summarize(changeOf({ values, copies: values }, { after_sensitive: { values: true } }), []);
  expect(JSON.stringify(resources)).not.toContain("xxxx");
});

test("keys that become alike stay apart, and plain values stay as they are", () => {
  const after = { [`${secret}`]: 1, [Buffer.from(secret).toString("hex")]: 2, plain: ["text", 7, true, null] };
  expect(summarize(changeOf(after)).resources[0]?.after).toEqual({
    "(sensitive value)": 1,
    "(sensitive value) 2": 2,
    plain: ["text", 7, true, null],
  });
});

test("a text redactor treats each text on its own", () => {
  const redact = createTextRedactor([secret]);
  expect([redact("hunter2-"), redact("s3cret"), redact(`a ${secret}`), redact(secret), redact("ä")]).toEqual([
    ..."hunter2-|s3cret|a (sensitive value)|(sensitive value)|ä".split("|"),
  ]);
});
