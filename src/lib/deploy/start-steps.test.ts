import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { startKinds, startSteps } from "./start-steps.ts";

const place = { address: "https://tf.example.com:7070", organization: "acme", pool: "prod", version: "1.2.3" };

test.each(startKinds)(
  "%s: every start names the server and a file with the token, and has room for no secret",
  (kind) => {
    const text = startSteps(kind, place)
      .map((step) => step.text)
      .join("\n");
    expect(text).toContain(place.address);
    expect(text).toMatch(/agent-token/);
    expect(text).not.toMatch(/--token |WINDLASS_AGENT_TOKEN/);
  },
);

test.each(startKinds)("%s: with a file that has the token nobody is asked to paste it", (kind) => {
  const steps = startSteps(kind, { ...place, tokenFile: "my token" });
  const text = steps.map((step) => `${step.title} ${step.text}`).join("\n");
  expect(text).toMatch(/'my token'|"my token"/);
  expect(text).not.toMatch(/paste/i);
});

test("what is YAML can be read", () => {
  const texts = (["compose", "kubernetes"] as const).flatMap((kind) => startSteps(kind, place).map(({ text }) => text));
  const manifests = texts.filter((text) => /^(apiVersion|services):/.test(text));
  expect(manifests).toHaveLength(3);
  for (const text of manifests) for (const document of parseAllDocuments(text)) expect(document.errors).toEqual([]);
});

test("scaling asks the server for the jobs of this pool", () => {
  const scaled = parse(startSteps("kubernetes", place)[2]?.text ?? "");
  expect(scaled.spec.triggers[0].metadata).toEqual({
    scalerAddress: "tf.example.com:7070",
    ...{ enableTLS: "true", organization: "acme", pool: "prod", tokenFromEnv: "KEDA_TOKEN" },
  });
});
