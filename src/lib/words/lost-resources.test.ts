import { describe, expect, test } from "vitest";
import { heldObjectsIn } from "./held-objects.ts";
import { type FinishedResource, FinishedResources, type HowHeld, lostResources } from "./lost-resources.ts";

type Event = readonly [action: string, address: string, id?: string];

function finishedOf(events: readonly Event[]): FinishedResources {
  const finished = new FinishedResources();
  for (const [action, address, id = ""] of events) finished.add(change({ action, address, id }));
  return finished;
}

const change = ({ action, address, id }: Pick<FinishedResource, "action" | "address" | "id">): FinishedResource => ({
  ...{ action, address, id, idKey: id === "" ? "" : "id", provider: "t", finishedAt: "" },
});

interface Instance {
  readonly index_key?: string | number;
  readonly deposed?: string;
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

/** The state with these instances of `t.NAME`, or of `MODULE.t.NAME`. */
const stateOf = (resources: Readonly<Record<string, readonly Instance[]>>): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...{ version: 4, serial: 1, lineage: "l" },
      resources: Object.entries(resources).map(([name, instances]) => {
        const [, module, own] = /^(?:(.*)\.)?([^.]+)$/.exec(name) ?? [];
        return { ...(module === undefined ? {} : { module }), mode: "managed", type: "t", name: own, instances };
      }),
    }),
  );

function lostIn(events: readonly Event[], state: Buffer, isFromBefore = false): readonly string[] {
  const { all } = finishedOf(events);
  return lostResources(all, { objects: heldObjectsIn(state, all), isFromBefore }).map(
    ({ action, address, held }) => `${action} ${address} ${held}`,
  );
}

const id = (text: unknown): Instance => ({ attributes: { id: text } });

describe("what was finished and a state does not have", () => {
  test.each<readonly [string, readonly Event[], Readonly<Record<string, readonly Instance[]>>, readonly string[]]>([
    ["nothing, where all is there", [["create", "t.a", "1"]], { a: [id("1")] }, []],
    ["an object that was made", [["create", "t.a", "1"]], {}, ["create t.a absent"]],
    ["an object without an id", [["create", "t.a"]], {}, ["create t.a absent"]],
    ["nothing, where only the address can be told", [["create", "t.a"]], { a: [id("1")] }, []],
    [
      "one that was replaced",
      [
        ["delete", "t.a", "1"],
        ["create", "t.a", "2"],
      ],
      { a: [id("1")] },
      ["delete t.a present", "create t.a other"],
    ],
    [
      "nothing of one that was replaced and is there",
      [
        ["delete", "t.a", "1"],
        ["create", "t.a", "2"],
      ],
      { a: [id("2")] },
      [],
    ],
    [
      "the old one, when the new one was made first",
      [
        ["create", "t.a", "2"],
        ["delete", "t.a", "1"],
      ],
      { a: [id("2"), { deposed: "00000001", ...id("1") }] },
      ["delete t.a present"],
    ],
    ["nothing of what is deposed", [["create", "t.a", "2"]], { a: [id("2"), { deposed: "00000001", ...id("1") }] }, []],
    ["a change of something that is not there", [["update", "t.a", "1"]], {}, ["update t.a absent"]],
    ["nothing of a change: a refresh reads it", [["update", "t.a", "new name"]], { a: [id("old name")] }, []],
    [
      "what was made and then changed",
      [
        ["create", "t.a", "1"],
        ["update", "t.a", "1"],
      ],
      { a: [id("0")] },
      ["create t.a other"],
    ],
    ["an object that was destroyed", [["delete", "t.a", "1"]], { a: [id("1")] }, ["delete t.a present"]],
    ["nothing of one that was destroyed and is gone", [["delete", "t.a", "1"]], {}, []],
    [
      "keys that are texts and numbers",
      [
        ["create", 't.a["x"]', "1"],
        ["create", "t.b[0]", "2"],
      ],
      { a: [{ index_key: "y", ...id("1") }], b: [{ index_key: 1, ...id("2") }] },
      ['create t.a["x"] absent', "create t.b[0] absent"],
    ],
    [
      "nothing behind a key with quotes, templates and signs",
      [["create", 't.a["a\\"b$${c} \\u200b"]', "1"]],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: HCL
      { a: [{ index_key: 'a"b${c} \u200b', ...id("1") }] },
      [],
    ],
    ["nothing in a module with keys", [["create", 'module.m["k"].t.a', "1"]], { 'module.m["k"].a': [id("1")] }, []],
    [
      "the same name in another module",
      [["create", "module.n.t.a", "1"]],
      { "module.m.a": [id("1")] },
      ["create module.n.t.a absent"],
    ],
    [
      "nothing of an id that is a number in the state",
      [["create", "t.a", "12345"]],
      { a: [{ attributes: { id: 12345 } }] },
      [],
    ],
    ["nothing of an object without that attribute", [["create", "t.a", "1"]], { a: [{ attributes: null }] }, []],
    [
      "reads and moves count for nothing",
      [
        ["read", "t.a", "1"],
        ["noop", "t.b"],
      ],
      {},
      [],
    ],
  ])("%s", (_rule, events, state, expected) => {
    expect(lostIn(events, stateOf(state))).toEqual(expected);
  });

  test.each([
    ["encrypted", '{"encrypted_data":"x","lineage":"l","serial":1}'],
    ["cut off", '{"version":4,"resou'],
    ["of another shape", '{"resources":[{"type":1}]}'],
  ])("all that was made, where the state is %s: nobody can tell", (_what, text) => {
    expect(
      lostIn(
        [
          ["create", "t.a", "1"],
          ["delete", "t.b", "2"],
        ],
        Buffer.from(text),
      ),
    ).toEqual(["create t.a unknown" satisfies `create t.a ${HowHeld}`]);
  });

  test("an object without an id that took another's place, where the state is the one from before", () => {
    const replaced = [["delete", "t.a"] as const, ["create", "t.a"] as const];
    expect(lostIn(replaced, stateOf({ a: [id("1")] }), true)).toEqual(["create t.a other"]);
    expect(lostIn(replaced, stateOf({ a: [id("1")] }))).toEqual([]);
    expect(lostIn([["update", "t.a"]], stateOf({ a: [id("1")] }), true)).toEqual([]);
    expect(lostIn([["create", "t.a", "1"]], stateOf({ a: [id("1")] }), true)).toEqual([]);
  });

  test("data sources of the same name are no resources", () => {
    const text = JSON.stringify({ resources: [{ mode: "data", type: "t", name: "a", instances: [id("1")] }] });
    expect(lostIn([["create", "t.a", "1"]], Buffer.from(text))).toEqual(["create t.a absent"]);
  });

  test("more than can be remembered is counted", () => {
    const finished = finishedOf(Array.from({ length: 50_003 }, (_, n) => ["create", `t.a[${n}]`, "1"] as const));
    expect([finished.all.length, finished.forgotten]).toEqual([50_000, 3]);
  });
});
