import { expect, test } from "vitest";
import { pickSchemas } from "./provider-schemas.ts";

const schema = (name: string) => ({
  version: 1,
  block: { attributes: { [name]: { type: ["map", "string"], description: 'a "}{" \\\\' } } },
});
const provider = {
  provider: { version: 0, block: { attributes: { token: { type: "string" } } } },
  resource_schemas: { a_one: schema("one"), 'a_t"wo': schema("two"), a_three: schema("three") },
  data_source_schemas: { a_one: schema("data") },
  resource_identity_schemas: { a_one: { version: 0 } },
  functions: { f: { parameters: [] } },
};
const document = { format_version: "1.0", provider_schemas: { "h/n/a": provider, "h/n/b": provider } };
const types = {
  resource_schemas: new Set(["a_one", 'a_t"wo', "a_gone"]),
  data_source_schemas: new Set<string>(),
  ephemeral_resource_schemas: new Set(["a_one"]),
};
const wanted = new Map([
  ["h/n/a", types],
  ["h/n/gone", types],
]);
const picked = (text: string) => {
  const { formatVersion, providers } = pickSchemas(Buffer.from(text), wanted);
  return { formatVersion, providers: JSON.parse(providers) };
};
const expected = {
  formatVersion: '"1.0"',
  providers: {
    "h/n/a": {
      resource_schemas: { a_one: schema("one"), 'a_t"wo': schema("two") },
      data_source_schemas: {},
    },
  },
};

test.each([
  ["as terraform prints them", JSON.stringify(document)],
  ["laid out", JSON.stringify(document, undefined, 2)],
  ["behind warnings", `\nWarning: {"x": 1}\n${JSON.stringify(document)}\n`],
])("of the schemas of providers, %s, only those of the wanted types are taken", (_what, text) => {
  expect(picked(text)).toEqual(expected);
});

test.each([
  "",
  "{",
  '{"format_version":"1.0","provider_schemas":{"h/n/a":{"resource_schemas":{"a_one":{',
  '{"a" 1}',
  "[]",
])("%j is no such document", (text) => expect(() => picked(text)).toThrow(TypeError));

test("what is not wanted is passed over, however much it is", () => {
  const description = `${"x".repeat(1_700)} \\" ${"y".repeat(100)}`;
  const many = Object.fromEntries(Array.from({ length: 4_000 }, (_, index) => [`a_${index}`, { description }]));
  const inA = { ...provider, resource_schemas: { ...many, ...provider.resource_schemas } };
  const large = { ...document, provider_schemas: { "h/n/0": { resource_schemas: many }, "h/n/a": inA } };
  expect(picked(JSON.stringify(large))).toEqual(expected);
});
