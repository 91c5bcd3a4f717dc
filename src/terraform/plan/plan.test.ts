import { createHash } from "node:crypto";
import { open, readFile, symlink, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { plain } from "../../../test/support/json.ts";
import { describeWithTerraform, sandbox } from "../../../test/support/terraform.ts";
import { selectWorkspace } from "../configuration/workspace-name.ts";
import { planArgv, showPlanArgv } from "../engines/argv.ts";
import { extractFromPlan, extractLockFile, planOrigin } from "./file.ts";
import { type PlanSummary, summarizePlan } from "./plan.ts";

const configuration = `
variable "password" {
  type      = string
  sensitive = true
  default   = "first-password"
}
variable "n" { default = 1 }
resource "terraform_data" "secret" {
  input = { user = "root", password = var.password, list = ["plain", var.password] }
}
resource "terraform_data" "whole" { input = var.password }
resource "terraform_data" "replaced" { triggers_replace = var.n }
resource "terraform_data" "same" { input = "same" }
output "secret" {
  value     = var.password
  sensitive = true
}
output "plain" { value = { n = var.n } }
`;

describeWithTerraform("a plan", () => {
  const planned = async (box: Awaited<ReturnType<typeof sandbox>>, ...options: string[]) => {
    const plan = await box.terraform(...planArgv({ out: box.path("p") }), ...options);
    const shown = await box.terraform(...showPlanArgv(box.path("p")));
    const summary: PlanSummary = plain(summarizePlan(shown.stdout));
    return { code: plan.code, summary };
  };

  test("says which version made it, and in which workspace; what is no plan says nothing", async () => {
    await using box = await sandbox({ "main.tf": configuration, junk: "no plan" });
    await box.terraform(...planArgv({ out: box.path("p") }));
    const { terraform_version: engineVersion } = JSON.parse((await box.terraform("version", "-json")).stdout);
    expect(await planOrigin(box.path("p"))).toEqual({ engineVersion, workspace: "default" });
    await selectWorkspace(box.path("."), "prod-eu");
    await box.terraform(...planArgv({ out: box.path("p") }));
    expect(await planOrigin(box.path("p"))).toEqual({ engineVersion, workspace: "prod-eu" });
    expect(await planOrigin(box.path("junk"))).toEqual({});
    expect(await planOrigin(box.path("missing"))).toEqual({});
  });

  test("is counted and masked: no secret leaves, and what changed can still be told", async () => {
    await using box = await sandbox({ "main.tf": configuration });
    const first = await planned(box);
    expect(first).toMatchObject({ code: 2, summary: { hasChanges: true, add: 4, change: 0, destroy: 0, import: 0 } });
    await box.terraform("apply", "-input=false", "p");

    const second = await planned(box, "-var=password=second-password", "-var=n=2");
    expect(second).toMatchObject({ code: 2, summary: { hasChanges: true, add: 1, change: 2, destroy: 1 } });
    expect(JSON.stringify([first, second])).not.toMatch(/first-password|second-password/);
    const { resources, outputs } = second.summary;
    expect(resources.map(({ address, action }) => `${address} ${action}`)).toEqual([
      "terraform_data.replaced delete-then-create",
      "terraform_data.secret update",
      "terraform_data.whole update",
    ]);
    expect(resources[0]).toMatchObject({
      replacePaths: [["triggers_replace"]],
      reason: "replace_because_cannot_update",
      afterUnknown: { id: true },
    });
    expect(resources[1]?.after).toMatchObject({
      input: { user: "root", password: { masked: true, changed: true }, list: ["plain", { masked: true }] },
    });
    expect(resources[2]?.before).toMatchObject({ input: { masked: true, changed: true } });
    expect(outputs).toMatchObject([
      { name: "plain", action: "update", before: { n: 1 }, after: { n: "2" } },
      { name: "secret", action: "update", after: { masked: true, changed: true } },
    ]);
  });

  test("without changes has none; one of outputs alone has", async () => {
    await using box = await sandbox({ "main.tf": configuration });
    await box.terraform("apply", "-auto-approve");
    expect(await planned(box)).toMatchObject({ code: 0, summary: { hasChanges: false, resources: [], outputs: [] } });
    await box.write({ "more.tf": 'output "new" { value = 1 }' });
    expect(await planned(box)).toMatchObject({ code: 2, summary: { hasChanges: true, resources: [], add: 0 } });
    const destroy = await planned(box, "-destroy");
    expect(destroy.summary).toMatchObject({ hasChanges: true, destroy: 4, add: 0 });
  });

  test("moves, imports and removals are told", async () => {
    await using box = await sandbox({
      "main.tf": 'resource "terraform_data" "old" {}\nresource "terraform_data" "gone" {}\n',
    });
    await box.terraform("apply", "-auto-approve");
    const next = `
      resource "terraform_data" "new" {}
      moved {
        from = terraform_data.old
        to   = terraform_data.new
      }
      resource "terraform_data" "adopted" {}
      import {
        to = terraform_data.adopted
        id = "from-elsewhere"
      }
      removed {
        from = terraform_data.gone
        lifecycle { destroy = false }
      }
    `;
    await box.write({ "main.tf": next });
    const { summary } = await planned(box);
    expect(summary).toMatchObject({ hasChanges: true, import: 1, forget: 1, move: 1, destroy: 0 });
    expect(summary.resources).toMatchObject([
      { address: "terraform_data.adopted", importing: "from-elsewhere" },
      { address: "terraform_data.gone", action: "forget" },
      { address: "terraform_data.new", previousAddress: "terraform_data.old", action: "no-op" },
    ]);
  });

  test("file gives out its members", async () => {
    await using box = await sandbox({ "main.tf": configuration });
    await planned(box);
    expect((await extractFromPlan(box.path("p"), "tfconfig/m-/main.tf"))?.toString()).toBe(configuration);
    expect(await extractFromPlan(box.path("p"), "nope")).toBeUndefined();
    expect(await extractLockFile(box.path("p"), box.path("lock"))).toBe(false);
    const lock = 'provider "registry.terraform.io/a/b" {}\n';
    await writeFile(box.path("z"), zipOf(".terraform.lock.hcl", lock));
    expect(await extractLockFile(box.path("z"), box.path("lock"))).toBe(true);
    expect(await readFile(box.path("lock"), "utf8")).toBe(lock);
  });

  test("file that is a link, cut, flipped or no zip is refused", async () => {
    await using box = await sandbox({ "main.tf": configuration });
    await planned(box);
    const whole = await readFile(box.path("p"));
    await symlink("p", box.path("link"));
    const refused = { code: "validation" };
    await expect(extractFromPlan(box.path("link"), "tfplan")).rejects.toMatchObject(refused);
    await expect(extractFromPlan(box.path("missing"), "tfplan")).rejects.toMatchObject(refused);
    await expect(extractFromPlan(box.dir, "tfplan")).rejects.toMatchObject(refused);
    await expect(extractFromPlan("/dev/zero", "tfplan")).rejects.toMatchObject(refused);
    await writeFile(box.path("cut"), whole.subarray(0, 300));
    await expect(extractFromPlan(box.path("cut"), "tfplan")).rejects.toMatchObject(refused);
    const digests = new Set<string>();
    for (let i = 0; i < whole.length; i += 37) {
      const flipped = Buffer.from(whole);
      flipped[i] = (flipped[i] ?? 0) ^ 0xff;
      await using file = await open(box.path("flipped"), "w");
      await file.writeFile(flipped);
      const found = await extractFromPlan(box.path("flipped"), "tfplan").catch(
        (error: { code?: string }) => error.code,
      );
      digests.add(
        typeof found === "string"
          ? found
          : createHash("sha256")
              .update(found ?? "")
              .digest("hex"),
      );
    }
    expect(digests).toContain("validation");
  });
});

/** A zip with one stored member. */
function zipOf(name: string, text: string): Buffer {
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt32LE(text.length, 20);
  entry.writeUInt32LE(text.length, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(46 + name.length, 12);
  end.writeUInt32LE(30 + name.length + text.length, 16);
  return Buffer.concat([local, Buffer.from(name + text), entry, Buffer.from(name), end]);
}
