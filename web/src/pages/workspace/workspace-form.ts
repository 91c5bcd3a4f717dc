import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Workspace, WorkspaceSchema } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { durationFlag, parseDuration } from "../../ui/forms/duration.ts";
import { splitNames } from "../../ui/forms/names.ts";
import { engineFlag, engineOf, modeOf, modeWords } from "../../words/execution.ts";

/** Every setting of a workspace as its form has it: texts, as somebody types them. */
export type WorkspaceForm = {
  readonly name: string;
  readonly description: string;
  readonly executionMode: string;
  readonly agentPool: string;
  readonly agentSelector: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly workingDirectory: string;
  readonly autoApply: boolean;
  readonly tags: string;
  readonly initTimeout: string;
  readonly planTimeout: string;
  readonly applyTimeout: string;
  readonly parallelism: string;
  readonly remoteStateConsumers: string;
  readonly sharesStateWithOrganization: boolean;
};

/** A workspace's settings for its form. */
export function formOf(workspace: Workspace): WorkspaceForm {
  const {
    name,
    description,
    agentPool,
    agentSelector,
    engineVersion,
    workingDirectory,
    autoApply,
    sharesStateWithOrganization,
  } = workspace;
  return {
    ...{
      name,
      description,
      agentPool,
      agentSelector,
      engineVersion,
      workingDirectory,
      autoApply,
      sharesStateWithOrganization,
    },
    executionMode: modeWords(workspace.executionMode).flag,
    engine: engineFlag(workspace.engine),
    tags: workspace.tags.join(", "),
    initTimeout: durationFlag(workspace.initTimeout),
    planTimeout: durationFlag(workspace.planTimeout),
    applyTimeout: durationFlag(workspace.applyTimeout),
    parallelism: workspace.parallelism === 0 ? "" : `${workspace.parallelism}`,
    remoteStateConsumers: workspace.remoteStateConsumers.join(", "),
  };
}

const secondsOf = (text: string): Pick<Duration, "seconds" | "nanos"> => ({
  seconds: BigInt(parseDuration(text) ?? 0),
  nanos: 0,
});

/** What the form asks the server for; which of it counts, the mask says. */
export function changesOf(form: WorkspaceForm): MessageInitShape<typeof WorkspaceSchema> {
  const {
    name,
    description,
    agentPool,
    agentSelector,
    engineVersion,
    workingDirectory,
    autoApply,
    sharesStateWithOrganization,
  } = form;
  return {
    ...{
      name,
      description,
      agentPool,
      agentSelector,
      engineVersion,
      workingDirectory,
      autoApply,
      sharesStateWithOrganization,
    },
    executionMode: modeOf(form.executionMode),
    engine: engineOf(form.engine),
    tags: [...splitNames(form.tags)],
    initTimeout: secondsOf(form.initTimeout),
    planTimeout: secondsOf(form.planTimeout),
    applyTimeout: secondsOf(form.applyTimeout),
    parallelism: Number(form.parallelism || "0"),
    remoteStateConsumers: [...splitNames(form.remoteStateConsumers)],
  };
}

const durations = ["initTimeout", "planTimeout", "applyTimeout"] as const;

/** What can be seen to be wrong before it is sent, by field. */
export function mistakesOf(form: WorkspaceForm): Readonly<Record<string, string>> {
  const badDurations = durations.filter((field) => parseDuration(form[field]) === undefined);
  return {
    ...Object.fromEntries(badDurations.map((field) => [field, "Write it as 90s, 30m or 1h30m"])),
    ...(/^\d{0,3}$/.test(form.parallelism) ? {} : { parallelism: "Write a number up to 256" }),
    ...(form.executionMode === "agent" && form.agentPool === ""
      ? { agentPool: "Choose the pool whose agents run it" }
      : {}),
  };
}

/** Another mode: a pool belongs to the mode agent alone. */
export const withMode = (mode: string, read: WorkspaceForm): Partial<WorkspaceForm> =>
  mode === "agent"
    ? { executionMode: mode, agentPool: read.agentPool, agentSelector: read.agentSelector }
    : { executionMode: mode, agentPool: "", agentSelector: "" };
