import type { WantedWorkspaces } from "../../control/workspaces/search.ts";
import type { RunStatus } from "../../domain/runs/run.ts";
import { isKeyOf } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** What a list of workspaces is asked for. */
export function fromWorkspaceQuery(
  query: URLSearchParams,
): Omit<WantedWorkspaces, "organization" | "slice"> & { readonly project: string } {
  const status = query.get("filter[current-run][status]")?.trim() ?? "";
  return {
    name: query.get("search[name]")?.trim() ?? "",
    namePattern: query.get("search[wildcard-name]")?.trim() ?? "",
    tags: wordsIn(query.get("search[tags]")),
    excludedTags: wordsIn(query.get("search[exclude-tags]")),
    tagBindings: bindingsAsked(query),
    project: query.get("filter[project][id]")?.trim() ?? "",
    ...(status === "" ? {} : { currentRunStatuses: wordsIn(status).flatMap(statusesOf) }),
    ...sortOf(query.get("sort")?.trim() ?? ""),
  };
}

const maxWords = 100;

function wordsIn(text: string | null): readonly string[] {
  const words = (text ?? "").split(",").map((word) => word.trim());
  return words.filter((word) => word !== "").slice(0, maxWords);
}

/** `filter[tagged][0][key]=team&filter[tagged][0][value]=net`: without a value any. */
function bindingsAsked(query: URLSearchParams): NonNullable<WantedWorkspaces["tagBindings"]> {
  const numbers = [...query.keys()].flatMap((name) => /^filter\[tagged\]\[(\d{1,3})\]\[key\]$/.exec(name)?.[1] ?? []);
  return [...new Set(numbers)].map((number) => {
    const part = (name: string) => query.get(`filter[tagged][${number}][${name}]`) ?? "";
    return { key: part("key"), value: part("value") === "" ? undefined : part("value") };
  });
}

/** Some of theirs are several of ours, and some are none. */
const statusesOf = (status: string): readonly RunStatus[] => {
  if (status === "confirmed") return ["apply_queued"];
  return isKeyOf(runStatuses, status) ? [status] : [];
};

const runStatuses: Readonly<Record<RunStatus, true>> = {
  pending: true,
  plan_queued: true,
  planning: true,
  planned: true,
  planned_and_finished: true,
  apply_queued: true,
  applying: true,
  applied: true,
  discarded: true,
  errored: true,
  canceled: true,
  force_canceled: true,
};

const orders = {
  name: "name",
  "current-run.created-at": "current_run",
  "latest-change-at": "updated_at",
} as const;

/** Without a wish the oldest first. */
function sortOf(sort: string): Pick<WantedWorkspaces, "order" | "isDescending"> {
  const name = sort.replace(/^-/, "");
  if (sort === "") return { order: "created_at" };
  if (isKeyOf(orders, name)) return { order: orders[name], isDescending: sort.startsWith("-") };
  const known = Object.keys(orders).join(", ");
  throw new WindlassError(
    "validation",
    `Invalid sort parameter: ${JSON.stringify(sort.slice(0, 80))}; known: ${known}`,
    {
      metadata: { parameter: "sort" },
    },
  );
}
