import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import { ApplyProgress, resourcesInFlight } from "./apply-progress.ts";
import { parseEvent, type TerraformEvent } from "./events.ts";
import { createRenderer, emergencyNotice } from "./render.ts";

const render = (pieces: readonly (string | Uint8Array)[], observe?: (event: TerraformEvent) => void): Buffer => {
  const renderer = createRenderer(observe);
  const out = pieces.map((piece) => Buffer.from(renderer.push(Buffer.from(piece))));
  return Buffer.concat([...out, Buffer.from(renderer.finish())]);
};

const line = (type: string, message: string, rest: object = {}): string =>
  `${JSON.stringify({ "@level": "info", "@message": message, "@module": "terraform.ui", "@timestamp": "2026-01-01T00:00:00Z", ...rest, type })}\n`;
const hook = (addr: string, rest: object = {}) => ({ hook: { resource: { addr }, ...rest } });
const diagnostic = (severity: string, summary: string, rest: object = {}) =>
  line("diagnostic", `${severity}: ${summary}`, { diagnostic: { severity, summary, ...rest } });
const range = (filename: string, byte: number) => ({
  filename,
  start: { line: 3, column: 1, byte },
  end: { line: 3, column: 2, byte: byte + 1 },
});

const sample = [
  line("version", "Terraform 1.11.4"),
  line("planned_change", "a.b: Plan to create"),
  line("apply_start", "a.b: Creating...", hook("a.b", { action: "create" })),
  "Warning: a plain line é\n",
  line(
    "provision_progress",
    "a.b: (local-exec): one é \u{1F600}",
    hook("a.b", { provisioner: "local-exec", output: "one é \u{1F600}" }),
  ),
  "{ not json\n",
  line("apply_errored", "a.b: Creation errored after 0s", hook("a.b", { action: "create" })),
  diagnostic("error", "second", { range: range("b.tf", 1), detail: "x".repeat(90) }),
  diagnostic("error", "first", { range: range("a.tf", 9), address: "a.b" }),
  diagnostic("warning", "zeroth"),
  line("log", "Emergency state dump", { state: { version: 4, secret: "s3cret" } }),
  line("future", "something new"),
  '{"@level":"info","@message":"torn',
].join("");

