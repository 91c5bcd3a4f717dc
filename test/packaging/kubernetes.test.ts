import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { startSteps } from "../../src/lib/deploy/start-steps.ts";
import { manifestProblems } from "./manifests.ts";

/** The manifests of a YAML text. */
const manifestsIn = (text: string): readonly unknown[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((manifest) => manifest !== null);

test("a manifest that Kubernetes would not take, or read only in part, is found", async () => {
  const container = {
    name: "agent",
    image: "agent:1",
    readinesProbe: { httpGet: { path: "/readyz", port: "metrics" } },
  };
  const spec = { selector: { matchLabels: { app: "a" } }, template: { spec: { containers: [container] } } };
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "agent" }, spec };
  expect(await manifestProblems(deployment)).toEqual([
    "apps/v1 Deployment: no schema knows /spec/template/spec/containers/0/readinesProbe",
  ]);
  expect(await manifestProblems({ ...deployment, spec: { ...spec, replicas: "two" } })).toContainEqual(
    expect.stringContaining("replicas must be integer"),
  );
  expect(await manifestProblems({ ...deployment, kind: "Deploymnet" })).toEqual([
    "no schema is known for apps/v1 Deploymnet",
  ]);
});

test("what windlass deploy prints for Kubernetes, it takes", async () => {
  const place = { address: "https://tf.example.com:7070", organization: "acme", pool: "prod", version: "1.2.3" };
  const texts = startSteps("kubernetes", place).map(({ text }) => text);
  const manifests = texts.filter((text) => text.startsWith("apiVersion:")).flatMap(manifestsIn);
  expect(manifests.length).toBeGreaterThanOrEqual(2);
  for (const manifest of manifests) expect(await manifestProblems(manifest)).toEqual([]);
});
