import { describe, expect, expectTypeOf, test } from "vitest";
import { durationMs, integer, text } from "./setting-schemas.ts";
import { loadSettings, optionalSetting, requiredSetting, setting } from "./settings.ts";

const settings = {
  graceMs: setting({ about: "the grace", flag: "grace", env: "WINDLASS_GRACE", schema: durationMs() }, 5_000),
  port: setting({ about: "the port", flag: "port", env: "WINDLASS_PORT", schema: integer(0, 65_535) }, 7070),
  token: requiredSetting({ about: "an agent token", env: "WINDLASS_TOKEN", schema: text(), isSecret: true }),
  name: optionalSetting({ about: "a name", flag: "name", schema: text() }),
};

const load = (flags: Record<string, unknown>, environment: Record<string, string>) =>
  loadSettings(settings, {
    flags,
    environment,
    readFile: (path) => {
      if (path !== "/token") throw new Error("no such file");
      return "from file\n";
    },
  });

describe("settings", () => {
  test("a flag wins over a variable, that over its file, that over the default", () => {
    const outcome = load({ grace: "1s" }, { WINDLASS_GRACE: "2s", WINDLASS_TOKEN_FILE: "/token", HOME: "/root" });
    expect(outcome).toEqual({
      kind: "loaded",
      values: { graceMs: 1_000, port: 7070, token: "from file", name: undefined },
      origins: { graceMs: "--grace", port: "default", token: "WINDLASS_TOKEN_FILE", name: "default" },
      unknown: [],
    });
    expect(load({}, { WINDLASS_TOKEN: "direct", WINDLASS_TOKEN_FILE: "/token" })).toMatchObject({
      values: { token: "direct" },
    });
  });

  test("values have the types of their schemas", () => {
    const outcome = load({}, { WINDLASS_TOKEN: "t" });
    if (outcome.kind !== "loaded") throw new Error(outcome.problems.join());
    expectTypeOf(outcome.values.port).toEqualTypeOf<number>();
    expectTypeOf(outcome.values.name).toEqualTypeOf<string | undefined>();
  });

  test("every problem is reported at once, with what was expected and what was got", () => {
    expect(load({ grace: "soon", port: 99_999 }, { WINDLASS_TOKEN_FILE: "/gone", WINDLASS_PROT: "1" })).toEqual({
      kind: "invalid",
      problems: [
        '--grace: expected a duration such as 90s, 2h30m or 7d, got "soon"',
        '--port: expected a whole number from 0 to 65535, got "99999"',
        "WINDLASS_TOKEN_FILE: /gone cannot be read: no such file",
        "WINDLASS_PROT is not a variable of Windlass: did you mean WINDLASS_PORT?",
      ],
    });
  });

  test("what is needed says how to give it, and an empty variable counts as not given", () => {
    expect(load({}, { WINDLASS_TOKEN: "" })).toEqual({
      kind: "invalid",
      problems: ["an agent token is needed: give WINDLASS_TOKEN or WINDLASS_TOKEN_FILE"],
    });
  });

  test("an unknown variable is named; those of the sister programs are not", () => {
    const environment = { WINDLASS_TOKEN: "t", WINDLASS_ORG: "acme", WINDLASS_ZZZZZZZZZZZZ: "1" };
    const outcome = loadSettings(settings, { flags: {}, environment, alsoKnown: ["WINDLASS_ORG"] });
    expect(outcome).toMatchObject({
      kind: "loaded",
      unknown: ["WINDLASS_ZZZZZZZZZZZZ is not a variable of Windlass"],
    });
  });

  test("a secret is never shown", () => {
    const strict = { token: requiredSetting({ ...settings.token, schema: integer(1, 2) }) };
    const outcome = loadSettings(strict, { flags: {}, environment: { WINDLASS_TOKEN: "hunter2" } });
    expect(outcome.kind).toBe("invalid");
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
  });

  test("a configuration file stands between variables and defaults; its unknown names are problems", () => {
    const file = { path: "w.yaml", values: { grace: "9s", port: 99 } };
    const outcome = loadSettings(settings, { flags: { port: "1" }, environment: { WINDLASS_TOKEN: "t" }, file });
    expect(outcome).toMatchObject({
      values: { graceMs: 9_000, port: 1 },
      origins: { graceMs: "w.yaml: grace", port: "--port" },
    });
    const wrong = { path: "w.yaml", values: { grcae: 1, port: "many" } };
    expect(loadSettings(settings, { flags: {}, environment: { WINDLASS_TOKEN: "t" }, file: wrong })).toEqual({
      kind: "invalid",
      problems: [
        "w.yaml: grcae is not a setting: did you mean grace?",
        'w.yaml: port: expected a whole number from 0 to 65535, got "many"',
      ],
    });
  });
});
