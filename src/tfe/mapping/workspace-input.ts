import * as z from "zod";
import { invalid } from "../../control/core/refusals.ts";
import type { WorkspaceSettings } from "../../control/workspaces/settings.ts";
import type { NewSettings } from "../../control/workspaces/workspaces.ts";
import { type ExecutionMode, type KeptAttributes, plainWorkspace } from "../../domain/workspaces/workspace.ts";
import { type ResourceInput, toManyOf, toOne } from "../core/body.ts";
import { fromTfeId } from "../core/ids.ts";
import { saidOf } from "./organization.ts";

const flag = z.boolean().optional();
const line = z.string().max(1_000).nullable().optional();
const paths = z.array(z.string().max(1_000)).max(100).nullable().optional();

const noAutoDestroy = "nothing is destroyed here unless somebody starts a run that does";

/** What is kept for clients and given back as they said it: nothing here depends on it. */
const keptShape = z.object({
  "assessments-enabled": flag,
  "auto-apply-run-trigger": flag,
  "auto-destroy-activity-duration": z.null(`expected null: ${noAutoDestroy}`).optional(),
  "auto-destroy-at": z.iso.datetime({ offset: true }).nullable().optional(),
  "file-triggers-enabled": flag,
  "hyok-enabled": z.literal(false).optional(),
  "inherits-project-auto-destroy": flag,
  "migration-environment": line,
  "project-remote-state": z
    .literal(false, "expected false: all workspaces are in one project, set global-remote-state")
    .optional(),
  "queue-all-runs": flag,
  "speculative-enabled": flag,
  "structured-run-output-enabled": flag,
  "trigger-patterns": paths,
  "trigger-prefixes": paths,
});

/** What such attributes are of which nobody said anything. */
export const keptDefaults: Required<z.infer<typeof keptShape>> = {
  "assessments-enabled": false,
  "auto-apply-run-trigger": false,
  "auto-destroy-activity-duration": null,
  "auto-destroy-at": null,
  "file-triggers-enabled": true,
  "hyok-enabled": false,
  "inherits-project-auto-destroy": false,
  "migration-environment": "",
  "project-remote-state": false,
  "queue-all-runs": false,
  "speculative-enabled": true,
  "structured-run-output-enabled": false,
  "trigger-patterns": [],
  "trigger-prefixes": [],
};

/** The working directory as its client wrote it: ours has no slash at its end. */
export const writtenDirectory = "working-directory";

const binding = z.object({ key: z.string(), value: z.string().nullable().optional() });
/** Tags with values, in a relationship or as a document of their own. */
export const tagBindings = toManyOf(binding);
/** Plain tags, each by its id or its name. */
export const tagNames = toManyOf(z.object({ name: z.string().nullable().optional() }).default({}));

export const workspaceShape = {
  types: ["workspaces"],
  attributes: keptShape.extend({
    name: z.string().optional(),
    description: z.string().max(10_000).nullable().optional(),
    "agent-pool-id": z.string().nullable().optional(),
    "allow-destroy-plan": flag,
    "auto-apply": flag,
    "execution-mode": z.enum(["remote", "agent", "local"]).optional(),
    "global-remote-state": flag,
    operations: flag,
    "setting-overwrites": z.object({ "execution-mode": flag, "agent-pool": flag }).nullable().optional(),
    "source-name": line,
    "source-url": line,
    "terraform-version": z.string().nullable().optional(),
    "vcs-repo": z.null("there are no connections to version control here").optional(),
    "working-directory": z.string().nullable().optional(),
  }),
  relationships: z.object({
    project: toOne.optional(),
    tags: tagNames.optional(),
    "tag-bindings": tagBindings.optional(),
  }),
} as const;

export type WorkspaceInput = ResourceInput<
  z.infer<(typeof workspaceShape)["attributes"]>,
  z.infer<(typeof workspaceShape)["relationships"]>
>;

/** Refuses a time at which a client expects the end of all that a workspace has. One that is over promises nothing. */
export function refuseAutoDestroy({ attributes }: WorkspaceInput, now: Date): void {
  const at = attributes["auto-destroy-at"] ?? null;
  if (at === null || new Date(at) <= now) return;
  throw invalid("/data/attributes/auto-destroy-at", `expected null: ${noAutoDestroy}`);
}

