import { expect, test } from "vitest";
import { noProviders } from "./job-providers.ts";
import { type ScopedJob, scopeOf } from "./source-scope.ts";

const scope = (more: Partial<ScopedJob> = {}) =>
  scopeOf({ engine: "terraform", providers: noProviders, environment: [], workRoot: "/tmp/windlass-work", ...more });
const withVariable = (name: string, value: string) => scope({ environment: [{ name, value }] });
const plain = scope()?.domain;

test("jobs whose providers come from the same place share them", () => {
  expect(plain).toMatch(/^[0-9a-f]{64}$/);
  expect(withVariable("AWS_REGION", "eu-west-1")?.domain).toBe(plain);
});

test.each([
  ["another program", scope({ engine: "tofu" })],
  ["a mirror", scope({ providers: { ...noProviders, methods: [] } })],
  ["other tokens", scope({ providers: { ...noProviders, others: 'credentials "a" { token = "b" }' } })],
  ["another authority", scope({ providers: { ...noProviders, caPem: "x" } })],
  ["another proxy of the agent", scope({ providers: { ...noProviders, environment: { HTTPS_PROXY: "http://a" } } })],
  ["a token of the workspace", withVariable("TF_TOKEN_acme_test", "t")],
  ["a proxy of the workspace", withVariable("https_proxy", "http://evil.test")],
  ["an authority of the workspace", withVariable("SSL_CERT_FILE", "/srv/ca.pem")],
])("%s is another circle", (_name, other) => {
  expect(other?.domain).toMatch(/^[0-9a-f]{64}$/);
  expect(other?.domain).not.toBe(plain);
});

test.each([
  ["XDG_DATA_DIRS", "/srv"],
  ["SSL_CERT_FILE", "ca.pem"],
  ["SSL_CERT_FILE", "/tmp/windlass-work/run_1/config/ca.pem"],
  ["SSL_CERT_FILE", "/srv/../tmp/windlass-work/run_1/config/ca.pem"],
])("%s=%s is understood by the job's own init only", (name, value) => {
  expect(withVariable(name, value)).toBeUndefined();
});
