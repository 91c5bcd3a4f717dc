import { join } from "node:path";
import * as z from "zod";
import { readFile } from "../../../lib/fs/at-once.ts";
import { type CliItem, renderCliItems } from "../../../terraform/configuration/cli-config/cli-syntax.ts";
import {
  credentialsBlock,
  installationBlock,
  mirrorBlock,
  type ProviderSources,
} from "../../../terraform/configuration/provider-sources.ts";
import type { AgentConfig } from "../../contract/config.ts";
import { joinAuthorities } from "./certificates.ts";
import { whyNotShown } from "./control-plane-mirrors.ts";
import { type OwnerConfig, readOwnerConfig } from "./owner-config.ts";
import { certificatePaths, secretsOfEnvironment } from "./passed-environment.ts";
import { sourcesSentence } from "./sources-sentence.ts";

/** What a job is told of where its providers come from; made once in its life, and kept with it. */
export type ProviderPlan = Readonly<z.infer<typeof shape>>;

const shape = z.object({
  /** The methods of `provider_installation`; null without such a block. */
  methods: z
    .array(z.custom<CliItem>((item) => typeof item === "object" && item !== null))
    .readonly()
    .nullable(),
  /** The rest of the CLI configuration. */
  others: z.string(),
  /** The authorities that its processes trust; empty is the system's own. */
  caPem: z.string(),
  /** Variables of the agent's own environment. */
  environment: z.record(z.string(), z.string()),
  /** What its processes read beside what every job sees; absolute paths. */
  readable: z.array(z.string()).readonly(),
  /** The program of a credentials helper; empty without one. */
  helper: z.string(),
  /** What must not be seen in its log. */
  secrets: z.array(z.string()).readonly(),
  /** Where its providers come from, in one sentence. */
  sentence: z.string(),
});

export const noProviders: ProviderPlan = {
  methods: null,
  others: "",
  caPem: "",
  environment: {},
  readable: [],
  helper: "",
  secrets: [],
  sentence: "",
};

export const providersToJson = (providers: ProviderPlan): string => JSON.stringify(providers);

/** Reads what was made before; undefined when nothing was. */
export async function readProviders(path: string): Promise<ProviderPlan | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : shape.parse(JSON.parse(text));
}

export interface Given {
  readonly config: AgentConfig;
  readonly isSandboxed: boolean;
  /** What the control plane says, if it says anything. */
  readonly sources: ProviderSources | undefined;
}

/**
 * Puts together what the agent's owner and the control plane say. The owner's `provider_installation` stands for all
 * mirrors, and its credentials for their hosts; tokens and authorities of the control plane are added. Throws what a
 * person has to repair.
 */
export async function composeProviders({ config, isSandboxed, sources }: Given): Promise<ProviderPlan> {
  const read = await readOwnerConfig(config);
  if (read.kind === "unusable") throw new Error(`the agent's owner has to repair ${read.problems.join("; ")}`);
  const owner = read.kind === "read" ? read.owner : undefined;
  const ownMethods = owner?.config.methods;
  const mirrors = ownMethods === undefined ? (sources?.mirrors ?? []) : [];
  for (const mirror of mirrors) {
    const why = await whyNotShown(mirror, { config, isSandboxed });
    if (why !== undefined) throw new Error(why);
  }
  const methods = ownMethods ?? (mirrors.length === 0 ? undefined : mirrors.map(mirrorBlock));
  const hosts = (sources?.hosts ?? []).filter(({ host }) => !owner?.config.hosts.includes(host.toLowerCase()));
  const environment = config.passed?.values ?? {};
  const caPem = sources?.caPem ?? "";
  return {
    methods: methods ?? null,
    others: renderCliItems([...(owner?.config.others ?? []), ...hosts.map(credentialsBlock)]),
    caPem: caPem === "" ? "" : await joinAuthorities(caPem, environment.SSL_CERT_FILE),
    environment,
    readable: readableOf(owner, environment),
    helper: owner?.helperProgram ?? "",
    secrets: [
      ...(owner?.config.secrets ?? []),
      ...hosts.map(({ token }) => token),
      ...secretsOfEnvironment(environment),
    ],
    sentence: sourcesSentence({ owner: owner?.config, file: config.cliConfigFile, mirrors, environment }),
  };
}

function readableOf(owner: OwnerConfig | undefined, environment: Readonly<Record<string, string>>): readonly string[] {
  const helper = owner?.helperProgram === undefined ? [] : [owner.helperProgram];
  return [...(owner?.config.paths.map(({ path }) => path) ?? []), ...helper, ...certificatePaths(environment)];
}

/** True when terraform needs a CLI configuration of its own. */
export const hasCliConfig = ({ methods, others }: ProviderPlan): boolean => methods !== null || others !== "";

/** The text of the CLI configuration. */
export const cliConfigText = ({ methods, others }: Pick<ProviderPlan, "methods" | "others">): string =>
  (methods === null ? "" : renderCliItems([installationBlock(methods)])) + others;

/** Names of the files in a job's directory of this purpose. */
export const providerFiles = (directory: string) => ({
  cliConfig: join(directory, "terraform.rc"),
  authorities: join(directory, "authorities.pem"),
  /** The packages of the agent's cache that it may use, as a filesystem mirror. */
  packages: join(directory, "packages"),
});
