import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freshName } from "../../support/api.ts";
import { privatelySigned } from "../../support/certificate.ts";
import { describeWithTerraform } from "../../support/terraform.ts";
import { TerraformCli } from "../../support/terraform-cli.ts";
import { useTerraformStage } from "../../support/terraform-stage.ts";

const one = { "main.tf": 'resource "terraform_data" "one" {}\noutput "o" {\n  value = "over TLS"\n}\n' };

// How the client finds the server does not depend on where that keeps its rows: one engine of storage tells all.
describeWithTerraform("terraform's own client over TLS with a private authority", { concurrent: true }, () => {
  const directory = mkdtempSync(join(tmpdir(), "windlass-tls-"));
  const { ca, cert, key } = privatelySigned(new Date());
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const caFile = file("ca.pem", ca);
  const args = ["--tls-cert-file", file("tls.crt", cert), "--tls-key-file", file("tls.key", key)];
  const trusting = { jobArgs: ["--pass-env", "SSL_CERT_FILE"], env: { SSL_CERT_FILE: caFile } };
  const stage = useTerraformStage({ args, ...trusting, ca, caFile });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each(
    (["cloud", "remote"] as const).flatMap((form) =>
      (["remote", "agent", "local"] as const).map((mode) => [form, mode] as const),
    ),
  )("with %s, %s: discovers the API and does everything over it", async (form, mode) => {
    const { run } = await stage.place(mode, one, form);
    if (form === "cloud" || mode === "local") {
      expect(await run("plan", "-out=saved.tfplan")).toContain("Plan: 1 to add");
      expect(await run("show", "saved.tfplan")).toContain("terraform_data.one will be created");
      expect(await run("apply", "saved.tfplan")).toMatch(/Resources: 1 added/);
    } else expect(await run("apply", "-auto-approve")).toContain("Resources: 1 added");
    expect(await run("output", "-raw", "o")).toBe("over TLS");
    expect(await run("state", "list")).toBe("terraform_data.one\n");
    expect(await run("destroy", "-auto-approve")).toContain("1 destroyed");
  });

  test("without the authority says that it does not know it", async () => {
    const terraform = await TerraformCli.open(stage.scene, stage.server, { caFile: "/dev/null" });
    const at = await terraform.directory({ ...one, "backend.tf": terraform.backend(`name = "${freshName("ws")}"`) });
    expect(await terraform.fails(at, ["init"])).toMatch(/certificate signed by unknown authority/);
  });

  test.each(["remote", "agent", "local"] as const)(
    "reads the outputs of another workspace, in a run too: %s",
    async (mode) => {
      const { name } = await stage.applied("remote", one);
      const { host, organization } = stage.terraform;
      const reading = await stage.place(mode, {
        "main.tf": `
variable "token" {
  sensitive = true
}
data "terraform_remote_state" "other" {
  backend = "remote"
  config = {
    hostname     = "${host}"
    organization = "${organization}"
    token        = var.token
    workspaces   = { name = "${name}" }
  }
}
output "read" {
  value = data.terraform_remote_state.other.outputs.o
}
`,
      });
      const value = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
      await stage.api.set(reading.name, [{ key: "token", value, sensitive: true }]);
      const env = { TF_VAR_token: value };
      await stage.terraform.run(reading.directory, ["apply", "-auto-approve"], mode === "local" ? { env } : {});
      expect(await reading.run("output", "-raw", "read")).toBe("over TLS");
    },
  );
});
