import { describe, expect, test } from "vitest";
import { bareEngines } from "../bare.ts";
import { until } from "../until.ts";
import { apply, usePlaces } from "./place.ts";

const place = usePlaces();

describe.each(bareEngines)("with %s", (engine) => {
  test("failures and warnings name the attribute and carry the detail", async () => {
    await using directory = await place(
      engine,
      `variable "size" {}
      variable "fail" { default = "" }
      resource "fake_server" "s" {
        name = "s"
        size = var.size
        fail = var.fail
      }`,
    );
    const invalid = await directory.run("plan", "-var=size=-1");
    expect(invalid.output).toContain("Error: Invalid size");
    expect(invalid.output).toContain("size = var.size");
    expect(await directory.ok("plan", "-var=size=2000")).toContain("Warning: The server is very large");
    const failed = await directory.run(...apply, "-var=size=1", "-var=fail=create");
    expect(failed.code).toBe(1);
    expect(failed.output).toContain("Error: The create was told to fail");
    expect(failed.output).toContain("with fake_server.s,");
  });

  test("one that crashes in the middle of an apply leaves what was finished in the state", async () => {
    await using directory = await place(
      engine,
      `resource "fake_server" "first" { name = "first" }
      resource "fake_server" "second" {
        name = "second"
        fail = "crash"
        size = fake_server.first.id == "" ? 1 : 2
      }`,
    );
    const { code, output } = await directory.run(...apply);
    expect(code).toBe(1);
    expect(output).toContain("Plugin did not respond");
    expect(await directory.resources()).toMatchObject([{ name: "first" }]);
  });

  test("noise on stderr does not hinder it", async () => {
    await using directory = await place(
      engine,
      `resource "fake_server" "s" {
        name     = "s"
        noise_mb = 20
      }`,
    );
    expect(await directory.ok(...apply)).toContain("1 added");
  });
});

describe("asked to stop", () => {
  const slow = (fail: string) => `resource "fake_server" "s" {
    name    = "s"
    seconds = ${fail === "stubborn" ? 1 : 600}
    fail    = "${fail}"
  }`;

  test.each([
    { fail: "", end: "The create was stopped", code: 1, done: false },
    { fail: "stubborn", end: "Error: execution halted", code: 1, done: true },
  ])("it ends what it does at once, unless it is stubborn ($fail)", async ({ fail, end, code, done }) => {
    await using directory = await place("terraform", slow(fail));
    const { ended, interrupt } = directory.start(...apply);
    await until("the apply has begun", async () => (await directory.log()).includes("apply create s"));
    interrupt();
    const answer = await ended;
    expect(answer).toMatchObject({ code, output: expect.stringContaining(end) });
    expect((await directory.log()).includes("done create s")).toBe(done);
  });

  test("one that hangs stays until it is killed", async () => {
    await using directory = await place("terraform", slow("hang"));
    const { ended, interrupt, kill } = directory.start(...apply);
    await until("the apply has begun", async () => (await directory.log()).includes("apply create s"));
    interrupt();
    await until("the provider was asked to stop", async () => (await directory.log()).includes("stop"));
    kill();
    expect((await ended).code).not.toBe(0);
    expect(await directory.log()).not.toContain("done");
  });
});
