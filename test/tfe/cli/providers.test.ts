import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeSource, providerPackage, writeMirror } from "../../support/provider-package.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { storages, useTerraformStage } from "../../support/terraform-stage.ts";

const files = (size: number) => ({
  "main.tf": `
terraform {
  required_providers {
    fake = {
      source = "${fakeSource}"
    }
  }
}
resource "fake_server" "web" {
  name   = "web"
  size   = ${size}
  secret = "s3cret-s3cret"
}
resource "fake_password" "p" {
  length = 20
}
output "ip" {
  value = fake_server.web.ip
}
`,
});

describeWithTerraform("objects of providers through terraform's own client", () => {
  const directory = mkdtempSync(join(tmpdir(), "windlass-mirror-"));
  const mirror = join(directory, "mirror");
  const settings = `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`;
  const cliConfig = join(directory, "cli.tfrc");
  beforeAll(async () => {
    writeFileSync(cliConfig, settings);
    await writeMirror(mirror, [await providerPackage()]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  describe.each(storages)("on %s", { concurrent: true }, (engine) => {
    const stage = useTerraformStage({ engine, settings, jobArgs: ["--cli-config", cliConfig] });

    test.each(["remote", "agent", "local"] as const)(
      "are shown in plans that are saved, and in states, without what is secret: %s",
      async (mode) => {
        const { directory: at, run } = await stage.place(mode, files(1));
        await run("plan", "-out=made.tfplan");
        const made = await run("show", "made.tfplan");
        expect(made).toContain("# fake_server.web will be created");
        expect(made).toMatch(/\+ secret\s+= \(sensitive value\)/);
        expect(made).toMatch(/\+ result\s+= \(sensitive value\)/);
        expect(made).not.toContain("s3cret");
        expect(JSON.parse(await run("show", "-json", "made.tfplan")).resource_changes).toHaveLength(2);
        expect(await run("apply", "made.tfplan")).toContain("Resources: 2 added");
        const state = await run("show");
        expect(state).toMatch(/# fake_server\.web:/);
        expect(state).toMatch(/secret\s+= \(sensitive value\)/);
        await stage.terraform.write(at, files(2));
        await run("plan", "-out=grown.tfplan");
        expect(await run("show", "grown.tfplan")).toMatch(
          /fake_server\.web will be updated in-place[\s\S]*~ size\s+= 1 -> 2/,
        );
        expect(await run("output", "-raw", "ip")).toMatch(/\d/);
      },
    );

    test("are imported", async () => {
      const { directory: at, run } = await stage.applied("remote", files(1));
      await stage.terraform.write(at, { "more.tf": 'resource "fake_password" "taken" {\n  length = 8\n}\n' });
      await run("import", "fake_password.taken", "any-id");
      expect(await run("state", "list")).toContain("fake_password.taken");
      expect(await run("state", "show", "fake_password.taken")).toMatch(/result\s+= \(sensitive value\)/);
    });
  });
});