describe("rendering", () => {
  test("shows what terraform shows, keeps what is no event, sorts diagnostics, cuts out the state", () => {
    expect(render([sample]).toString()).toMatchInlineSnapshot(`
      "a.b: Creating...
      Warning: a plain line é
      a.b (local-exec): one é 😀
      { not json

      Warning: zeroth


      Error: first

        with a.b,
        on a.tf line 3:
        (source code not available)


      Error: second

        on b.tf line 3:
        (source code not available)

      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
      The program could not save its state and printed it here instead. The agent kept that state and cut it out of this log.
      something new
      {"@level":"info","@message":"torn"
    `);
  });

  test("the state never reaches the log, not even half of its line", () => {
    const dump = line("log", "Emergency state dump", { state: { secret: "s3cret", more: "x".repeat(1000) } });
    expect(render([dump.slice(0, -300)]).toString()).toBe(emergencyNotice);
    expect(render([dump, "after\n"]).toString()).toBe(`${emergencyNotice}after\n`);
  });

  test("a line without end is kept up to a bound: then it passes as it comes, and of a state nothing is kept", () => {
    const renderer = createRenderer();
    const piece = Buffer.alloc(1024 * 1024, "x");
    let shown = renderer.push(Buffer.from('{"@level":"info","x":"')).length;
    for (let count = 0; count < 20; count += 1) shown += renderer.push(piece).length;
    expect(shown).toBe(22 + 20 * piece.length);
    expect(Buffer.from(renderer.push(Buffer.from("\nnext\n"))).toString()).toBe("\nnext\n");
    const dump = line("log", "Emergency state dump", { state: { secret: "s3cret" } }).slice(0, -20);
    shown = renderer.push(Buffer.from(dump)).length + renderer.push(piece).length;
    expect(shown).toBeLessThanOrEqual(emergencyNotice.length);
    for (let count = 0; count < 20; count += 1) expect(renderer.push(piece)).toHaveLength(0);
    expect(Buffer.from(renderer.push(Buffer.from("\nnext\n"))).toString()).toBe("next\n");
  });

  test("a job that writes events of its own making breaks nothing", () => {
    const events = [
      '{"type":"provision_progress","@message":"m","hook":{"output":"x"}}',
      '{"type":"apply_start","@message":"m","hook":null}',
      '{"type":"outputs","@message":"m","outputs":7}',
      '{"type":"outputs","@message":"m","outputs":{"a":null,"b":{"type":["object"],"value":{"c":[1]}},"c":{"type":[],"value":[]}}}',
      '{"type":"outputs","@message":"m","outputs":null}',
      '{"type":"change_summary","@message":"m","changes":null}',
      '{"type":"diagnostic","@message":"m","diagnostic":{}}',
      '{"type":"diagnostic","@message":"m","diagnostic":null}',
      '{"type":"diagnostic","@message":"m","diagnostic":{"severity":1,"summary":"s","range":{"filename":"f"}}}',
      '{"type":"diagnostic","@message":"m","diagnostic":{"summary":"s","snippet":{"code":"c","values":[null]}}}',
      '{"type":"diagnostic","@message":"m","diagnostic":{"summary":"s","snippet":{"code":"c","function_call":{"signature":{"params":1}}}}}',
      '{"type":"log","@message":"Emergency state dump","state":null}',
      `{"type":"outputs","@message":"m","outputs":{"a":{"value":${"[".repeat(9000)}${"]".repeat(9000)}}}}`,
    ];
    for (const event of events) expect(() => render([`${event}\n`])).not.toThrow();
    expect(render([`${events.at(-1)}\n`]).toString()).toBe(`${events.at(-1)}\n`);
    const progress = new ApplyProgress();
    render([`${events.join("\n")}\n`], (event) => progress.observe(event));
    expect(progress.inFlight).toEqual([]);
  });

  test("what a destroy has forgotten is counted when that is its only error, and not before", () => {
    const progress = new ApplyProgress();
    const observe = (event: object) => {
      const told = parseEvent(JSON.stringify({ "@level": "info", "@message": "m", ...event }));
      if (told !== undefined) progress.observe(told);
    };
    for (const action of ["remove", "delete", "remove", "noop"])
      observe({ type: "planned_change", change: { action } });
    expect(progress).toMatchObject({ counts: { forgotten: 0 }, hasOnlyLeftBehind: false });
    const summary = "Destroy was successful but left behind forgotten instances";
    observe({ type: "diagnostic", diagnostic: { severity: "error", summary } });
    expect(progress).toMatchObject({ counts: { forgotten: 2 }, hasOnlyLeftBehind: true });
    observe({ type: "diagnostic", diagnostic: { severity: "error", summary: "Another one" } });
    expect(progress).toMatchObject({ counts: { forgotten: 0 }, hasOnlyLeftBehind: false });
  });

  test("does not depend on how its input is split", () => {
    const bytes = Buffer.from(sample);
    const whole = render([bytes]);
    expect(render([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        expect(render(places.slice(1).map((place, i) => bytes.subarray(places[i], place)))).toEqual(whole);
      }),
    );
  });

  test("gives out a line as soon as it is there, and bytes that are no UTF-8 unchanged", () => {
    const renderer = createRenderer();
    expect(
      Buffer.from(renderer.push(Buffer.from(line("apply_start", "a.b: Creating...", hook("a.b"))))).toString(),
    ).toBe("a.b: Creating...\n");
    expect(Buffer.from(renderer.push(Uint8Array.of(0xff, 0x80)))).toEqual(Buffer.from([0xff, 0x80]));
  });

  test("100,000 lines of a provisioner take well under a few seconds", () => {
    const text = "line 000001: the quick brown fox jumps over the lazy dog";
    const resource = {
      addr: "terraform_data.noise",
      module: "",
      resource: "terraform_data.noise",
      implied_provider: "terraform",
      resource_type: "terraform_data",
      resource_name: "noise",
      resource_key: null,
    };
    const one = line("provision_progress", `terraform_data.noise: (local-exec): ${text}`, {
      hook: { resource, provisioner: "local-exec", output: text },
    });
    const chunk = Buffer.from(one.repeat(1000));
    const renderer = createRenderer();
    let bytes = 0;
    for (let i = 0; i < 100; i += 1) bytes += renderer.push(chunk).length;
    expect(bytes).toBe(100_000 * `terraform_data.noise (local-exec): ${text}\n`.length);
  });
});

describe("progress of an apply", () => {
  const events: readonly TerraformEvent[] = [
    ["apply_start", "a", "create"],
    ["apply_start", "b", "delete"],
    ["apply_complete", "a", "create"],
    ["apply_start", "d", "read"],
    ["apply_complete", "b", "delete"],
    ["apply_start", "b", "create"],
    ["apply_start", "c", "update"],
    ["apply_errored", "c", "update"],
    ["apply_start", "e", "update"],
  ].map(([type = "", addr = "", action = ""]) => ({
    type,
    "@level": "info",
    "@message": "",
    hook: { resource: { addr }, action, ...(action === "update" ? { id_value: `id-${addr}` } : {}) },
  }));

  test("counts what was done and lists what was begun and not ended", () => {
    const progress = new ApplyProgress();
    for (const event of events) progress.observe(event);
    expect(progress.counts).toEqual({ imported: 0, added: 1, changed: 0, destroyed: 1, forgotten: 0, errored: 1 });
    expect(resourcesInFlight(events)).toEqual([
      { address: "b", action: "create" },
      { address: "e", action: "update", idKey: "id", id: "id-e" },
    ]);
  });
});

