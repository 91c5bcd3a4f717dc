import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { HeldInState, LostResourceSchema, RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { readHclBlocks } from "../../terraform/configuration/hcl-blocks.ts";
import { lostHcl } from "./lost-hcl.ts";

type Lost = MessageInitShape<typeof LostResourceSchema>;

const hclOf = (...lost: readonly Lost[]): string => {
  const all = lost.map((one) =>
    create(LostResourceSchema, { action: "create", idKey: "id", held: HeldInState.ABSENT, ...one }),
  );
  return lostHcl(create(RunSchema, { id: "run_1", workspace: "net", lost: all, lostCount: all.length })).join("\n");
};

/** What stands in it besides comments. */
const blocksIn = (hcl: string): string =>
  hcl
    .split("\n")
    .filter((line) => !line.startsWith("#") && line !== "")
    .join("\n");

describe("blocks that import what an apply has made", () => {
  test("addresses are as terraform writes them, and ids are quoted", () => {
    const hcl = hclOf(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: HCL
      { address: 'module.m["a.b"].aws_x.y[3]', id: 'i-1"${x}%{y}\\\n' },
      { address: 'aws_x.z["$${k} \\"q\\""]', id: "i-2" },
    );
    expect(blocksIn(hcl)).toBe(
      [
        ...["import {", '  to = module.m["a.b"].aws_x.y[3]', '  id = "i-1\\"$${x}%%{y}\\\\\\n"', "}"],
        ...["import {", '  to = aws_x.z["$${k} \\"q\\""]', '  id = "i-2"', "}"],
      ].join("\n"),
    );
    expect(readHclBlocks(hcl)?.map(({ type }) => type)).toEqual(["import", "import"]);
  });

  test.each<readonly [string, Lost, RegExp]>([
    ["has a secret in its id", { address: "a.b", id: "(sensitive value)", hidden: true }, /secret .* fill it in/],
    ["has no id", { address: "a.b", id: "", idKey: "" }, /named no id/],
    ["has an address that is none", { address: "a.b\n}\nresource x y {", id: "1" }, /no address/],
    ["has an address that ends the block", { address: 'a.b}resource"x""y"{', id: "1" }, /no address/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: HCL
    ["has a key that is evaluated", { address: 'a.b["${file("/x")}"]', id: "1" }, /no address/],
  ])("one that %s is a comment that says why", (_what, lost, why) => {
    const hcl = hclOf(lost);
    expect(blocksIn(hcl)).toBe("");
    expect(hcl).toMatch(why);
  });

  test("what was destroyed needs no block: a refresh finds it", () => {
    const hcl = hclOf({ address: "a.b", id: "i-1", action: "delete", held: HeldInState.PRESENT });
    expect(blocksIn(hcl)).toBe("");
    expect(hcl).toContain("#   a.b [id=i-1]");
  });

  test("an address with another object says what has to go first", () => {
    const hcl = hclOf({ address: "a.b", id: "i-2", held: HeldInState.OTHER_OBJECT });
    expect(blocksIn(hcl)).toContain('id = "i-2"');
    expect(hcl).toContain("windlass run start net --refresh-only --auto-apply");
  });
});
