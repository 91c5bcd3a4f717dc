import fc from "fast-check";
import { expect, test } from "vitest";
import { readVariables } from "../src/cli/workspace/variable-files.ts";
import { answerTo } from "../src/control/documents/answers.ts";
import { whyNoHclValue } from "../src/lib/hcl/text.ts";
import { exactNumber, writeJson } from "../src/lib/json/text.ts";
import { createRenderer } from "../src/terraform/output/render.ts";
import { summarizePlan } from "../src/terraform/plan/plan.ts";
import { sensitiveTexts } from "../src/terraform/state/outputs.ts";
import { hostileName, hostileNumber, jsonText, writtenValue } from "./support/json.ts";

// Every path that a document of a user takes, with the text that went in beside the one that comes out.

const head = '"version":4,"terraform_version":"1.11.4","serial":7,"lineage":"l-1"';
const name = (text: string): string => JSON.stringify(text);
const byName = fc.uniqueArray(fc.tuple(hostileName, jsonText), { maxLength: 4, selector: ([key]) => key });
type Named = readonly (readonly [string, string])[];

const outputsText = (outputs: Named): string =>
  outputs.map(([key, value]) => `${name(key)}:{"value":${value},"type":"dynamic"}`).join(",");
const state = (outputs: Named, attributes: string): Buffer =>
  Buffer.from(
    `{${head},"outputs":{${outputsText(outputs)}},"resources":[{"mode":"managed","type":"t","name":"n","provider":"p","instances":[{"attributes":${attributes}}]}]}`,
  );

test("a state: its outputs, what is shared of it, and its ids", () => {
  const id = fc.oneof(hostileNumber, fc.constant('"9007199254740993"'));
  fc.assert(
    fc.property(byName, id, (outputs, idText) => {
      const bytes = state(outputs, `{"id":${idText}}`);
      expect(answerTo({ kind: "pushed-state" }, [bytes])).toMatchObject({ serial: 7, resourceCount: 1 });
      const shown = answerTo({ kind: "outputs", id: "sv_1", ...part }, [bytes]);
      expect(new Map(shown.rows.map((one) => [one.name, one.valueJson]))).toEqual(new Map(outputs));
      const shared = Buffer.from(answerTo({ kind: "outputs-only" }, [bytes])).toString();
      expect(shared).toContain(`"outputs":{${outputsText(outputs)}},`);
      const listed = answerTo({ kind: "instances", id: "sv_1", search: "", after: null, limit: 1 }, [bytes]);
      expect(listed.rows[0]?.resourceId).toBe(idText.replaceAll('"', ""));
    }),
  );
});

const part = { after: null, limit: 1000 };
const twoNumbers = fc.tuple(hostileNumber, hostileNumber).filter(([a, b]) => exactNumber(a) !== exactNumber(b));

test("a difference of two states, however small, and none where there is none", () => {
  fc.assert(
    fc.property(byName, hostileName, twoNumbers, (outputs, key, [before, after]) => {
      const others = outputs.filter(([other]) => other !== key);
      const [from, to] = [before, after].map((number) =>
        state([...others, [key, `[${number}]`]], `{${name(key)}:{${name(key)}:${number}}}`),
      ) as [Buffer, Buffer];
      const question = { kind: "difference", ids: ["sv_1", "sv_2"], ...part } as const;
      expect(answerTo(question, [from, to]).rows).toEqual([
        { kind: "changed", name: "t.n", attributes: [key], attributesLeftOut: 0, place: 0 },
        { kind: "output", name: key, place: 1 },
      ]);
      expect(answerTo(question, [from, from])).toEqual({ rows: [], isEnd: true });
    }),
  );
});

test("a plan: what changes is told with its digits, from the program to the reader", () => {
  fc.assert(
    fc.property(hostileName, twoNumbers, jsonText, (key, [before, after], rest) => {
      const sides = `"before":{${name(key)}:${before},"rest":${rest}},"after":{${name(key)}:${after},"rest":${rest}}`;
      fc.pre(key !== "rest" && !rest.includes('"masked":true'));
      const plan = `{"resource_changes":[{"address":"t.n","change":{"actions":["update"],${sides}}}],"output_changes":{${name(key)}:{"actions":["update"],${sides}}}}`;
      const summary = Buffer.from(writeJson(summarizePlan(plan)));
      const { changes } = answerTo({ kind: "plan", id: "run_1", ...part }, [summary]);
      const beforeJson = `{${name(key)}:${before},"rest":${rest}}`;
      expect(changes.rows).toMatchObject([
        { resource: { attributes: [{ beforeJson: before, afterJson: after }] } },
        { output: { name: key, change: { beforeJson, isSensitive: false } } },
      ]);
    }),
  );
});

test("outputs in the log, and what is sensitive of them", () => {
  fc.assert(
    fc.property(hostileName, hostileNumber, (key, number) => {
      const outputs = `{"out":{"sensitive":false,"type":["object",{${name(key)}:"number"}],"value":{${name(key)}:${number}}}}`;
      const renderer = createRenderer(() => {});
      const line = `{"@level":"info","@message":"Outputs: 1","outputs":${outputs},"type":"outputs"}\n`;
      const text = Buffer.concat([renderer.push(Buffer.from(line)), renderer.finish()]).toString();
      expect(text).toContain(` = ${number}\n}`);
      expect(
        sensitiveTexts(`{"outputs":{${name(key)}:{"sensitive":true,"value":{${name(key)}:[${number}]}}}}`),
      ).toContain(number);
    }),
  );
});

test("variables of a file", () => {
  const named = fc.uniqueArray(fc.tuple(hostileName, writtenValue), { maxLength: 4, selector: ([key]) => key });
  fc.assert(
    fc.property(named, (variables) => {
      const text = `{${variables.map(([key, { json }]) => `${name(key)}:${json}`).join(",")}}`;
      const read = readVariables("json", text, "FILE");
      expect(read.map(({ key, value, isHcl }) => [key, isHcl ? value : JSON.stringify(value)])).toEqual(
        variables.map(([key, { json, hcl }]) => [key, json.startsWith('"') ? JSON.stringify(JSON.parse(json)) : hcl]),
      );
      // HCL knows no characters above U+FFFF in pieces, and no control characters but these.
      for (const { value, isHcl } of read)
        if (isHcl && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value)) expect(whyNoHclValue(value)).toBeUndefined();
    }),
  );
});
