import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Run, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { VariableCategory } from "../src/gen/windlass/v1/variable_pb.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { freshName } from "./support/api.ts";
import { nodeDirectory, providerPackage } from "./support/provider-package.ts";
import { ProviderRegistry } from "./support/provider-registry.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const stage = useStage();

/** A registry with a provider, and a workspace's way to it. */
interface Source {
  readonly registry: ProviderRegistry;
  readonly ca: string;
}

async function openSource(): Promise<Source> {
  const registry = await ProviderRegistry.open();
  stage.scene.defer(() => registry[Symbol.asyncDispose]());
  registry.publish(await providerPackage({ source: `${registry.host}/acme/fake` }));
  const folder = join(stage.scene.directory, "authorities", freshName("ca"));
  await mkdir(folder, { recursive: true });
  return { registry, ca: await registry.writeCa(folder) };
}

/** A workspace whose configuration needs the provider of that registry. */
async function workspaceFor({ registry, ca }: Source, pool: string): Promise<string> {
  const { api } = stage.server;
  const workspace = await api.workspace({ agentPool: pool });
  await api.set(workspace, [{ key: "SSL_CERT_FILE", value: ca, category: VariableCategory.ENV }]);
  const directory = join(stage.scene.directory, freshName("configuration"));
  await mkdir(directory);
  const source = `${registry.host}/acme/fake`;
  const required = `terraform {\n  required_providers {\n    fake = { source = "${source}" }\n  }\n}\n`;
  await writeFile(join(directory, "main.tf"), `${required}resource "fake_password" "p" {}\n`);
  await api.upload(workspace, directory);
  return workspace;
}

type Spoil = (registry: ProviderRegistry) => void;

const cases: readonly (readonly [string, Spoil, RegExp])[] = [
  ["sends a corrupt zip", (it) => it.misbehave("zip", { kind: "corrupt" }), /checksum/],
  ["lies about hashes", (it) => it.lie("hashes"), /checksum/],
  ["cuts its zip off", (it) => it.misbehave("zip", { kind: "cut-off" }), /unexpected\s+EOF/],
  ["has lost its zip", (it) => it.misbehave("zip", { kind: "status", code: 404 }), /404/],
  ["has signed with another key", (it) => it.lie("signature"), /signature/],
  ["answers 500", (it) => it.misbehave("versions", { kind: "status", code: 500 }), /500/],
  ["wants a token", (it) => it.misbehave("versions", { kind: "status", code: 401 }), /authentication|unauthorized/i],
];

describe.each(sandboxesHere)("a registry that misbehaves, with sandbox %s", (sandbox) => {
  let pool: string;
  let good: Source;

  /** A pool with an agent that sees what its jobs need. */
  async function poolWith(...args: readonly string[]): Promise<string> {
    const { scene, server } = stage;
    const name = await server.api.pool();
    const shown = `${nodeDirectory},${join(scene.directory, "authorities")}`;
    await scene.agent(server, { pool: name, concurrency: 2, sandbox, args: ["--sandbox-paths", shown, ...args] });
    return name;
  }

  beforeAll(async () => {
    good = await openSource();
    pool = await poolWith();
  });

  // What the registry does is the same for both: the sandbox shows itself in a few.
  test.each(sandbox === "none" ? cases : cases.slice(0, 2))(
    "one that %s ends its run with the cause, and no other",
    async (_name, spoil, cause) => {
      const { api } = stage.server;
      const bad = await openSource();
      spoil(bad.registry);
      const [workspace, neighbour] = [await workspaceFor(bad, pool), await workspaceFor(good, pool)];
      const [run, other] = await Promise.all([api.applied(workspace), api.applied(neighbour)]);
      expect(run.state).toBe(RunState.ERRORED);
      expect(run.apply).toBeUndefined();
      expect(run.errorMessage).toMatch(/terraform init failed/);
      expect(await api.wholeLog(run.id)).toMatch(cause);
      expect(other).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
      bad.registry.behave();
      expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    },
  );

  test("what is withdrawn or replaced after the plan, and in no cache, stops the apply before anything, and it can be applied later", async () => {
    const { api } = stage.server;
    const source = await openSource();
    const address = `${source.registry.host}/acme/fake`;
    const honest = await providerPackage({ source: address });
    source.registry.publish(await providerPackage({ source: address, version: "0.9.0" }));
    const workspace = await workspaceFor(source, await poolWith("--provider-cache", "0"));
    const { id } = await api.planned(workspace);
    const stopped = async (cause: RegExp) => {
      await api.confirm(id);
      const isStopped = (run: Run) => run.state === RunState.PLANNED && cause.test(run.errorMessage);
      await api.runWhen(id, `is not applied because of ${cause}`, isStopped, { deadlineMs: 60_000 });
      expect(await api.getWorkspace(workspace)).toMatchObject({ currentStateVersionId: "" });
    };
    source.registry.withdraw(honest);
    await stopped(/no longer available/);
    source.registry.publish(await providerPackage({ source: address, note: "another content" }));
    await stopped(/doesn't match any of the checksums/);
    source.registry.publish(honest);
    await api.confirm(id);
    expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  });

  test("one that stalls can be left by canceling, and its neighbours go on", async () => {
    const { api } = stage.server;
    const bad = await openSource();
    bad.registry.misbehave("zip", { kind: "stalled" });
    const [workspace, neighbour] = [await workspaceFor(bad, pool), await workspaceFor(good, pool)];
    const id = await api.start(workspace);
    await until("the zip was asked for", () => bad.registry.count("zip") > 0);
    expect(await api.applied(neighbour)).toMatchObject({ state: RunState.APPLIED });
    await api.clients.runs.cancelRun({ runId: id });
    const run = await api.ended(id);
    expect(run.state).toBe(RunState.CANCELED);
  });
});
