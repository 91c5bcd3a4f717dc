import type { Command } from "./command.ts";

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
    load: async () => (await import("./login.ts")).login,
  },
  {
    kind: "command",
    name: "logout",
    aliases: [],
    summary: "Forget the token of a context",
    group: "Start here",
    load: async () => (await import("./login.ts")).logout,
  },
  {
    kind: "command",
    name: "whoami",
    aliases: [],
    summary: "Show whose token this is and what it may do",
    group: "Start here",
    load: async () => (await import("./status.ts")).whoami,
  },
  {
    kind: "command",
    name: "status",
    aliases: [],
    summary: "Show the server, runs in progress and pools without agents",
    group: "Start here",
    load: async () => (await import("./status.ts")).status,
  },
  {
    kind: "noun",
    name: "run",
    aliases: ["runs"],
    summary: "Start, follow and decide runs",
    group: "Runs",
    load: async () => (await import("./run.ts")).runCommands,
  },
  {
    kind: "noun",
    name: "cv",
    aliases: ["cvs", "config-version", "config-versions"],
    summary: "Upload and fetch configuration versions",
    group: "Runs",
    load: async () => (await import("./cv.ts")).cvCommands,
  },
  {
    kind: "command",
    name: "upload",
    aliases: [],
    summary: "The same as cv upload",
    group: "Runs",
    load: async () => (await import("./cv.ts")).upload,
  },
  {
    kind: "noun",
    name: "state",
    aliases: ["states"],
    summary: "Read states and outputs",
    group: "Runs",
    load: async () => (await import("./state.ts")).stateCommands,
  },
  {
    kind: "noun",
    name: "pool",
    aliases: ["pools"],
    summary: "Manage agent pools and which workspaces may use them",
    group: "Agents and pools",
    load: async () => (await import("./pool.ts")).poolCommands,
  },
  {
    kind: "noun",
    name: "token",
    aliases: ["tokens"],
    summary: "Manage the tokens that admit agents to a pool",
    group: "Agents and pools",
    load: async () => (await import("./token.ts")).tokenCommands,
  },
  {
    kind: "noun",
    name: "agent",
    aliases: ["agents"],
    summary: "Watch and steer agents",
    group: "Agents and pools",
    load: async () => (await import("./agent.ts")).agentCommands,
  },
  {
    kind: "noun",
    name: "workspace",
    aliases: ["ws", "workspaces"],
    summary: "Manage workspaces",
    group: "Workspaces",
    load: async () => (await import("./workspace.ts")).workspaceCommands,
  },
  {
    kind: "noun",
    name: "var",
    aliases: ["vars", "variable", "variables"],
    summary: "Manage the variables of a workspace",
    group: "Workspaces",
    load: async () => (await import("./var.ts")).varCommands,
  },
  {
    kind: "noun",
    name: "org",
    aliases: ["orgs", "organization", "organizations"],
    summary: "Manage organizations",
    group: "Administration",
    load: async () => (await import("./org.ts")).orgCommands,
  },
  {
    kind: "noun",
    name: "context",
    aliases: ["contexts"],
    summary: "List, select and explain saved servers",
    group: "Administration",
    load: async () => (await import("./context-commands.ts")).contextCommands,
  },
  {
    kind: "command",
    name: "completion",
    aliases: [],
    summary: "Print a completion script for a shell",
    group: "Administration",
    load: async () => (await import("./completion.ts")).completion,
  },
  {
    kind: "command",
    name: "version",
    aliases: [],
    summary: "Print the version of this program",
    group: "Administration",
    load: async () => (await import("./version.ts")).version,
  },
];

/** The entry of this name or alias. */
export const entryOf = (word: string): Entry | undefined =>
  entries.find(({ name, aliases }) => name === word || aliases.includes(word));

/** The verb of this name or alias. */
export const verbOf = (commands: readonly Command[], word: string): Command | undefined =>
  commands.find(({ name, aliases }) => name === word || aliases.includes(word));
