import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bareEngines } from "../bare.ts";
import { apply, usePlaces } from "./place.ts";

const place = usePlaces();

describe.each(bareEngines)("with %s", (engine) => {
  test("a file that a directory lacks is created again, and the state is what it was", async () => {
    await using directory = await place(
      engine,
      `resource "fake_file" "f" {
        filename = "out/inventory.ini"
        content  = "[web]"
      }`,
    );
    expect(await directory.ok(...apply)).toContain("1 added, 0 changed, 0 destroyed");
    const before = await directory.resources();
    expect(await directory.ok("plan")).toContain("No changes.");
    await rm(join(directory.path, "out"), { recursive: true });
    expect(await directory.ok(...apply)).toContain("1 added, 0 changed, 0 destroyed");
    expect(await directory.resources()).toEqual(before);
    expect(await readFile(join(directory.path, "out/inventory.ini"), "utf8")).toBe("[web]");
    expect(await directory.ok("destroy", "-auto-approve")).toContain("1 destroyed");
    expect(existsSync(join(directory.path, "out/inventory.ini"))).toBe(false);
  });

  test("a database that was dropped by hand is made again with the same attributes", async () => {
    await using directory = await place(engine, `resource "fake_database" "d" { name = "d" }`);
    await directory.ok(...apply);
    const before = await directory.resources();
    await rm(join(directory.path, "cloud/databases/d.json"));
    expect(await directory.ok(...apply)).toContain("1 added, 0 changed, 0 destroyed");
    expect(await directory.resources()).toEqual(before);
  });

  test("a role edited by hand has drifted, and one without roles reads as nothing changed", async () => {
    await using directory = await place(
      engine,
      `resource "fake_role" "r" {
        name  = "r"
        login = true
      }`,
    );
    await directory.ok(...apply);
    expect(await directory.ok("plan")).toContain("No changes.");
    const role = join(directory.path, "cloud/roles/r.json");
    await writeFile(role, JSON.stringify({ ...JSON.parse(await readFile(role, "utf8")), connection_limit: 5 }));
    const drift = await directory.ok("plan", "-refresh-only");
    expect(drift).toContain("fake_role.r has changed");
    expect(drift).toContain("connection_limit = 5");
    expect(await directory.ok(...apply)).toContain("0 added, 1 changed, 0 destroyed");
    expect(JSON.parse(await readFile(role, "utf8"))).toMatchObject({ connection_limit: null });
  });

  test("a write-only password reaches the role and no state, and a new version changes it", async () => {
    const role = (version: number) => `
      ephemeral "fake_token" "t" { name = "v${version}" }
      resource "fake_role" "r" {
        name                = "r"
        password_wo         = ephemeral.fake_token.t.value
        password_wo_version = ${version}
      }`;
    await using directory = await place(engine, role(1));
    await directory.ok(...apply);
    const cloud = async () => JSON.parse(await readFile(join(directory.path, "cloud/roles/r.json"), "utf8"));
    expect(await cloud()).toMatchObject({ password: "token of v1" });
    await directory.configure(role(2));
    expect(await directory.ok(...apply)).toContain("0 added, 1 changed");
    expect(await cloud()).toMatchObject({ password: "token of v2" });
    expect(await directory.state()).not.toContain("token of");
  });

  test("a password is sensitive, stays the same, and can be imported", async () => {
    await using directory = await place(
      engine,
      `resource "fake_password" "p" { length = 20 }
      resource "fake_password" "known" { length = 7 }
      import {
        to = fake_password.known
        id = "hunter2"
      }
      output "p" {
        value     = fake_password.p.result
        sensitive = true
      }`,
    );
    expect(await directory.ok(...apply)).toContain("1 imported, 1 added, 0 changed, 0 destroyed");
    expect(await directory.ok("plan")).toContain("No changes.");
    const shown = await directory.ok("show");
    expect(shown).toContain("(sensitive value)");
    expect(await directory.ok("output", "-raw", "p")).toHaveLength(20);
    expect(await directory.state()).toContain('"result": "hunter2"');
  });

  test("an archive that a plan makes is what the apply takes", async () => {
    await using directory = await place(
      engine,
      `data "fake_archive" "a" {
        source_dir  = "\${path.module}/src"
        output_path = "\${path.module}/build/fn.zip"
      }
      resource "fake_upload" "u" {
        source      = data.fake_archive.a.output_path
        source_hash = data.fake_archive.a.output_base64sha256
      }`,
    );
    await mkdir(join(directory.path, "src"));
    await directory.write("src/index.py", "print(1)");
    await directory.ok("plan", "-out=tfplan");
    await rm(join(directory.path, "build"), { recursive: true });
    const failed = await directory.run("apply", "tfplan");
    expect(failed.code).toBe(1);
    expect(failed.output).toContain("open ./build/fn.zip: no such file or directory");
    expect(failed.output).toContain("with fake_upload.u,");
    expect(await directory.ok(...apply)).toContain("1 added, 0 changed");
    expect(await directory.ok("plan")).toContain("No changes.");
    await directory.write("src/index.py", "print(2)");
    expect(await directory.ok(...apply)).toContain("0 added, 1 changed");
  });

  test("a program runs while planning, and what it complains of is in the error", async () => {
    const run = (script: string) => `
      data "fake_external" "e" {
        program = ["sh", "-c", ${JSON.stringify(script)}]
        query   = { a = "b" }
      }
      output "e" { value = data.fake_external.e.result }`;
    await using directory = await place(engine, run('cat > made; echo \'{"path":"made"}\''));
    expect(await directory.ok("plan")).toMatch(/path\s+= "made"/);
    expect(JSON.parse(await readFile(join(directory.path, "made"), "utf8"))).toEqual({ a: "b" });
    await directory.configure(run("echo wrong >&2; exit 3"));
    const failed = await directory.run("plan");
    expect(failed.code).toBe(1);
    expect(failed.output).toContain("sh ended with 3: wrong");
  });

  test("data in a check is read at each run: one source changes always, one with its file", async () => {
    await using directory = await place(
      engine,
      `check "c" {
        data "fake_status" "s" { path = "status" }
        assert {
          condition     = data.fake_status.s.body == "ok"
          error_message = "the status is \${data.fake_status.s.body}"
        }
      }
      data "fake_clock" "c" {}
      output "reading" { value = data.fake_clock.c.reading }`,
    );
    await directory.write("status", "ok\n");
    expect(await directory.ok(...apply)).not.toContain("Warning: Check block");
    const reading = await directory.ok("output", "-raw", "reading");
    await directory.write("status", "bad\n");
    expect(await directory.ok(...apply)).toContain("the status is bad");
    expect(await directory.ok("output", "-raw", "reading")).not.toBe(reading);
  });

  test("functions answer, and an error names its argument", async () => {
    await using directory = await place(
      engine,
      `variable "path" { default = "main.tf" }
      output "exists" { value = provider::fake::exists(var.path) }
      output "shout" { value = provider::fake::shout("hi") }`,
    );
    const plan = await directory.ok("plan");
    expect(plan).toContain("exists = true");
    expect(plan).toContain('shout  = "HI"');
    const failed = await directory.run("plan", "-var=path=");
    expect(failed.code).toBe(1);
    expect(failed.output).toMatch(/a path is needed, got an\s+empty string/);
  });

  test("a moved object is not touched", async () => {
    await using directory = await place(engine, `resource "fake_server" "a" { name = "a" }`);
    await directory.ok(...apply);
    const moved = `resource "fake_server" "b" { name = "a" }\nmoved {\n  from = fake_server.a\n  to = fake_server.b\n}`;
    await directory.configure(moved);
    expect(await directory.ok(...apply)).toContain("0 added, 0 changed, 0 destroyed");
    expect(await directory.log()).toBe("apply create a\ndone create a\n");
  });

  test.each([
    ["ip", "1 to change", '"192.0.2.1"'],
    ["gone", "1 to add", "has been deleted"],
  ])("reads of a server find it as the environment says: %s", async (drift, counts, words) => {
    await using directory = await place(
      engine,
      `variable "ip" { default = null }
      resource "fake_server" "s" {
        name = "s"
        size = var.ip == null ? 1 : 2
      }
      output "ip" { value = fake_server.s.ip }`,
      { FAKE_PROVIDER_DRIFT: drift },
    );
    await directory.ok(...apply);
    const plan = await directory.ok("plan", "-var=ip=x");
    expect(plan).toContain(counts);
    expect(plan).toContain(words);
  });

  test("databases are imported by the name that they have", async () => {
    await using directory = await place(
      engine,
      `resource "fake_database" "d" { name = "kept" }
      import {
        to = fake_database.d
        id = "kept"
      }`,
    );
    const missing = await directory.run("plan");
    expect(missing.code).toBe(1);
    expect(missing.output).toContain("There is no kept in databases.");
    await mkdir(join(directory.path, "cloud/databases"), { recursive: true });
    await directory.write("cloud/databases/kept.json", '{"name":"kept","owner":null}');
    expect(await directory.ok(...apply)).toContain("1 imported, 0 added, 0 changed");
  });

  test("two hundred objects at once are a matter of a few seconds", async () => {
    await using directory = await place(engine, `resource "fake_password" "p" { count = 200 }`);
    expect(await directory.ok(...apply, "-parallelism=50")).toContain("200 added");
    expect(await directory.ok("plan")).toContain("No changes.");
  });
});
