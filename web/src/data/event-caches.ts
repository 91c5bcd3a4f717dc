import type { QueryClient } from "@tanstack/react-query";
import type { Event } from "../../../src/gen/windlass/v1/event_service_pb.ts";

type Subject = Event["subject"];
type Thing = Extract<Subject, { case: "run" | "workspace" | "agentPool" | "agent" | "agentToken" }>;
type Kind = Thing["case"];

const attention = ["GetAttention", "GetStats"];

/** Which answers a change of a thing may have made stale. */
const answersWith: Readonly<Record<Kind, readonly string[]>> = {
  // A plan stays as it is: its view is another one when there is another plan.
  run: ["ListRuns", "GetRun", "ListRunEvents", "ListQueuedJobs", "ListLostResources", ...attention],
  workspace: [
    ...["ListWorkspaces", "GetWorkspace", "ListStateVersions", "GetStateVersion", "GetOutputs", "ListStateResources"],
    ...attention,
  ],
  agentPool: ["ListAgentPools", "GetAgentPool", "GetAgentPoolOverview", "ListQueuedJobs", ...attention],
  agent: ["ListAgents", "GetAgent", "ListAgentJobs", "ListAgentEvents", "GetAgentPoolOverview", ...attention],
  agentToken: ["ListAgentTokens", "GetAgentPoolOverview", ...attention],
};

/** The methods whose answers events keep up to date. */
export const followedMethods: ReadonlySet<string> = new Set(Object.values(answersWith).flat());

const kindOfType: Readonly<Record<string, Kind>> = {
  "windlass.v1.Run": "run",
  "windlass.v1.Workspace": "workspace",
  "windlass.v1.AgentPool": "agentPool",
  "windlass.v1.Agent": "agent",
  "windlass.v1.AgentToken": "agentToken",
};

interface Row {
  readonly $typeName: string;
  readonly id: string;
}

/** The answer of a list with a row as it is now; the same answer if it has no such row. */
export function withRow<Answer>(answer: Answer, row: Row): Answer {
  if (typeof answer !== "object" || answer === null) return answer;
  for (const [field, value] of Object.entries(answer)) {
    if (!Array.isArray(value)) continue;
    const at = value.findIndex((one) => one?.$typeName === row.$typeName && one.id === row.id);
    if (at >= 0) return { ...answer, [field]: value.with(at, row) };
  }
  return answer;
}

/** The answer of a list without what is gone. */
export function withoutRow<Answer>(
  answer: Answer,
  gone: { readonly resourceType: string; readonly id: string },
): Answer {
  if (typeof answer !== "object" || answer === null) return answer;
  for (const [field, value] of Object.entries(answer)) {
    if (!Array.isArray(value)) continue;
    const left = value.filter((one) => one?.$typeName !== gone.resourceType || one.id !== gone.id);
    if (left.length < value.length) return { ...answer, [field]: left };
  }
  return answer;
}

/** Names of the methods whose answers these events make stale. */
export function staleMethods(events: readonly Event[]): ReadonlySet<string> {
  const kinds = events.flatMap(({ subject }) => {
    if (subject.case === undefined) return [];
    if (subject.case === "gone") return kindOfType[subject.value.resourceType] ?? [];
    return [subject.case];
  });
  return new Set(kinds.flatMap((kind) => answersWith[kind]));
}

/** The method of a key of connect-query. */
export function methodOf(key: readonly unknown[]): string {
  const about = key[1];
  if (key[0] !== "connect-query" || typeof about !== "object" || about === null) return "";
  return "methodName" in about && typeof about.methodName === "string" ? about.methodName : "";
}

/** Puts what has changed into the lists that are shown, at once; what it cannot know is read again by `refresh`. */
export function patchLists(client: QueryClient, events: readonly Event[]): void {
  const isList = (key: readonly unknown[]) => methodOf(key).startsWith("List");
  for (const { subject } of events) {
    if (subject.case === undefined) continue;
    const change = (answer: unknown) =>
      subject.case === "gone" ? withoutRow(answer, subject.value) : withRow(answer, subject.value);
    client.setQueriesData({ predicate: ({ queryKey }) => isList(queryKey) }, change);
  }
}

export const refresh = (client: QueryClient, methods: ReadonlySet<string>): Promise<void> =>
  client.invalidateQueries({ predicate: ({ queryKey }) => methods.has(methodOf(queryKey)) });
