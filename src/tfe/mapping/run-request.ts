import * as z from "zod";
import type { RunListFilter } from "../../control/runs/list.ts";
import type { NewRun } from "../../control/runs/runs.ts";
import type { RunOperation, StatusFilter } from "../../domain/runs/listed-run.ts";
import type { RunSource } from "../../domain/runs/run.ts";
import { whyNoHclValue } from "../../lib/hcl/text.ts";
import { toOne } from "../core/body.ts";
import { fromTfeId } from "../core/ids.ts";
import { fromSource, fromStatus, fromStatusGroup } from "./run-status.ts";

const addresses = z.array(z.string().min(1).max(1_024)).max(100).nullish();
const flag = z.boolean().nullish();

/** The attributes of a new run. */
export const newRunAttributes = z.object({
  message: z.string().max(1_024).nullish(),
  "allow-config-generation": flag,
  "allow-empty-apply": flag,
  "auto-apply": flag,
  "debugging-mode": flag,
  "is-destroy": flag,
  "plan-only": flag,
  refresh: flag,
  "refresh-only": flag,
  "save-plan": flag,
  "terraform-version": z.string().max(128).nullish(),
  "replace-addrs": addresses,
  "target-addrs": addresses,
  variables: z
    .array(z.object({ key: z.string().min(1).max(128), value: z.string().max(262_144) }))
    .max(100)
    .nullish(),
});

export const newRunRelationships = z.object({
  workspace: z.object({ data: z.object({ id: z.string().max(200) }) }),
  "configuration-version": toOne.nullish(),
});

interface Asked {
  readonly attributes: z.infer<typeof newRunAttributes>;
  readonly relationships: z.infer<typeof newRunRelationships>;
}

/** What is said of a run of which nobody says anything: lists of clients show it. */
const standardMessages: Readonly<Record<RunSource, string>> = {
  terraform: "Triggered via CLI",
  "tfe-api": "Triggered via API",
  cli: "",
  browser: "",
  api: "",
};

/** A run as a document asks for it. A variable's value is an expression of HCL where it can be one, and a plain text otherwise. */
export const fromNewRun = ({ attributes, relationships }: Asked, source: RunSource): NewRun => ({
  workspace: { organization: "", name: fromTfeId(relationships.workspace.data.id) },
  configurationId: fromTfeId(relationships["configuration-version"]?.data?.id ?? ""),
  message: attributes.message || standardMessages[source],
  requestId: "",
  source,
  options: {
    isPlanOnly: attributes["plan-only"] ?? false,
    isAutoApply: attributes["auto-apply"] ?? undefined,
    isDestroy: attributes["is-destroy"] ?? false,
    skipsRefresh: attributes.refresh === false,
    isRefreshOnly: attributes["refresh-only"] ?? false,
    targets: attributes["target-addrs"] ?? [],
    replacements: attributes["replace-addrs"] ?? [],
    variables: (attributes.variables ?? []).map(({ key, value }) => ({
      key,
      value,
      isHcl: whyNoHclValue(value) === undefined,
    })),
    engineVersion: attributes["terraform-version"] ?? "",
    allowsEmptyApply: attributes["allow-empty-apply"] ?? false,
    parallelism: 0,
    isSavedPlan: attributes["save-plan"] ?? false,
    generatesConfiguration: attributes["allow-config-generation"] ?? false,
    isDebug: attributes["debugging-mode"] ?? false,
  },
});

interface Place {
  readonly organization: string;
  readonly workspace: string;
  /** What a list has that no filter narrows. */
  readonly operations: readonly RunOperation[] | null;
}

/** The runs that a query asks for. */
export function fromRunQuery(
  query: URLSearchParams,
  { organization, workspace, operations }: Place,
  now: Date,
): RunListFilter {
  const words = (name: string): readonly string[] | undefined => {
    const all = query.getAll(name).flatMap((text) => text.split(","));
    const said = all.map((word) => word.trim()).filter((word) => word !== "");
    return said.length === 0 ? undefined : said.slice(0, maxWords);
  };
  const text = (name: string): string => (query.get(name) ?? "").slice(0, 256);
  const isNarrow = query.has("search[user]") || query.has("search[commit]");
  const states = [
    words("filter[status]")?.flatMap(fromStatus),
    words("filter[status_group]")?.flatMap(fromStatusGroup),
  ];
  return {
    organization,
    workspace,
    statuses: null,
    states: bothOf(states),
    sources: words("filter[source]")?.flatMap(fromSource),
    operations: words("filter[operation]")?.flatMap(fromOperation) ?? operations,
    poolNames: words("filter[agent_pool_names]"),
    workspaceNames: words("filter[workspace_names]"),
    createdBy: text("search[user]"),
    // No run has a commit: none is found by one.
    ...(text("search[commit]") === "" ? {} : { sources: [] }),
    search: isNarrow ? "" : text("search[basic]"),
    ...timeframeOf(text("filter[timeframe]"), now),
  };
}

const maxWords = 100;

/** What both filters let through; where one says nothing, the other alone. */
function bothOf([one, other]: readonly (readonly StatusFilter[] | undefined)[]): readonly StatusFilter[] | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.filter((state) => other.some(({ status }) => status === state.status));
}

const operations: readonly RunOperation[] = [
  "plan_only",
  "plan_and_apply",
  "save_plan",
  "refresh_only",
  "destroy",
  "empty_apply",
];

const fromOperation = (word: string): readonly RunOperation[] => operations.filter((one) => one === word);

/** `year` is the last one, a number that year. */
function timeframeOf(text: string, now: Date): Pick<RunListFilter, "createdFrom" | "createdBefore"> {
  if (text === "year") return { createdFrom: new Date(now.getTime() - 365 * 24 * 3_600_000) };
  if (!/^[12]\d{3}$/.test(text)) return {};
  const startOf = (year: number) => new Date(Date.UTC(year, 0));
  return { createdFrom: startOf(Number(text)), createdBefore: startOf(Number(text) + 1) };
}
