import { describe, expect, test } from "vitest";
import { namesOf } from "../line/flags.ts";
import { globalFlags } from "../line/global-flags.ts";
import { parse } from "./parse.ts";
import { entries } from "./tree.ts";

async function parsed(line: string) {
  const request = await parse(line.split(" ").filter((word) => word !== ""));
  if (request.kind !== "command") throw new Error(`${line} asks for help`);
  return request;
}

async function everyCommand() {
  const found = [];
  for (const entry of entries) {
    const commands = entry.kind === "noun" ? await entry.load() : [await entry.load()];
    for (const one of commands)
      found.push({ path: entry.kind === "noun" ? `${entry.name} ${one.name}` : entry.name, one });
  }
  return found;
}

describe("the command line", () => {
  test.each([
    ["run start network -m hello --plan-only", "run start"],
    ["-o json pool list", "pool list"],
    ["pools list --org=acme", "pool list"],
    ["run -w net list", "run list"],
    ["ws get network -a http://127.0.0.1:1", "workspace get"],
    ["variables set -w net a=1 b=2", "var set"],
    ["upload . -w net", "upload"],
  ])("%s is %s", async (line, path) => expect((await parsed(line)).path.join(" ")).toBe(path));

  test("values keep what was written", async () => {
    const { input } = await parsed(
      "run start net --target a.b --target c[0] --var x=1,2 --refresh=false --parallelism 4",
    );
    expect(input.flags).toMatchObject({
      target: ["a.b", "c[0]"],
      var: ["x=1,2"],
      refresh: false,
      parallelism: 4,
      planOnly: undefined,
    });
    expect((await parsed("pool create p --description=-x --grant a,b --grant c")).input.flags).toMatchObject({
      description: "-x",
      grant: ["a", "b", "c"],
    });
    expect((await parsed("pool edit p --description=")).input.flags).toMatchObject({ description: "" });
    expect((await parsed("var set -w net -- -x=1")).input.args).toEqual({ variables: ["-x=1"] });
    expect((await parsed("token create --pool p --description d")).input.flags).toMatchObject({ name: "d" });
  });

  test.each([
    ["ws get 0x10", { workspace: "0x10" }],
    ["ws get 1e3", { workspace: "1e3" }],
    ["ws get 007", { workspace: "007" }],
    ["ws get -- -net", { workspace: "-net" }],
    ["pool assign -7 net --quiet=false dns", { pool: "-7", workspaces: ["net", "dns"] }],
  ])("the words of %s stay texts", async (line, args) => expect((await parsed(line)).input.args).toEqual(args));

  test.each([
    ["run --watch list", "run list"],
    ["-v run -oname --limit=5 list", "run list"],
    ["-- run list", "run list"],
    // The same flag takes a value of one verb and none of another.
    ["providers set --registry registry.example.com=@token", "providers set"],
  ])("in %s flags may stand before the words: it is %s", async (line, path) =>
    expect((await parsed(line)).path.join(" ")).toBe(path),
  );

  test.each([
    ["--frob run list", "unknown flag --frob."],
    ["run --frob list", "unknown flag --frob."],
    ["run list --no-watch", "unknown flag --no-watch."],
    ["run list --limit", "--limit needs a value (one that begins with - as --limit=-…)"],
    ["run list --limit --watch", "--limit needs a value (one that begins with - as --limit=-…)"],
    ["run list --limit -4", '--limit is a whole number from 0 to 100000, not "-4"'],
    ["run list --limit 3 --limit=4", "--limit is given 2 times with different values: give it once"],
    ["run list --watch --watch=false", "--watch is given 2 times with different values: give it once"],
    ["run list --watch=maybe", '--watch is true or false, not "maybe"'],
    ["run list --watch true", 'unexpected argument "true"'],
    ["run start net -- --plan-only", 'unexpected argument "--plan-only"'],
    ["ws get a b", 'unexpected argument "b"'],
  ])("%s is refused", async (line, message) => await expect(parse(line.split(" "))).rejects.toThrow(message));

  test("the same value twice is no contradiction", async () => {
    const { input } = await parsed("run list --limit 3 --limit=3 --watch --watch=true");
    expect(input.flags).toMatchObject({ limit: 3, watch: true });
  });

  test("a hint repeats the flags that choose a server", async () => {
    expect((await parsed("pool list --org acme --context lab -o json")).repeatable).toEqual([
      "--context",
      "lab",
      "--org",
      "acme",
    ]);
  });

  test.each(["", "run", "--help", "help run start", "pool list --help", "-h run logs"])(
    "%j asks for help",
    async (line) => {
      expect((await parse(line.split(" ").filter((word) => word !== ""))).kind).toBe("help");
    },
  );
});

describe("every command", () => {
  test("has examples that parse, and flags that do not hide the global ones", async () => {
    const global = [...namesOf(globalFlags).keys()];
    const shorts = Object.values(globalFlags).map(({ short }) => short);
    for (const { path, one } of await everyCommand()) {
      expect(one.examples.length, path).toBeGreaterThan(0);
      for (const name of namesOf(one.flags).keys()) expect(global, `${path} --${name}`).not.toContain(name);
      const own = Object.values(one.flags).flatMap(({ short }) => (short === undefined ? [] : [short]));
      expect(new Set(own).size, path).toBe(own.length);
      for (const short of own) expect(shorts, `${path} -${short}`).not.toContain(short);
      for (const example of one.examples) {
        const words = example.replace(/\s[<>|].*/, "").match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
        const args = words.slice(1).map((word) => word.replace(/^['"]|['"]$/g, ""));
        expect(await parse(args), example).toMatchObject({ kind: "command", path: path.split(" ") });
      }
    }
  });

  test("is reachable by its noun's plural", async () => {
    for (const { name, aliases, kind } of entries) {
      if (kind === "noun" && name !== "ws")
        expect([name, ...aliases]).toContain(name.endsWith("s") ? name : `${name}s`);
    }
  });
});
