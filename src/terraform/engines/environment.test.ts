import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { type EnvironmentOptions, terraformEnvironment } from "./environment.ts";

const options = (variables: EnvironmentOptions["variables"] = []): EnvironmentOptions => ({
  path: "/usr/bin:/bin",
  home: "/job/home",
  temporaryDirectory: "/job/tmp",
  run: { runId: "run_1", organization: "acme", workspace: "prod" },
  variables,
});

describe("the environment of terraform", () => {
  test("is built from nothing", () => {
    expect(terraformEnvironment(options())).toMatchInlineSnapshot(`
      {
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",
        "HOME": "/job/home",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "TFC_CONFIGURATION_VERSION_GIT_BRANCH": "",
        "TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA": "",
        "TFC_CONFIGURATION_VERSION_GIT_TAG": "",
        "TFC_ORGANIZATION_NAME": "acme",
        "TFC_PROJECT_NAME": "Default Project",
        "TFC_RUN_ID": "run-1",
        "TFC_WORKSPACE_NAME": "prod",
        "TFC_WORKSPACE_SLUG": "acme/prod",
        "TF_CLI_CONFIG_FILE": "/dev/null",
        "TF_INPUT": "0",
        "TF_IN_AUTOMATION": "1",
        "TF_VAR_TFC_CONFIGURATION_VERSION_GIT_BRANCH": "",
        "TF_VAR_TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA": "",
        "TF_VAR_TFC_CONFIGURATION_VERSION_GIT_TAG": "",
        "TF_VAR_TFC_ORGANIZATION_NAME": "acme",
        "TF_VAR_TFC_PROJECT_NAME": "Default Project",
        "TF_VAR_TFC_RUN_ID": "run-1",
        "TF_VAR_TFC_WORKSPACE_NAME": "prod",
        "TF_VAR_TFC_WORKSPACE_SLUG": "acme/prod",
        "TMPDIR": "/job/tmp",
      }
    `);
  });

  test("says all that terraform does where a run is debugged", () => {
    expect(terraformEnvironment({ ...options(), isDebug: true })).toMatchObject({ TF_LOG: "TRACE" });
    expect(terraformEnvironment(options())).not.toHaveProperty("TF_LOG");
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("a variable may be called %s", (name) => {
    const env = terraformEnvironment(options([{ name, value: "9007199254740993" }]));
    expect(execFileSync("/usr/bin/env", { env, encoding: "utf8" })).toContain(`${name}=9007199254740993\n`);
  });

  test("a proxy of the workspace takes the place of the agent's in both spellings", () => {
    const environment = terraformEnvironment({
      ...options([
        { name: "HTTPS_PROXY", value: "http://mine" },
        { name: "https_proxy", value: "http://mine-too" },
        { name: "no_proxy", value: "here" },
      ]),
      inherited: { HTTPS_PROXY: "http://theirs", NO_PROXY: "there", HTTP_PROXY: "http://theirs" },
    });
    expect(environment).toMatchObject({
      ...{ HTTPS_PROXY: "http://mine", https_proxy: "http://mine-too", no_proxy: "here", HTTP_PROXY: "http://theirs" },
    });
    expect(environment).not.toHaveProperty("NO_PROXY");
  });

  test("workspace variables override what the agent passes on, but never the agent's own settings", () => {
    const environment = terraformEnvironment({
      ...options([
        { name: "HTTPS_PROXY", value: "http://mine" },
        { name: "TFC_RUN_ID", value: "forged" },
        { name: "LANG", value: "de_DE.UTF-8" },
      ]),
      inherited: { HTTPS_PROXY: "http://theirs", PATH: "/theirs" },
    });
    expect(environment).toMatchObject({
      HTTPS_PROXY: "http://mine",
      TFC_RUN_ID: "run-1",
      LANG: "de_DE.UTF-8",
      PATH: "/usr/bin:/bin",
    });
  });

  test.each([
    ["TF_CLI_ARGS_plan", "-destroy", /arguments/],
    ["PATH", "/evil", /agent sets it/],
    ["A", "x\0y", /NUL/],
    ["BIG", "x".repeat(131_068), /128 KiB/],
  ])("%s is refused by name", (name, value, why) => {
    const refusal = { code: "validation", message: expect.stringMatching(why), metadata: { variable: name } };
    expect(() => terraformEnvironment(options([{ name, value }]))).toThrow(expect.objectContaining(refusal));
  });

  test("the largest allowed environment is one that the kernel takes, and a larger one is refused with what to do", () => {
    const filled = (last: number) => [
      ...Array.from({ length: 15 }, (_, i) => ({ name: `BIG_${i}`, value: "x".repeat(131_000) })),
      { name: "LAST", value: "x".repeat(last) },
    ];
    const sizeOf = (last: number) => {
      const whole = terraformEnvironment(options(filled(last)));
      return Object.entries(whole).reduce((sum, [name, value]) => sum + name.length + value.length + 10, 0);
    };
    const room = 2 * 1024 * 1024 - 64 * 1024 - sizeOf(0);
    const env = terraformEnvironment(options(filled(room)));
    expect(execFileSync("/bin/sh", ["-c", 'printf %s "$LAST" | wc -c'], { env, encoding: "utf8" }).trim()).toBe(
      `${room}`,
    );
    expect(() => terraformEnvironment(options(filled(room + 1)))).toThrow(/the environment is too large: \d+ bytes/);
  });

  test("the longest allowed value is one that the kernel takes", () => {
    const env = terraformEnvironment(options([{ name: "BIG", value: "x".repeat(131_067) }]));
    expect(execFileSync("/bin/sh", ["-c", 'printf %s "$BIG" | wc -c'], { env, encoding: "utf8" }).trim()).toBe(
      "131067",
    );
  });
});
