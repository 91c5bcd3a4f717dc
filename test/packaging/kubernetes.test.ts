import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { readCommandLine } from "../../src/lib/command-line.ts";
import { startSteps } from "../../src/lib/deploy/start-steps.ts";
import { loadSettings, type Settings } from "../../src/lib/settings.ts";
import { agentSettings } from "../../src/settings/agent.ts";
import { knownVariables } from "../../src/settings/known-variables.ts";
import { serverSettings } from "../../src/settings/server.ts";
import { manifestProblems } from "./manifests.ts";

const place = resolve(import.meta.dirname, "../../packaging/kubernetes");

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
  const start = { address: "https://tf.example.com:7070", organization: "acme", pool: "prod", version: "1.2.3" };
  const texts = startSteps("kubernetes", start).map(({ text }) => text);
  const manifests = texts.filter((text) => text.startsWith("apiVersion:")).flatMap(manifestsIn);
  expect(manifests.length).toBeGreaterThanOrEqual(2);
  await expectGood(manifests);
});

const rendered = readdirSync(resolve(place, "manifests")).map((name) => ({
  name,
  manifests: manifestsIn(readFileSync(resolve(place, "manifests", name), "utf8")),
}));

async function expectGood(manifests: readonly unknown[]): Promise<void> {
  for (const manifest of manifests) {
    expect(await manifestProblems(manifest)).toEqual([]);
    for (const pod of podsIn(manifest)) expectRestricted(pod);
  }
}

/** The pods of a manifest, wherever their templates lie. */
function podsIn(value: unknown): readonly Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "containers" in value ? [value as Record<string, unknown>] : [];
  return [...own, ...Object.values(value).flatMap(podsIn)];
}

/** What the restricted standard for pods demands, and what these programs need: a variable WINDLASS_… that is none of theirs is refused. */
function expectRestricted(pod: Record<string, unknown>): void {
  expect(pod).toMatchObject({
    ...{ automountServiceAccountToken: false, enableServiceLinks: false },
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 },
      seccompProfile: { type: "RuntimeDefault" },
    },
  });
  const { containers } = pod as { containers: readonly unknown[] };
  expect(containers).toHaveLength(1);
  expect(containers[0]).toMatchObject({
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    readinessProbe: { httpGet: { path: "/readyz", port: "metrics" } },
    volumeMounts: expect.arrayContaining([
      { name: "data", mountPath: expect.stringMatching(/^\/var\/lib\/windlass/) },
      { name: "tmp", mountPath: "/tmp" },
    ]),
  });
}

describe.each(rendered)("packaging/kubernetes/manifests/$name", ({ name, manifests }) => {
  test("is taken by Kubernetes, and asks for no rights", async () => {
    expect(manifests.length).toBeGreaterThanOrEqual(2);
    await expectGood(manifests);
  });

  test("starts its program with settings that it knows", () => {
    const problems = podsIn(manifests).flatMap((pod) => settingProblems(name, pod));
    expect(problems).toEqual([]);
  });

  test("selects the pods that it makes, and mounts the volumes that it has", () => {
    for (const manifest of manifests as readonly Manifest[]) {
      const { selector, template, volumeClaimTemplates = [] } = manifest.spec ?? {};
      if (template?.metadata === undefined) continue;
      expect(template.metadata.labels).toMatchObject(selector?.matchLabels ?? { none: true });
      const { containers, volumes } = template.spec;
      const there = [...volumes, ...volumeClaimTemplates.map(({ metadata }) => metadata)].map((volume) => volume.name);
      expect(there.toSorted()).toEqual(
        containers.flatMap(({ volumeMounts }) => volumeMounts.map((one) => one.name)).toSorted(),
      );
    }
  });
});

interface Manifest {
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly template?: {
      readonly metadata?: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly containers: readonly { readonly volumeMounts: readonly { readonly name: string }[] }[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

/** What the program that a pod starts would say of its settings, but for files that are not here. */
function settingProblems(name: string, pod: Record<string, unknown>): readonly string[] {
  const [container] = pod.containers as readonly {
    readonly args?: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
  }[];
  const settings: Settings = name.startsWith("server-") ? serverSettings : agentSettings;
  const line = readCommandLine(settings, container?.args ?? [], { own: [], maxWords: 0 });
  const environment = Object.fromEntries((container?.env ?? []).map((one) => [one.name, one.value ?? "given"]));
  const files = Object.keys(environment).filter((variable) => /_(DATABASE_URL|MASTER_KEY)_FILE$/.test(variable));
  for (const variable of files) delete environment[variable];
  const flags = line.kind === "flags" ? line.flags : {};
  const loaded = loadSettings(settings, { flags, environment, alsoKnown: knownVariables });
  return [
    ...(line.kind === "invalid" ? line.problems : []),
    ...(loaded.kind === "invalid" ? loaded.problems : loaded.unknown),
  ];
}

test("KEDA asks for the jobs of the pool for which its agents are", () => {
  const scaled = rendered.flatMap(({ manifests }) => manifests.map((manifest) => JSON.stringify(manifest)));
  const triggers = scaled
    .flatMap((text) => /"triggers":(\[.*?\}\])/.exec(text)?.[1] ?? [])
    .map((text) => JSON.parse(text));
  const common = { enableTLS: "true", organization: "acme", pool: "prod", tokenFromEnv: "KEDA_TOKEN" };
  expect(triggers).toEqual([
    [{ type: "external", metadata: { ...common, scalerAddress: "windlass.example.com:443", jobsPerAgent: "1" } }],
    [
      {
        type: "external",
        metadata: { ...common, scalerAddress: "windlass.example.com:7070", jobsPerAgent: "2", labels: "zone=a,gpu" },
      },
    ],
  ]);
});

const hasHelm = (() => {
  try {
    return execFileSync("helm", ["version", "--short"], { stdio: "pipe" }).length > 0;
  } catch {
    console.warn("SKIPPED: tests with Helm, which was not found: go install helm.sh/helm/v3/cmd/helm@latest");
    return false;
  }
})();

test.skipIf(!hasHelm)("the manifests are what Helm makes of the charts and the examples", () => {
  execFileSync(resolve(place, "../../scripts/kubernetes-manifests"), ["--check"], { stdio: "pipe" });
});

test.skipIf(!hasHelm)("what cannot work is refused when it is rendered", () => {
  const refusal = (chart: string, ...set: readonly string[]) => {
    try {
      return execFileSync("helm", ["template", "x", resolve(place, chart), ...set.flatMap((one) => ["--set", one])], {
        stdio: "pipe",
      }).toString();
    } catch (error) {
      return String((error as { stderr?: Buffer }).stderr);
    }
  };
  expect(refusal("windlass-agent", "audience=a")).toMatch(/address is needed/);
  expect(refusal("windlass-agent", "address=https://a")).toMatch(/audience is needed/);
  expect(refusal("windlass-agent", "address=https://a", "audience=a", "mode=scaled-job")).toMatch(
    /scalerSecretName is needed/,
  );
  expect(refusal("windlass-agent", "address=https://a", "audience=a", "mode=x")).toMatch(
    /mode is deployment, scaled-object/,
  );
  expect(refusal("windlass-server", "database.secretName=a")).toMatch(/masterKey.secretName is needed/);
});
