import { createHash } from "node:crypto";
import { isWithin } from "../../sandbox/bubblewrap.ts";
import type { ProviderPlan } from "./job-providers.ts";

/** A circle of jobs whose providers come from the same place with the same rights. */
export interface SourceScope {
  /**
   * A digest of everything that says where providers come from: what comes from elsewhere is another thing, whatever
   * its name.
   */
  readonly domain: string;
  readonly providers: ProviderPlan;
  /** Variables of the workspace that have a part in it. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface ScopedJob {
  readonly engine: string;
  readonly providers: ProviderPlan;
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  /** Where jobs see their files: what a variable names there is another file in each job. */
  readonly workRoot: string;
}

const ofSources = /^(TF_TOKEN_.+|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR))$/i;

/**
 * The scope of a job; undefined when the workspace says where providers come from in a way that only its own init
 * understands.
 */
export function scopeOf({ engine, providers, environment, workRoot }: ScopedJob): SourceScope | undefined {
  if (environment.some(({ name }) => name.startsWith("XDG_DATA_"))) return undefined;
  const own = environment.filter(({ name }) => ofSources.test(name));
  if (own.some(({ name, value }) => name.startsWith("SSL_CERT_") && !isElsewhere(value, workRoot))) return undefined;
  const variables = Object.fromEntries(own.map(({ name, value }) => [name, value]));
  const { methods, others, caPem, helper } = providers;
  const said = [engine, methods, others, caPem, helper, sorted(providers.environment), sorted(variables)];
  return { domain: createHash("sha256").update(JSON.stringify(said)).digest("hex"), providers, variables };
}

/** True for paths that every job sees alike. */
const isElsewhere = (paths: string, workRoot: string): boolean =>
  paths.split(":").every((path) => path.startsWith("/") && !path.includes("..") && !isWithin(path, workRoot));

const sorted = (values: Readonly<Record<string, string>>) => Object.entries(values).sort();
