import { expect, test } from "vitest";
import { isRefusedVariableName, isTerraformVariableName, whyRefusedVariableName } from "./variable-names.ts";

test.each([
  "TF_CLI_ARGS",
  "TF_CLI_ARGS_plan",
  "TF_CLI_CONFIG_FILE",
  "TF_DATA_DIR",
  "TF_WORKSPACE",
  "TF_LOG",
  "TF_LOG_PATH",
  "TF_LOG_PROVIDER",
  "TF_PLUGIN_CACHE_DIR",
  "TF_STATE_PERSIST_INTERVAL",
  "TF_HTTP_ADDRESS",
  "TF_REATTACH_PROVIDERS",
  "TF_SCHEMA_PANIC_ON_ERROR",
  "TOFU_CPU_PROFILE",
  "TOFU_X_EXPERIMENTAL_RUNTIME",
  "GOGC",
  "PATH",
  "HOME",
  "LD_PRELOAD",
  "LD_LIBRARY_PATH",
  "NODE_OPTIONS",
  "BASH_ENV",
  "BASH_FUNC_ls",
  "WINDLASS_AGENT_TOKEN",
  "path",
  "Ld_Preload",
  "",
  "1A",
  "A-B",
  "A=B",
  "A B",
  "é",
  "X".repeat(129),
])("an environment variable may not be called %j", (name) => {
  expect(isRefusedVariableName(name)).toBe(true);
});

test.each([
  "AWS_SECRET_ACCESS_KEY",
  "TF_VAR_region",
  "TFC_AWS_PROVIDER_AUTH",
  "TF_TOKEN_app_example_com",
  "HTTPS_PROXY",
  "HOMEPAGE",
  "OPENTOFU_ENFORCE_GPG_VALIDATION",
  "TOFU_VERSION_WANTED",
  "_x",
  "LDAP_URL",
])("an environment variable may be called %s", (name) => {
  expect(whyRefusedVariableName(name)).toBeUndefined();
});

test.each([
  ["TF_CLI_CONFIG_FILE", "--cli-config, or by the setting providers"],
  ["TERRAFORM_CONFIG", "--cli-config, or by the setting providers"],
  ["TF_CLI_ARGS_init", "--cli-config, or by the setting providers"],
  ["TF_PLUGIN_CACHE_DIR", "--provider-cache"],
  ["TOFU_CPU_PROFILE", "write a file"],
  ["TOFU_X_EXPERIMENTAL_RUNTIME", "only tried out"],
  ["TF_TOKEN_localhost:9443", "a credentials block of the agent's --cli-config, or into the setting providers"],
  ["TF_TOKEN_my-registry.acme.test", "for the host my-registry.acme.test it is TF_TOKEN_my__registry_acme_test"],
])("the refusal of %s names the right way", (name, way) => {
  expect(whyRefusedVariableName(name)).toContain(way);
});

test("names of terraform variables are identifiers of HCL", () => {
  expect(["region", "a-b", "_x", "größe", "x1"].filter((name) => !isTerraformVariableName(name))).toEqual([]);
  expect(["", "1x", "a b", 'a"', "a.b", "-x", "x".repeat(129)].filter(isTerraformVariableName)).toEqual([]);
});
