import { describe, expect, test } from "vitest";
import { labelsText, meets, readSelector } from "./label-selector.ts";

describe("a label selector", () => {
  test.each([
    ["", []],
    ["  ", []],
    ["gpu", [{ kind: "present", key: "gpu" }]],
    ["!gpu", [{ kind: "absent", key: "gpu" }]],
    ["zone=a", [{ kind: "equals", key: "zone", value: "a" }]],
    ["zone=", [{ kind: "equals", key: "zone", value: "" }]],
    ["zone!=a", [{ kind: "differs", key: "zone", value: "a" }]],
    [
      " zone=a , team/net.core ",
      [
        { kind: "equals", key: "zone", value: "a" },
        { kind: "present", key: "team/net.core" },
      ],
    ],
  ])("%j is read", (text, conditions) => {
    expect(readSelector(text)).toEqual({ kind: "read", conditions });
  });

  test.each([
    ["zone=a,", ""],
    [",", ""],
    ["=a", "=a"],
    ["!", "!"],
    ["!zone=a", "!zone=a"],
    ["zone==a", "zone==a"],
    ["zone=a,b c", "b c"],
    ["zone=a b", "zone=a b"],
    ["-x", "-x"],
    ["zone!a", "zone!a"],
    [`${"k".repeat(65)}=a`, `${"k".repeat(65)}=a`],
    [`k=${"v".repeat(257)}`, `k=${"v".repeat(257)}`],
  ])("%j is refused, and the part that is wrong is named", (text, part) => {
    expect(readSelector(text)).toMatchObject({ kind: "malformed", part, why: expect.stringMatching(/./) });
  });

  test.each([
    ["", {}, true],
    ["gpu", { gpu: "" }, true],
    ["gpu", {}, false],
    ["!gpu", {}, true],
    ["!gpu", { gpu: "" }, false],
    ["zone=a", { zone: "a" }, true],
    ["zone=a", { zone: "b" }, false],
    ["zone=a", {}, false],
    ["zone!=a", { zone: "b" }, true],
    ["zone!=a", {}, true],
    ["zone!=a", { zone: "a" }, false],
    ["zone=a,gpu", { zone: "a", gpu: "1" }, true],
    ["zone=a,gpu", { zone: "a" }, false],
    ["constructor", {}, false],
  ])("%j with the labels %j: %s", (text, labels, expected) => {
    const reading = readSelector(text);
    if (reading.kind !== "read") throw new Error(reading.why);
    expect(meets(labels as Record<string, string>, reading.conditions)).toBe(expected);
  });

  test("labels for people stand by name", () => {
    expect(labelsText({ zone: "a", gpu: "" })).toBe("gpu, zone=a");
  });
});