/** A new workspace. Without a mode of its own it follows its organization. */
export function fromNewWorkspace(input: WorkspaceInput, tags: readonly string[]): NewSettings {
  const changes = fromWorkspace(input)(plain);
  const { executionMode = null, pool = "" } = changes;
  const overwrites = input.attributes["setting-overwrites"]?.["execution-mode"];
  const isUnsaid = executionMode === null && pool === "";
  return {
    ...plain,
    ...changes,
    name: changes.name ?? "",
    ...{ executionMode, pool, tags: [...tags] },
    engine: null,
    inheritsExecutionMode: overwrites === undefined ? isUnsaid : !overwrites,
  };
}

/** What a workspace is of which only the name is said. */
const plain: WorkspaceSettings = {
  ...plainWorkspace,
  ...{ name: "", description: "", executionMode: "remote", pool: "", engine: "terraform", engineVersion: "" },
  ...{ workingDirectory: "", isAutoApply: false, tags: [], agentSelector: "", consumers: [], sharesState: false },
  ...{ planTimeoutMs: 0, applyTimeoutMs: 0, initTimeoutMs: 0, parallelism: 0 },
};

/** What is to change of a workspace. */
export const fromWorkspace =
  ({ attributes, relationships }: WorkspaceInput) =>
  (current: WorkspaceSettings): Partial<WorkspaceSettings> => {
    const version = attributes["terraform-version"];
    const bindings = relationships["tag-bindings"];
    return {
      ...saidOf({
        name: attributes.name,
        description: textOf(attributes.description),
        allowsDestroy: attributes["allow-destroy-plan"],
        isAutoApply: attributes["auto-apply"],
        sharesState: attributes["global-remote-state"],
        sourceName: textOf(attributes["source-name"]),
        sourceUrl: textOf(attributes["source-url"]),
        workingDirectory: textOf(attributes["working-directory"]),
        engineVersion: version === "latest" ? "" : textOf(version),
      }),
      ...modeIn(attributes),
      // The plain ones are bindings without a value.
      ...(bindings === undefined ? {} : { tags: [], tagBindings: bindingsIn(bindings) }),
      keptAttributes: { ...current.keptAttributes, ...keptIn(attributes) },
    };
  };

const textOf = (text: string | null | undefined): string | undefined => (text === null ? "" : text);

type Attributes = WorkspaceInput["attributes"];

function modeIn(
  attributes: Attributes,
): Pick<Partial<WorkspaceSettings>, "executionMode" | "pool" | "inheritsExecutionMode"> {
  const { operations, "execution-mode": mode, "agent-pool-id": pool } = attributes;
  if (operations !== undefined && mode !== undefined)
    throw invalid(
      "/data/attributes/operations",
      "is deprecated and cannot be specified when execution mode is used: leave it out",
    );
  const executionMode: ExecutionMode | undefined = operations === undefined ? mode : operations ? "remote" : "local";
  const isOwn = attributes["setting-overwrites"]?.["execution-mode"];
  // Clients say a mode beside, which is the organization's then.
  if (isOwn === false) return { inheritsExecutionMode: true };
  return {
    ...(executionMode === undefined ? {} : { executionMode }),
    ...(pool === undefined || pool === null || pool === "" ? {} : { pool: fromTfeId(pool) }),
    ...(isOwn === undefined ? {} : { inheritsExecutionMode: false }),
  };
}

function keptIn(attributes: Attributes): KeptAttributes {
  const { "trigger-patterns": patterns, "trigger-prefixes": prefixes } = attributes;
  const [hasPatterns, hasPrefixes] = [patterns, prefixes].map((some) => (some ?? []).length > 0);
  if (hasPatterns && hasPrefixes)
    throw invalid("/data/attributes/trigger-patterns", "cannot be specified together with trigger prefixes");
  return {
    ...saidOf(keptShape.parse(attributes)),
    ...(hasPatterns ? { "trigger-prefixes": [] } : {}),
    ...(hasPrefixes ? { "trigger-patterns": [] } : {}),
    ...saidOf({ [writtenDirectory]: attributes["working-directory"] }),
  };
}

export const bindingsIn = ({ data }: z.infer<typeof tagBindings>): Readonly<Record<string, string>> =>
  Object.fromEntries(data.map(({ attributes: { key, value } }) => [key, value ?? ""]));
