import { describe, expect, test } from "vitest";
import type { ApplyWords } from "./apply-words.ts";
import { deposedIn, isDestroyed } from "./deposed-objects.ts";
import { createRenderer } from "./render.ts";

/** Events as recorded of real runs, without what the renderer does not look at. */
type Recorded = readonly [type: string, message: string, rest?: object, second?: number];

const on = (addr: string, rest: object = {}) => ({ hook: { resource: { addr }, ...rest } });
const version = (terraform: string): Recorded => ["version", `Terraform ${terraform}`, { terraform, ui: "1.2" }];

function rendered(events: readonly Recorded[], words: Parameters<typeof createRenderer>[1] = {}): string {
  const lines = events.map(([type, message, rest = {}, second = 0]) =>
    JSON.stringify({
      "@message": message,
      "@timestamp": `2026-01-01T00:00:${second.toFixed(6).padStart(9, "0")}Z`,
      ...rest,
      type,
    }),
  );
  const renderer = createRenderer(() => {}, words);
  return Buffer.concat([
    renderer.push(Buffer.from(lines.map((line) => `${line}\n`).join(""))),
    renderer.finish(),
  ]).toString();
}

const read = { action: "read" };
const id = (value: string) => ({ id_key: "id", id_value: value });

test("data sources are read and not refreshed", () => {
  const events: readonly Recorded[] = [
    ["apply_start", "data.external.x: Refreshing...", on("data.external.x", read)],
    ["apply_start", "data.t.old: Refreshing... [id=i-1]", on("data.t.old", { ...read, ...id("i-1") })],
    [
      "apply_progress",
      "data.external.x: Still refreshing... [10s elapsed]",
      on("data.external.x", { ...read, elapsed_seconds: 10 }),
    ],
    [
      "apply_complete",
      "data.external.x: Refresh complete after 12s [id=-]",
      on("data.external.x", { ...read, ...id("-") }),
    ],
    ["refresh_start", "t.b: Refreshing state... [id=b]", on("t.b", id("b"))],
    ["refresh_complete", "t.b: Refresh complete [id=b]", on("t.b", id("b"))],
  ];
  expect(rendered(events)).toBe(
    [
      "data.external.x: Reading...",
      "data.t.old: Reading... [id=i-1]",
      "data.external.x: Still reading... [10s elapsed]",
      "data.external.x: Read complete after 12s [id=-]",
      "t.b: Refreshing state... [id=b]",
      "",
    ].join("\n"),
  );
});

test.each<readonly [string, number, string, string]>([
  ["1.11.4", 10, "10s", "10s"],
  ["1.11.4", 70, "1m10s", "1m10s"],
  ["1.12.0-beta1", 10, "10s", "00m10s"],
  ["1.14.2", 3670, "1h1m10s", "61m10s"],
])("what terraform %s still works on after %i s has its id beside the time", (program, seconds, told, shown) => {
  const events: readonly Recorded[] = [
    version(program),
    ["apply_start", "t.a: Destroying... [id=i-1]", on("t.a", { action: "delete", ...id("i-1") })],
    ["apply_start", "t.b: Creating...", on("t.b", { action: "create" })],
    [
      "apply_progress",
      `t.a: Still destroying... [${told} elapsed]`,
      on("t.a", { action: "delete", elapsed_seconds: seconds }),
    ],
    [
      "apply_progress",
      `t.b: Still creating... [${told} elapsed]`,
      on("t.b", { action: "create", elapsed_seconds: seconds }),
    ],
  ];
  expect(rendered(events)).toBe(
    [
      "t.a: Destroying... [id=i-1]",
      "t.b: Creating...",
      `t.a: Still destroying... [id=i-1, ${shown} elapsed]`,
      `t.b: Still creating... [${shown} elapsed]`,
      "",
    ].join("\n"),
  );
});

test("a long id is cut in the middle while its resource is worked on", () => {
  const long = `${"a".repeat(60)}${"b".repeat(60)}`;
  const events: readonly Recorded[] = [
    ["apply_start", `t.a: Modifying... [id=${long}]`, on("t.a", { action: "update", ...id(long) })],
    ["apply_progress", "t.a: Still modifying... [10s elapsed]", on("t.a", { action: "update", elapsed_seconds: 10 })],
  ];
  expect(rendered(events).split("\n")[1]).toBe(
    `t.a: Still modifying... [id=${"a".repeat(39)}...${"b".repeat(38)}, 10s elapsed]`,
  );
});