const outputs = String.raw`
resource "terraform_data" "a" { input = "x" }
output "str" { value = terraform_data.a.output }
output "multi" { value = "l1\nl2 ${"$"}{terraform_data.a.output}\n" }
output "obj" { value = { a = 1, "b c" = [1.5, true, null], m = "x\ny", n = { z = "EOT\nEOT_" } } }
output "lst" { value = tolist(["a","b"]) }
output "st" { value = toset(["b","a"]) }
output "mp" { value = tomap({a = "1", b = "2"}) }
output "empty" { value = [[], {}, tolist([]), tomap({})] }
output "big" { value = [123456789012345678901234567890, 0.1, 1e100, -1e-7] }
output "nulls" { value = [null, tostring(null), { b = tonumber(null), c = tomap(null), d = tolist(null), e = tobool(null) }] }
output "typed_null" { value = [for x in [tolist([["a"]]), null] : x] }
output "lon" { value = tolist([tostring(null), "a"]) }
output "sens" {
  value     = "secret"
  sensitive = true
}
output "quot" { value = "q\"u\\o\tte $${"$"}{x} é \u0001 <&> \u2028 \u00a0 \U0001F600 %%{if} \U000E0001 \u007f" }
output "nested" { value = [[{a=["x"]}], tolist([tomap({a = "b"})]), toset([{a=1},{a=2}])] }
`;

const failing = `
resource "terraform_data" "good" {
  count = 3
  input = count.index
}
resource "terraform_data" "bad" {
  count      = 1
  depends_on = [terraform_data.good]
  provisioner "local-exec" {
    command = "printf 'a\\\\033[31mred\\\\tx\\\\r\\\\n  lead\\\\n trail  \\\\n'; echo a very long command line that goes far over the seventy-eight columns of a terminal \${count.index}; exit 4"
  }
}
`;

const checks = `
variable "n" { default = 1 }
resource "terraform_data" "a" { input = var.n }
resource "terraform_data" "b" {
  input = terraform_data.a.output
  lifecycle {
    postcondition {
      condition     = self.output == 2
      error_message = "Postcondition \${self.output} failed, and this text is long enough that it has to be wrapped somewhere.\\n\\n  an indented line is never wrapped, however far it goes beyond the seventy-eight columns of it\\nshort"
    }
  }
}
output "z" { value = terraform_data.a.output == 1 ? file(terraform_data.a.output) : "" }
check "c" {
  assert {
    condition     = terraform_data.a.output == 3
    error_message = "The check is not content."
  }
}
`;

describeWithTerraform("beside what terraform itself prints", () => {
  /** Human text without what differs from run to run: ids, durations, and the order in which resources run side by side. */
  const normalize = (text: string): string => {
    const [progress = "", ...rest] = text
      .replaceAll(/id=[0-9a-f-]{36}/g, "id=ID")
      .replaceAll(/after \d+s/g, "after 0s")
      .split(/(?=\n\n)/);
    return [...progress.split("\n").sort(), ...rest].join("\n");
  };

  test.each([
    ["outputs of every type", outputs],
    ["checks and conditions", checks],
    ["failing provisioners", failing],
  ])("%s", async (_, configuration) => {
    await using box = await sandbox({ "main.tf": configuration });
    expect(await box.terraform("plan", "-input=false", "-out=p")).toMatchObject({ code: 0 });
    const human = await box.terraform("apply", "-input=false", "-no-color", "p");
    await box.write({ "terraform.tfstate": "" });
    const json = await box.terraform("apply", "-input=false", "-json", "p");
    expect(json.stderr).toBe("");
    expect(human.stdout.length).toBeGreaterThan(200);
    expect(normalize(render([json.stdout]).toString())).toBe(normalize(human.stdout + human.stderr));
  });

  test("an update, a replacement and a destroy", async () => {
    const v = (n: number) =>
      `resource "terraform_data" "a" { input = ${n} }\nresource "terraform_data" "b" { triggers_replace = ${n} }\n`;
    const results: string[] = [];
    for (const format of ["-no-color", "-json"]) {
      await using box = await sandbox({ "main.tf": v(1) });
      await box.terraform("apply", "-auto-approve");
      await box.write({ "main.tf": v(2) });
      let text = "";
      for (const options of [[], ["-destroy"], []]) {
        await box.terraform("plan", "-out=p", ...options);
        const { stdout } = await box.terraform("apply", format, "p");
        text += format === "-json" ? render([stdout]).toString() : stdout;
      }
      results.push(text);
    }
    const sorted = results.map((text) => normalize(text).split("\n").sort().join("\n"));
    expect(sorted[1]).toBe(sorted[0]);
  });
});
