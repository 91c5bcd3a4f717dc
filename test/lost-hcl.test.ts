import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test, vi } from "vitest";
import { lostHcl } from "../src/cli/run/lost-hcl.ts";
import { HeldInState, LostResourceSchema, RunSchema } from "../src/gen/windlass/v1/run_pb.ts";
import { ApplyProgress } from "../src/terraform/output/apply-progress.ts";
import { parseEvent } from "../src/terraform/output/events.ts";
import { bareEngines } from "./support/bare.ts";
import { apply, usePlaces } from "./support/fake-provider/place.ts";

vi.setConfig({ testTimeout: 120_000 });

const place = usePlaces();
/** As a configuration writes them. */
const keys = ["plain", "a.b/c d", 'q\\"u\\\\o', "$${tem} %%{plate}", "é\\u200b"];
const configuration = `
resource "fake_database" "d" {
  for_each = { ${keys.map((key, index) => `"${key}" = "db-${index}"`).join(", ")} }
  name     = each.value
}
resource "fake_database" "more" {
  count = 2
  name  = "more-\${count.index}"
}
`;

describe.each(bareEngines)("%s takes the blocks that are printed for what is in no state", (engine) => {
  test("and makes nothing twice", async () => {
    await using directory = await place(engine, configuration);
    const progress = new ApplyProgress();
    for (const line of (await directory.ok(...apply, "-json")).split("\n")) {
      const event = parseEvent(line);
      if (event !== undefined) progress.observe(event);
    }
    const lost = progress.finished.all.map(({ finishedAt: _at, ...one }) =>
      create(LostResourceSchema, { ...one, held: HeldInState.ABSENT }),
    );
    expect(lost).toHaveLength(keys.length + 2);
    await rm(join(directory.path, "terraform.tfstate"));
    const hcl = lostHcl(create(RunSchema, { id: "run_1", workspace: "net", lost, lostCount: lost.length }));
    await writeFile(join(directory.path, "lost.tf"), `${hcl.join("\n")}\n`);
    expect(await directory.ok("plan")).toMatch(
      new RegExp(`Plan: ${lost.length} to import, 0 to add, \\d+ to change, 0 to destroy`),
    );
    await directory.ok(...apply);
    await rm(join(directory.path, "lost.tf"));
    expect(await directory.ok("plan")).toContain("No changes.");
  });
});
