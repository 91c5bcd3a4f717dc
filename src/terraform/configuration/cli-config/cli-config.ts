import { didYouMean } from "../../../lib/did-you-mean.ts";
import { type CliItem, readCliSyntax } from "./cli-syntax.ts";
import { type Findings, textIn } from "./findings.ts";
import { problemsOfMethod } from "./install-methods.ts";

/** What a CLI configuration of terraform or tofu says, as far as somebody who runs them elsewhere has to know it. */
export interface CliConfig {
  /** The methods of its `provider_installation` block, in order; undefined without one. */
  readonly methods: readonly CliItem[] | undefined;
  /** Everything else that terraform has to read. */
  readonly others: readonly CliItem[];
  /** Hosts that it has credentials for, in lower case. */
  readonly hosts: readonly string[];
  /** Name of its credentials helper. */
  readonly helper: string | undefined;
  /** What terraform has to be able to read: mirrors, and providers in development. */
  readonly paths: readonly NamedPath[];
  /** Tokens and passwords. */
  readonly secrets: readonly string[];
  /** What is in it and does nothing, one sentence each. */
  readonly warnings: readonly string[];
}

/** An absolute path, and what it is named for. */
export interface NamedPath {
  readonly path: string;
  readonly what: string;
}

export type CliConfigRead =
  | { readonly kind: "read"; readonly config: CliConfig }
  /** Every problem at once, each the end of a sentence that begins with the name of the file. */
  | { readonly kind: "refused"; readonly problems: readonly string[] };

/** Reads a CLI configuration and refuses what cannot work where the files of its machine are not seen. */
export function readCliConfig(text: string): CliConfigRead {
  const syntax = readCliSyntax(text);
  if (syntax.kind === "malformed") return { kind: "refused", problems: [`line ${syntax.line}: ${syntax.why}`] };
  const found = new Reading();
  for (const item of syntax.items) found.take(item);
  return found.problems.length > 0 ? { kind: "refused", problems: found.problems } : { kind: "read", config: found };
}

/** What terraform 1.x and tofu 1.x read, and what nothing has to be known of here. */
const passed = new Set(["host", "oci_default_credentials", "registry_protocols", "provider_download_retry"]);
const caches = new Set(["plugin_cache_dir", "plugin_cache_may_break_dependency_lock_file"]);
const ownCache = "jobs would share that directory, and the agent has a cache of its own (--provider-cache)";
/** The agent switches it off in any case. */
const moot = new Set(["disable_checkpoint", "disable_checkpoint_signature"]);
const read = ["provider_installation", "credentials", "credentials_helper", "oci_credentials"];
const known = [...read, ...passed, ...caches, ...moot];

class Reading implements CliConfig, Findings {
  methods: readonly CliItem[] | undefined;
  helper: string | undefined;
  readonly others: CliItem[] = [];
  readonly hosts: string[] = [];
  readonly paths: NamedPath[] = [];
  readonly secrets: string[] = [];
  readonly warnings: string[] = [];
  readonly problems: string[] = [];

  take(item: CliItem): void {
    for (const problem of this.#problemsOf(item)) this.problems.push(`line ${item.line}: ${problem}`);
  }

  #problemsOf(item: CliItem): readonly string[] {
    const { name, line } = item;
    if (name === "provider_installation") return this.#installation(item);
    if (name === "credentials") return this.#credentials(item);
    if (name === "credentials_helper") return this.#helper(item);
    if (name === "oci_credentials") return this.#ociCredentials(item);
    if (passed.has(name)) this.others.push(item);
    else if (caches.has(name)) this.warnings.push(`line ${line}: ${name} does nothing: ${ownCache}`);
    else if (!moot.has(name)) return [whyUnknown(name)];
    return [];
  }

  #installation(item: CliItem): readonly string[] {
    if (item.kind !== "block" || item.labels.length > 0) return ["expected provider_installation { … }"];
    if (this.methods !== undefined) return ["a second provider_installation block: terraform takes one"];
    this.methods = item.items;
    for (const method of item.items)
      for (const problem of problemsOfMethod(method, this)) this.problems.push(`line ${method.line}: ${problem}`);
    return [];
  }

  #credentials(item: CliItem): readonly string[] {
    const [host] = item.kind === "block" ? item.labels : [];
    if (item.kind !== "block" || host === undefined || item.labels.length > 1)
      return ['expected credentials "HOST" { token = "…" }'];
    const token = textIn(item, "token") ?? "";
    if (token === "") return [`credentials ${JSON.stringify(host)} has no token = "…"`];
    this.hosts.push(host.toLowerCase());
    this.secrets.push(token);
    this.others.push(item);
    return [];
  }

  #helper(item: CliItem): readonly string[] {
    const [name] = item.kind === "block" ? item.labels : [];
    if (name === undefined || !/^[A-Za-z0-9_-]+$/.test(name))
      return ['expected credentials_helper "NAME" { args = […] }'];
    if (this.helper !== undefined) return ["a second credentials_helper: terraform takes one"];
    this.helper = name;
    this.others.push(item);
    return [];
  }

  #ociCredentials(item: CliItem): readonly string[] {
    for (const name of ["password", "access_token", "refresh_token"]) {
      const secret = textIn(item, name) ?? "";
      if (secret !== "") this.secrets.push(secret);
    }
    this.others.push(item);
    return [];
  }
}

function whyUnknown(name: string): string {
  if (name === "providers" || name === "provisioners")
    return `${name} was for terraform before 0.13: use provider_installation`;
  return `${name} is no setting of a CLI configuration${didYouMean(name, known)}`;
}
