import { mkdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import { createStateFlagFilter } from "./state-flag-warning.ts";

const warning = `
Warning: Deprecated flag: -state

Use \`path\` attribute within the \`local\` backend instead:
https://developer.hashicorp.com/terraform/language/v1.10.x/settings/backends/local#path
`;

function filtered(text: string, pieceBytes: number): string {
  const filter = createStateFlagFilter();
  const bytes = Buffer.from(text);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) out.push(filter.push(bytes.subarray(at, at + pieceBytes)));
  return Buffer.concat([...out, filter.finish()]).toString();
}

test.each([1, 2, 7, 50, 10_000])("the warning is taken out once, in pieces of %d bytes, and nothing else", (size) => {
  const rest = "terraform_data.x: Refreshing state...\n\nWarning: Something\n\nUse `path`\n\nWarning: Depre";
  expect(filtered(warning + rest, size)).toBe(rest);
  expect(filtered(`first\n${warning}${rest}${warning}`, size)).toBe(`first\n${rest}${warning}`);
  expect(filtered(rest, size)).toBe(rest);
  expect(filtered("", size)).toBe("");
});

test("a line is told with its end, at once", () => {
  const filter = createStateFlagFilter();
  for (const line of ["\nfirst\n", "second\n"])
    expect(Buffer.from(filter.push(Buffer.from(line))).toString()).toBe(line);
});

describeWithTerraform("terraform that is told where its state is", () => {
  test("prints no other warning about that than the one that is taken out", async () => {
    await using box = await sandbox({ "main.tf": 'resource "terraform_data" "x" {}\n' });
    await mkdir(box.path("state"));
    const { stdout, stderr } = await box.terraform(
      "plan",
      "-no-color",
      `-state=${box.path("state/terraform.tfstate")}`,
    );
    expect(filtered(stdout + stderr, 10_000)).not.toMatch(/warning/i);
  });
});