test("imports, which have no event, are told where their resource changes, else once all has been applied", () => {
  const imports = [
    { address: "postgresql_role.imp", id: "dd_imp" },
    { address: "random_uuid.imp", id: "aabb" },
    { address: "t.identified", id: "" },
  ];
  const start: Recorded = [
    "apply_start",
    "postgresql_role.imp: Modifying... [id=dd_imp]",
    on("postgresql_role.imp", { action: "update", ...id("dd_imp") }),
  ];
  const end: Recorded = [
    "change_summary",
    "Apply complete! Resources: 3 imported, 0 added, 1 changed, 0 destroyed.",
    { changes: { operation: "apply", import: 3 } },
  ];
  expect(rendered([start, end], { imports })).toBe(
    [
      "postgresql_role.imp: Importing... [id=dd_imp]",
      "postgresql_role.imp: Import complete [id=dd_imp]",
      "postgresql_role.imp: Modifying... [id=dd_imp]",
      "random_uuid.imp: Importing... [id=aabb]",
      "random_uuid.imp: Import complete [id=aabb]",
      "t.identified: Importing...",
      "t.identified: Import complete",
      "",
      "Apply complete! Resources: 3 imported, 0 added, 1 changed, 0 destroyed.",
      "",
    ].join("\n"),
  );
  expect(rendered([start], { imports })).not.toContain("random_uuid");
});

test("ephemeral resources are opened and closed; OpenTofu leaves the time to be measured", () => {
  const events: readonly Recorded[] = [
    ["ephemeral_op_start", "ephemeral.a.e: Opening...", on("ephemeral.a.e", { action: "open" })],
    ["ephemeral_op_complete", "ephemeral.a.e: Opening complete after 0s", on("ephemeral.a.e", { action: "open" })],
    ["ephemeral_op_errored", "ephemeral.a.f: Opening errored after 0s", on("ephemeral.a.f", { action: "open" })],
    ["ephemeral_action_started", "ephemeral.a.g: Opening...", on("ephemeral.a.g"), 1.4],
    ["ephemeral_action_complete", "ephemeral.a.g: Open complete", on("ephemeral.a.g"), 3.6],
  ];
  expect(rendered(events)).toBe(
    [
      "ephemeral.a.e: Opening...",
      "ephemeral.a.e: Opening complete after 0s",
      "ephemeral.a.g: Opening...",
      "ephemeral.a.g: Open complete after 3s",
      "",
    ].join("\n"),
  );
});

test("actions of a newer terraform are told with what invoked them", () => {
  const action = { addr: "action.bufo_print.success" };
  const lifecycle = { resource: { addr: "terraform_data.test" } };
  const events: readonly Recorded[] = [
    ["planned_action_invocation", "planned action invocation: action.bufo_print.success", { invocation: {} }],
    [
      "action_start",
      "terraform_data.test.trigger[0]: Action started: action.bufo_print.success",
      { hook: { action, lifecycle } },
    ],
    ["action_progress", "action.bufo_print.success - half", { hook: { action, message: "half", invoke: {} } }],
    [
      "action_complete",
      "terraform_data.test (0): Action complete: action.bufo_print.success",
      { hook: { action, lifecycle } },
    ],
    ["action_errored", "Action errored: action.bufo_print.success - no", { hook: { action, error: "no", invoke: {} } }],
  ];
  expect(rendered(events)).toBe(
    [
      "Action started: action.bufo_print.success (triggered by terraform_data.test)",
      "Action action.bufo_print.success (triggered by CLI): half",
      "Action complete: action.bufo_print.success (triggered by terraform_data.test)",
      "Action failed: action.bufo_print.success (triggered by CLI) - no",
      "",
    ].join("\n"),
  );
});

test("OpenTofu's difference of a comparison stands below the values", () => {
  const start = { line: 3, column: 1, byte: 1 };
  const snippet = {
    context: 'check "c"',
    code: '  condition = t.a == "never"',
    start_line: 3,
    values: [{ traversal: "t.a", statement: 'is "x"' }],
  };
  const diagnostic = {
    ...{ severity: "warning", summary: "Check block assertion failed", detail: "never is it" },
    ...{ range: { filename: "main.tf", start, end: start }, snippet },
    difference: { before: "x", after: "never", before_sensitive: false, after_sensitive: false, after_unknown: false },
  };
  const shown = (difference: object) => rendered([["diagnostic", "", { diagnostic: { ...diagnostic, difference } }]]);
  expect(shown(diagnostic.difference)).toContain(
    '    │ t.a is "x"\n    ├────────────────\n    │ Diff: \n    │     "x" -> "never"\n\nnever is it\n',
  );
  const { difference: _, ...without } = diagnostic;
  expect(rendered([["diagnostic", "", { diagnostic: without }]])).toContain('    │ t.a is "x"\n\nnever is it\n');
});

