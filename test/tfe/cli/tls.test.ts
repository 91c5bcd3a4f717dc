import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freshName } from "../../support/api.ts";
import { privatelySigned } from "../../support/certificate.ts";
import { useStage } from "../../support/stage.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";

const one = { "main.tf": 'resource "terraform_data" "one" {}\noutput "o" {\n  value = "over TLS"\n}\n' };

describeWithTerraform("terraform's own client over TLS with a private authority", () => {
  const directory = mkdtempSync(join(tmpdir(), "windlass-tls-"));
  const { ca, cert, key } = privatelySigned(new Date());
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const caFile = file("ca.pem", ca);
  const args = ["--tls-cert-file", file("tls.crt", cert), "--tls-key-file", file("tls.key", key)];
  const stage = useStage({ serverAgents: 1, args, ca });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test("discovers the API and does everything over it", async () => {
    const terraform = await TerraformCli.open(stage.scene, stage.server, { caFile });
    const at = await terraform.initialized(freshName("ws"), one);
    expect(await terraform.run(at, ["plan", "-out=saved.tfplan"])).toContain("Plan: 1 to add");
    expect(await terraform.run(at, ["show", "saved.tfplan"])).toContain("terraform_data.one will be created");
    expect(await terraform.run(at, ["apply", "saved.tfplan"])).toContain("Resources: 1 added");
    expect(await terraform.run(at, ["output", "-raw", "o"])).toBe("over TLS");
    expect(await terraform.run(at, ["state", "list"])).toBe("terraform_data.one\n");
  });

  test("without the authority says that it does not know it", async () => {
    const terraform = await TerraformCli.open(stage.scene, stage.server, { caFile: "/dev/null" });
    const at = await terraform.directory({ ...one, "backend.tf": terraform.backend(`name = "${freshName("ws")}"`) });
    expect(await terraform.fails(at, ["init"])).toMatch(/certificate signed by unknown authority/);
  });
});
