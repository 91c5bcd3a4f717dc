import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Engine, ExecutionMode } from "../../gen/windlass/v1/workspace_pb.ts";
import { choice, count, duration, type Flag, type FlagValues, list, text, toggle } from "../line/flags.ts";
import { taggedBy } from "./tags.ts";

/** The execution modes as they are written in flags. */
export const modes = { remote: ExecutionMode.REMOTE, agent: ExecutionMode.AGENT, local: ExecutionMode.LOCAL } as const;
const engines = { terraform: Engine.TERRAFORM, tofu: Engine.TOFU } as const;

/** A list that is left as it is when the flag is absent; `--flag ""` empties it. */
const replaced = (flag: Flag<readonly string[]>): Flag<readonly string[] | undefined> => ({
  ...flag,
  read: (texts, name) => (texts.length === 0 ? undefined : flag.read(texts, name)),
});

/** The flags that set what a workspace is. */
export const settingFlags = {
  description: text("what it is for"),
  executionMode: choice("where it runs: on the server, on a pool's agents, or elsewhere", ["remote", "agent", "local"]),
  pool: text("the pool it runs on; means --execution-mode agent", { short: "p", placeholder: "POOL" }),
  agentSelector: text('which agents of the pool may run it, by labels; "" is all', { placeholder: "zone=a,gpu" }),
  engine: choice(
    "the program that plans and applies (default: the organization's, and tofu where the agents have nothing else)",
    ["terraform", "tofu"],
  ),
  engineVersion: text(
    '1.11.4, 1.11 (any 1.11.x) or a constraint: "~> 1.11" (1.11 or a later 1.x), "~> 1.11.2" (a later 1.11.x)',
    { placeholder: "VERSION" },
  ),
  workingDirectory: text("where in the configuration it runs", { placeholder: "DIR" }),
  autoApply: toggle("apply without asking when a plan has changes"),
  parallelism: count("how many operations the engine runs at once; 0 is its default, 10", 256),
  planTimeout: duration("how long a plan may take before it is canceled; 0 is the server's limit"),
  applyTimeout: duration("how long an apply may take before it is canceled; 0 is the server's limit"),
  initTimeout: duration("how long init may take before it is ended; 0 is the server's limit"),
  inheritExecutionMode: toggle("it has the organization's execution mode and pool, also when these change"),
  refuseDestroy: toggle("runs may not destroy all that it has"),
  tag: replaced(list("its tags, all of them, to find it by; some with values", { placeholder: "TAG,KEY=VALUE" })),
  shareStateWith: replaced(
    list("workspaces whose runs may read its outputs, all of them, existing or not", { placeholder: "WS,WS" }),
  ),
  shareState: toggle("every workspace of the organization may read its outputs"),
};

/** What the flags set, by the field of the workspace; undefined where a flag was not given. */
export function settingsOf(flags: FlagValues<typeof settingFlags>) {
  const mode = flags.executionMode ?? (flags.pool === undefined ? undefined : "agent");
  // A workspace that leaves its pool must not keep it: only mode agent has one.
  const leavesPool = mode !== undefined && mode !== "agent" && flags.pool === undefined;
  return {
    description: flags.description,
    executionMode: mode === undefined ? undefined : modes[mode],
    agentPool: leavesPool ? "" : flags.pool,
    agentSelector: flags.agentSelector,
    engine: flags.engine === undefined ? undefined : engines[flags.engine],
    engineVersion: flags.engineVersion,
    workingDirectory: flags.workingDirectory,
    autoApply: flags.autoApply,
    parallelism: flags.parallelism,
    planTimeout: durationOf(flags.planTimeout),
    applyTimeout: durationOf(flags.applyTimeout),
    initTimeout: durationOf(flags.initTimeout),
    inheritsExecutionMode: flags.inheritExecutionMode,
    refusesDestroy: flags.refuseDestroy,
    ...(flags.tag === undefined ? {} : taggedBy(flags.tag)),
    remoteStateConsumers: flags.shareStateWith === undefined ? undefined : [...flags.shareStateWith],
    sharesStateWithOrganization: flags.shareState,
  };
}

const durationOf = (ms: number | undefined): Duration | undefined =>
  ms === undefined ? undefined : durationFromMs(ms);

/** `autoApply` as it is written in update masks: `auto_apply`. */
export const byPath = (settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
