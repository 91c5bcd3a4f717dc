import { describe, expect, test } from "vitest";
import { runRow } from "../../../test/support/rows.ts";
import { workspace } from "../../../test/support/store/rows.ts";
import type { PhaseLog } from "../../control/runs/logs.ts";
import { framed, headBytes, lengthOf, unframed } from "./log-frame.ts";

const log = (over: Partial<PhaseLog> = {}): PhaseLog => ({
  ...{ run: runRow(workspace(), { status: "errored" }), job: undefined, attempts: [], isOver: false, problem: "" },
  ...over,
});
const first = (line: string) => Buffer.from(`${line}\n`);
const head = first("Agent vm-1, terraform 1.11.4 (linux_amd64)");
const attempt = (stream: string, bytes: number) => ({ stream, bytes });
const shown = (whole: PhaseLog, beginning: Uint8Array = head, phase: "plan" | "apply" = "plan") =>
  framed(whole, phase, beginning).map((segment) =>
    segment.kind === "text" ? Buffer.from(segment.bytes).toString() : `<${segment.stream} ${segment.length}>`,
  );
const heading = "Terraform v1.11.4\non linux_amd64\nInitializing plugins and modules...\n";

describe("a log", () => {
  test("that goes on has a beginning and no end", () => {
    expect(shown(log({ attempts: [attempt("a", 40)] }))).toEqual(["\u0002", heading, "<a 40>"]);
  });

  test("that is over ends, without a word if it is whole", () => {
    expect(shown(log({ attempts: [attempt("a", 40)], isOver: true }))).toEqual([
      ...["\u0002", heading, "<a 40>", "", "\u0003"],
    ]);
  });

  test("with a gap says so before its end", () => {
    const whole = log({ attempts: [attempt("a", 40)], isOver: true, problem: "12 bytes are missing" });
    expect(shown(whole)).toEqual(["\u0002", heading, "<a 40>", "\nWindlass: 12 bytes are missing\n", "\u0003"]);
  });

  test("of a plan that began anew has all attempts; empty ones do not count", () => {
    const whole = log({ attempts: [attempt("a", 40), attempt("b", 0), attempt("c", 7)] });
    expect(shown(whole)).toEqual([
      ...["\u0002", heading, "<a 40>", "\nWindlass: the plan begins anew, with another agent\n\n", "<c 7>"],
    ]);
  });

  test("of what was never started says what became of the run", () => {
    expect(shown(log({ isOver: true }), new Uint8Array(), "apply")).toEqual([
      ...["\u0002", "Windlass: the apply was not started, and the run is errored\n", "\u0003"],
    ]);
  });

  test("tells nothing before it is known which program runs", () => {
    const whole = log({ attempts: [attempt("a", 5)] });
    expect(shown(whole, Buffer.from("Agent"))).toEqual(["\u0002"]);
    expect(shown(whole, new Uint8Array())).toEqual(["\u0002"]);
  });

  test.each([
    ["Agent vm-1, tofu 1.12.6 (darwin_arm64)", "OpenTofu v1.12.6\non darwin_arm64\n"],
    ["Agent vm-1, terraform 1.12.0-beta1 (linux_arm64)", "Terraform v1.12.0-beta1\non linux_arm64\n"],
    ["Agent vm-1, terraform 1.12.0", "Terraform v1.12.0\non a platform that is not known\n"],
    ["something else", "Terraform\non a platform that is not known\n"],
  ])("whose first line is %j begins with %j", (line, lines) => {
    expect(shown(log({ attempts: [attempt("a", 40)] }), first(line))[1]).toBe(
      `${lines}Initializing plugins and modules...\n`,
    );
  });

  test("without a first line in its beginning, or that is over before one, begins all the same", () => {
    const long = Buffer.alloc(headBytes, "x");
    expect(shown(log({ attempts: [attempt("a", 9_000)] }), long)[1]?.split("\n")).toHaveLength(4);
    const over = log({ attempts: [attempt("a", 3)], isOver: true });
    expect(shown(over, Buffer.from("abc"))[1]).toMatch(/^Terraform\n/);
  });

  test("only grows: what stands at a place never changes", () => {
    const steps = [
      log(),
      log({ attempts: [attempt("a", 10)] }),
      log({ attempts: [attempt("a", 40)] }),
      log({ attempts: [attempt("a", 40), attempt("b", 5)] }),
      log({ attempts: [attempt("a", 40), attempt("b", 9)], isOver: true }),
    ];
    const lengths = steps.map((step, index) =>
      framed(step, "plan", index === 0 ? new Uint8Array() : head).reduce((sum, part) => sum + lengthOf(part), 0),
    );
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
  });
});

test("the two characters of the frame are no part of a log's own text", () => {
  expect(Buffer.from(unframed(Buffer.from("a\u0002b\u0003c"))).toString()).toBe("a b c");
  const plain = Buffer.from("plain");
  expect(unframed(plain)).toBe(plain);
});
