import { expect, test } from "vitest";
import { plain } from "../../../test/support/json.ts";
import { writeJson } from "../../lib/json/text.ts";
import { createTextRedactor } from "../redaction/redact.ts";
import { summarizePlan } from "./plan.ts";

const secret = "hunter2-s3cret";
const forms = [
  secret,
  Buffer.from(secret).toString("base64"),
  Buffer.from(`x${secret}`).toString("base64"),
  Buffer.from(secret).toString("hex"),
  JSON.stringify(JSON.stringify({ inner: { pw: secret } })),
];
const summarizeText = (plan: string, secrets: readonly string[]) => plain(summarizePlan(plan, secrets));
const summarize = (plan: object, secrets: readonly string[] = [secret]) => summarizeText(JSON.stringify(plan), secrets);
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
  expect(summarizeText(text, ["482913", long, "1.5", " "]).resources[0]?.after).toEqual({
    a: { masked: true, changed: true },
    b: { masked: true, changed: true },
    c: 1.5,
    d: { masked: true, changed: true },
  });
});

test("a number is no secret because a float takes it for one, and is one however terraform prints it", () => {
  const numbers =
    '{"same":9007199254740993,"other":9007199254740992,"text":"9.007199254740993e+15","scaled":900719925474099.30e1}';
  const marks = '"after_sensitive":{"pin":true}';
  const text = `{"resource_changes":[{"address":"a.b","change":{"actions":["create"],"after":{"pin":9007199254740993,"seen":${numbers}},${marks}}}]}`;
  const { seen } = summarizeText(text, []).resources[0].after;
  expect(JSON.stringify(seen.same) + JSON.stringify(seen.text) + JSON.stringify(seen.scaled)).not.toMatch(/\d/);
  expect(writeJson(summarizePlan(text))).toContain('"other":9007199254740992');
  expect(summarizeText(text, ["9007199254740993"]).resources[0].after.seen).toEqual(seen);
});

test("whether a hidden number changes is told to the last digit", () => {
  const sides = '"before":{"pin":9007199254740992},"after":{"pin":9007199254740993}';
  const marks = '"before_sensitive":{"pin":true},"after_sensitive":{"pin":true}';
  const text = `{"resource_changes":[{"address":"a.b","change":{"actions":["update"],${sides},${marks}}}]}`;
  expect(summarizeText(text, []).resources[0].after).toEqual({ pin: { masked: true, changed: true } });
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

test("an address with quotes that are never closed is hidden behind the first of them, and looked at once", () => {
  const { resource_changes: changes } = changeOf("text");
  const key = '\\"'.repeat(150_000);
  const plan = {
    resource_changes: [
      { ...changes[0], address: `a.b["${key}` },
      { ...changes[0], address: `a.b["${secret}` },
    ],
  };
  const addresses = summarize(plan).resources.map(({ address }: { readonly address: string }) => address);
  expect(addresses).toEqual([expect.stringMatching(/^a\.b\["/), 'a.b["(sensitive value)']);
});
