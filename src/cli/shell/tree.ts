import type { Command } from "../shared/command.ts";

/** The headings under which `windlass --help` lists what there is. */
export const groups = ["Start here", "Runs", "Agents and pools", "Workspaces", "Administration"] as const;

interface Named {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly group: (typeof groups)[number];
}

/** A first word of the command line: a noun with verbs, or a command by itself. Its code is loaded only when it is used. */
export type Entry =
  | (Named & { readonly kind: "noun"; readonly load: () => Promise<readonly Command[]> })
  | (Named & { readonly kind: "command"; readonly load: () => Promise<Command> });

/** Every first word of `windlass`. */
export const entries: readonly Entry[] = [
  {
    kind: "command",
    name: "login",
    aliases: [],
    summary: "Save a server and a token as a context",
    group: "Start here",
    load: async () => (await import("../admin/login.ts")).login,
  },
  {
    kind: "command",
    name: "logout",
    aliases: [],
    summary: "Forget the token of a context",
    group: "Start here",
    load: async () => (await import("../admin/login.ts")).logout,
  },
  {
    kind: "command",
    name: "whoami",
    aliases: [],
    summary: "Show whose token this is and what it may do",
    group: "Start here",
    load: async () => (await import("../admin/status.ts")).whoami,
  },
  {
    kind: "command",
    name: "status",
    aliases: [],
    summary: "Show the server, runs in progress and pools without agents",
    group: "Start here",
    load: async () => (await import("../admin/status.ts")).status,
  },
  {
    kind: "command",
    name: "watch",
    aliases: [],
    summary: "Print whatever changes: runs, workspaces, pools, agents",
    group: "Start here",
    load: async () => (await import("../events/watch.ts")).watch,
  },
  {
    kind: "command",
    name: "open",
    aliases: [],
    summary: "Open the page of a run, a workspace or a pool in the browser",
    group: "Start here",
    load: async () => (await import("../admin/open.ts")).open,
  },
  {
    kind: "noun",
    name: "run",
    aliases: ["runs"],
    summary: "Start, follow and decide runs",
    group: "Runs",
    load: async () => (await import("../run/run.ts")).runCommands,
  },
  {
    kind: "noun",
    name: "cv",
    aliases: ["cvs", "config-version", "config-versions"],
    summary: "Upload and fetch configuration versions",
    group: "Runs",
    load: async () => (await import("../workspace/cv.ts")).cvCommands,
  },
  {
    kind: "command",
    name: "upload",
    aliases: [],
    summary: "The same as cv upload",
    group: "Runs",
    load: async () => (await import("../workspace/cv.ts")).upload,
  },
  {
    kind: "noun",
    name: "state",
    aliases: ["states"],
    summary: "Read, compare, push and roll back states",
    group: "Runs",
    load: async () => (await import("../state/state.ts")).stateCommands,
  },
  {
    kind: "noun",
    name: "pool",
    aliases: ["pools"],
    summary: "Manage agent pools and which workspaces may use them",
    group: "Agents and pools",
    load: async () => (await import("../pool/pool.ts")).poolCommands,
  },
  {
    kind: "noun",
    name: "token",
    aliases: ["tokens"],
    summary: "Manage the tokens that admit agents to a pool",
    group: "Agents and pools",
    load: async () => (await import("../admin/token.ts")).tokenCommands,
  },
  {
    kind: "noun",
    name: "trust",
    aliases: ["trusts"],
    summary: "Manage whose identities may register agents without a token",
    group: "Agents and pools",
    load: async () => (await import("../pool/trust.ts")).trustCommands,
  },
  {
    kind: "noun",
    name: "agent",
    aliases: ["agents"],
    summary: "Watch and steer agents",
    group: "Agents and pools",
    load: async () => (await import("../agent/agent.ts")).agentCommands,
  },
  {
    kind: "command",
    name: "deploy",
    aliases: [],
    summary: "Print what to run to start an agent of a pool, with a fresh token in a file",
    group: "Agents and pools",
    load: async () => (await import("../agent/deploy.ts")).deploy,
  },
  {
    kind: "noun",
    name: "providers",
    aliases: ["provider"],
    summary: "Say where jobs take providers from: mirrors, registries, certificates",
    group: "Agents and pools",
    load: async () => (await import("../pool/providers.ts")).providersCommands,
  },
  {
    kind: "noun",
    name: "workspace",
    aliases: ["ws", "workspaces"],
    summary: "Manage workspaces",
    group: "Workspaces",
    load: async () => (await import("../workspace/workspace.ts")).workspaceCommands,
  },
  {
    kind: "noun",
    name: "var",
    aliases: ["vars", "variable", "variables"],
    summary: "Manage the variables of a workspace or a variable set",
    group: "Workspaces",
    load: async () => (await import("../workspace/var.ts")).varCommands,
  },
  {
    kind: "noun",
    name: "varset",
    aliases: ["varsets", "variable-set", "variable-sets"],
    summary: "Manage variable sets, which several workspaces get",
    group: "Workspaces",
    load: async () => (await import("../workspace/varset.ts")).varsetCommands,
  },
  {
    kind: "noun",
    name: "org",
    aliases: ["orgs", "organization", "organizations"],
    summary: "Manage organizations",
    group: "Administration",
    load: async () => (await import("../admin/org.ts")).orgCommands,
  },
  {
    kind: "noun",
    name: "apikey",
    aliases: ["apikeys", "key", "keys"],
    summary: "Manage the API keys of people and CI",
    group: "Administration",
    load: async () => (await import("../admin/apikey.ts")).apiKeyCommands,
  },
  {
    kind: "noun",
    name: "audit",
    aliases: ["audits"],
    summary: "Read who changed what",
    group: "Administration",
    load: async () => (await import("../admin/audit.ts")).auditCommands,
  },
  {
    kind: "noun",
    name: "context",
    aliases: ["contexts"],
    summary: "List, select and explain saved servers",
    group: "Administration",
    load: async () => (await import("../admin/context-commands.ts")).contextCommands,
  },
  {
    kind: "noun",
    name: "manifest",
    aliases: ["manifests"],
    summary: "Keep pools, providers, variable sets and workspaces as files",
    group: "Administration",
    load: async () => (await import("../manifest/commands.ts")).manifestCommands,
  },
  {
    kind: "command",
    name: "apply",
    aliases: [],
    summary: "Short for manifest apply",
    group: "Administration",
    load: async () => (await import("../manifest/commands.ts")).applyShort,
  },
  {
    kind: "command",
    name: "doctor",
    aliases: [],
    summary: "Check the way from here to the server, and the token",
    group: "Start here",
    load: async () => (await import("../admin/doctor.ts")).doctor,
  },
  {
    kind: "command",
    name: "api",
    aliases: [],
    summary: "Call any method of the API and print its answer as JSON",
    group: "Administration",
    load: async () => (await import("../admin/api.ts")).api,
  },
  {
    kind: "command",
    name: "completion",
    aliases: [],
    summary: "Print a completion script for a shell",
    group: "Administration",
    load: async () => (await import("../admin/completion.ts")).completion,
  },
  {
    kind: "command",
    name: "version",
    aliases: [],
    summary: "Print the version of this program",
    group: "Administration",
    load: async () => (await import("../admin/version.ts")).version,
  },
];

/** The entry of this name or alias. */
export const entryOf = (word: string): Entry | undefined =>
  entries.find(({ name, aliases }) => name === word || aliases.includes(word));

/** What people type for a verb, after other programs: the first that a noun has counts. */
const usualWords: Readonly<Record<string, readonly string[]>> = {
  ls: ["list"],
  rm: ["delete", "revoke", "unset", "remove"],
  remove: ["delete", "rm", "revoke", "unset"],
  show: ["get"],
  describe: ["get", "show"],
};

/** The verb of this name or alias. */
export const verbOf = (commands: readonly Command[], word: string): Command | undefined =>
  [word, ...(usualWords[word] ?? [])]
    .map((each) => commands.find(({ name, aliases }) => name === each || aliases.includes(each)))
    .find((found) => found !== undefined);
