import { describe, expect, test } from "vitest";
import { certificatePaths, passEnvironment, secretsOfEnvironment, whyNotPassed } from "./passed-environment.ts";

describe("--pass-env", () => {
  test.each(["HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "TF_TOKEN_*", "AWS_*", "GOOGLE_CREDENTIALS"])(
    "takes %s",
    (name) => expect(whyNotPassed(name)).toBeUndefined(),
  );

  test.each([
    ["TF_CLI_CONFIG_FILE", "--cli-config"],
    ["TF_PLUGIN_CACHE_DIR", "--provider-cache"],
    ["WINDLASS_AGENT_TOKEN", "belong to the agent"],
    ["PATH", "the agent sets it"],
    ["LD_PRELOAD", "load code"],
    ["TF_LOG", "holds secrets"],
    ["a b", "letters, digits"],
    ["*", "expected names such as"],
    ["TF_*", "would pass TF_CLI_ARGS_INIT"],
    ["TF_LOG_*", "would pass TF_LOG*"],
    ["W*", "would pass WINDLASS_*"],
    ["p*", "would pass PATH"],
  ])("refuses %s and says why", (name, why) => expect(whyNotPassed(name)).toContain(why));

  test("passes what is set, and tells what is not", () => {
    const environment = { TF_TOKEN_a: "1", TF_TOKEN_b: "2", HTTPS_PROXY: "", OTHER: "x" };
    expect(passEnvironment(["TF_TOKEN_*", "HTTPS_PROXY", "AWS_*"], environment)).toEqual({
      values: { TF_TOKEN_a: "1", TF_TOKEN_b: "2" },
      missing: ["HTTPS_PROXY", "AWS_*"],
    });
  });

  test("tokens, and passwords in addresses, are secrets; other values are not", () => {
    expect(
      secretsOfEnvironment({
        TF_TOKEN_acme_test: "t1",
        AWS_SECRET_ACCESS_KEY: "t2",
        AWS_ACCESS_KEY_ID: "AKIA",
        AWS_SESSION_TOKEN: "t3",
        DB_PASSWORD: "t4",
        HTTPS_PROXY: "http://me:p%40ss@proxy.test:3128",
        NO_PROXY: "localhost",
        SSL_CERT_FILE: "/etc/ca.pem",
      }),
    ).toEqual(["t1", "t2", "t3", "t4", "p%40ss", "p@ss"]);
  });

  test("files and directories of authorities have to be seen", () => {
    expect(certificatePaths({ SSL_CERT_FILE: "/a/ca.pem", SSL_CERT_DIR: "/b:/c:relative" })).toEqual([
      "/a/ca.pem",
      "/b",
      "/c",
    ]);
    expect(certificatePaths({})).toEqual([]);
  });
});