describe("a deposed object", () => {
  const create: Recorded = ["apply_start", "t.a: Creating...", on("t.a", { action: "create" })];
  const destroy = (value: string): Recorded => [
    "apply_start",
    `t.a: Destroying... [id=${value}]`,
    on("t.a", { action: "delete", ...id(value) }),
  ];
  const still: Recorded = [
    "apply_progress",
    "t.a: Still destroying... [10s elapsed]",
    on("t.a", { action: "delete", elapsed_seconds: 10 }),
  ];
  const gone: Recorded = ["apply_complete", "t.a: Destruction complete after 11s", on("t.a", { action: "delete" })];
  const before = [{ address: "t.a", key: "0a1b2c3d", attributes: new Map([["id", "old"]]) }];
  const made = { before, newlyDeposed: () => "11223344" };

  test.each<readonly [string, readonly Recorded[], Partial<ApplyWords>, string]>([
    ["of the state before", [destroy("old")], made, "t.a (deposed object 0a1b2c3d): Destroying... [id=old]"],
    ["of this apply", [create, destroy("i")], made, "t.a (deposed object 11223344): Destroying... [id=i]"],
    ["whose key nobody knows", [create, destroy("i")], {}, "t.a (deposed object): Destroying... [id=i]"],
    ["that is the current one", [destroy("i")], made, "t.a: Destroying... [id=i]"],
    ["that is replaced after it is gone", [destroy("i"), create], made, "t.a: Destroying... [id=i]\nt.a: Creating..."],
    ["once each", [destroy("old"), destroy("old")], { before }, "t.a: Destroying... [id=old]"],
  ])("%s is called what it is", (_name, events, words, line) => {
    expect(rendered(events, words)).toContain(`${line}\n`);
  });

  test("keeps its name while it is destroyed, and loses it at the end, as in a shell", () => {
    expect(rendered([destroy("old"), still, gone], made)).toBe(
      [
        "t.a (deposed object 0a1b2c3d): Destroying... [id=old]",
        "t.a (deposed object 0a1b2c3d): Still destroying... [id=old, 10s elapsed]",
        "t.a: Destruction complete after 11s",
        "",
      ].join("\n"),
    );
  });
});

test("the deposed objects of a state are found by their addresses; what is no state has none", () => {
  const instance = (more: object) => ({ attributes: { id: "i" }, ...more });
  const resource = (more: object) => ({ mode: "managed", type: "t", name: "a", ...more });
  const resources = [
    resource({ instances: [instance({}), instance({ deposed: "0a1b2c3d" })] }),
    resource({ module: 'module.m["x"]', instances: [instance({ index_key: 1, deposed: "1a1b2c3d" })] }),
    resource({
      instances: [instance({ index_key: `ü "\${x}"`, deposed: "2a1b2c3d" }), instance({ deposed: "no key" })],
    }),
  ];
  expect(deposedIn(JSON.stringify({ resources })).map(({ address, key }) => `${address} ${key}`)).toEqual([
    "t.a 0a1b2c3d",
    'module.m["x"].t.a[1] 1a1b2c3d',
    't.a["ü \\"$${x}\\""] 2a1b2c3d',
  ]);
  for (const text of ["", '"deposed"', '{"resources":[{"deposed":1}]}']) expect(deposedIn(text)).toEqual([]);
});

test("a deposed object is told apart by every digit of its id", () => {
  const instances = '[{"deposed":"0a1b2c3d","index_key":9007199254740993,"attributes":{"id":9007199254740993}}]';
  const [found] = deposedIn(`{"resources":[{"type":"t","name":"a","instances":${instances}}]}`);
  const destroyed = { address: "t.a[9007199254740993]", idKey: "id" };
  const told = ["9007199254740993", "9007199254740992"].map((id) => found && isDestroyed(found, { ...destroyed, id }));
  expect(told).toEqual([true, false]);
});
