import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentConfig } from "../../src/agent/contract/config.ts";
import { JobEngine } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { AgentPlace, eventually } from "./agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "./agent/fake-job.ts";
import { type BareEngine, bareDirectory } from "./bare.ts";
import { nodeDirectory, providerPackage } from "./provider-package.ts";
import { ProviderRegistry } from "./provider-registry.ts";

/** An agent and a registry, for tests of where providers come from. Disposing it ends everything. */
export class ProviderStage implements AsyncDisposable {
  readonly place: AgentPlace;
  readonly registry: ProviderRegistry;
  readonly #engine: BareEngine;
  readonly #held = new AsyncDisposableStack();
  #runs = 0;

  private constructor(place: AgentPlace, registry: ProviderRegistry, engine: BareEngine) {
    this.place = this.#held.use(place);
    this.registry = this.#held.use(registry);
    this.#engine = engine;
  }

  static async open(engine: BareEngine, token?: string): Promise<ProviderStage> {
    const registry = await ProviderRegistry.open(token === undefined ? {} : { token });
    return new ProviderStage(await AgentPlace.make(), registry, engine);
  }

  /** The source of the provider at the registry. */
  get source(): string {
    return `${this.registry.host}/acme/fake`;
  }

  /** Offers the provider under its name at the registry. */
  async publish(version = "1.0.0", note = ""): Promise<void> {
    this.registry.publish(await providerPackage({ source: this.source, version, note }));
  }

  /** Writes a file beside the agents, and answers its path. */
  async write(name: string, content: string): Promise<string> {
    await this.place.write(name, content);
    return this.place.path(name);
  }

  directory(name: string): Promise<string> {
    return mkdtemp(this.place.path(`${name}-`));
  }

  /** The authorities of the registry, for `--pass-env`. */
  async trusted(more: Readonly<Record<string, string>> = {}): Promise<Pick<AgentConfig, "passed">> {
    return { passed: { values: { SSL_CERT_FILE: await this.registry.writeCa(this.place.dir), ...more }, missing: [] } };
  }

  async start(config: Partial<AgentConfig>, name = "a"): Promise<void> {
    const { sandboxPaths = [], ...rest } = config;
    this.place.start(name, { sandboxPaths: [nodeDirectory, ...sandboxPaths], ...rest });
    await eventually(() => this.place.controlPlane.isConnected, "connected");
  }

  /** Plans and, if that succeeds, applies: both jobs. */
  async run(
    files: Readonly<Record<string, string | Uint8Array>>,
    more: Partial<FakeJobOptions> = {},
  ): Promise<readonly FakeJob[]> {
    this.#runs += 1;
    const number = this.#runs;
    const engine = this.#engine === "tofu" ? JobEngine.TOFU : JobEngine.TERRAFORM;
    const runId = `run_${number}`;
    const configuration = await this.place.pack(files);
    const common = { runId, configuration, ...more, spec: { engine, ...more.spec } };
    const plan = await this.#done(new FakeJob({ id: `job_plan_${number}`, ...common }));
    if (plan.uploadedPlan === undefined) return [plan];
    return [
      plan,
      await this.#done(new FakeJob({ id: `job_apply_${number}`, ...common, plan: plan.uploadedPlan.plan })),
    ];
  }

  async #done(job: FakeJob): Promise<FakeJob> {
    this.place.controlPlane.offer(job);
    await eventually(() => job.result, `the result of ${job.claim.jobId}`, 90_000);
    return job;
  }

  /** The lock file that the engine writes in a shell. */
  async lock(constraint = ">= 1.0.0"): Promise<string> {
    const env = { SSL_CERT_FILE: await this.registry.writeCa(this.place.dir) };
    await using directory = await bareDirectory(this.#engine, "", env);
    await directory.write("main.tf", this.configuration(this.source, constraint)["main.tf"] ?? "");
    await directory.ok("init");
    return readFile(join(directory.path, ".terraform.lock.hcl"), "utf8");
  }

  /** A configuration that needs the provider of this source. */
  configuration(source = this.source, constraint = ">= 1.0.0"): Readonly<Record<string, string>> {
    return {
      "main.tf": `terraform {
  required_providers {
    fake = {
      source  = "${source}"
      version = "${constraint}"
    }
  }
}
resource "fake_password" "p" {}
`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }
}
