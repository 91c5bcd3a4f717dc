import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChangedThing } from "../../control/events/changed-things.ts";
import { AgentSchema } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentPoolSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import type { EventSchema } from "../../gen/windlass/v1/event_service_pb.ts";
import { RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { WorkspaceSchema } from "../../gen/windlass/v1/workspace_pb.ts";
import { toAgent } from "./agent.ts";
import { toAgentPool } from "./agent-pool.ts";
import { toAgentToken } from "./agent-token.ts";
import { toListedRun } from "./run.ts";
import { toWorkspace } from "./workspace.ts";

/** The full types of what is told of. */
const types = {
  run: RunSchema.typeName,
  workspace: WorkspaceSchema.typeName,
  pool: AgentPoolSchema.typeName,
  agent: AgentSchema.typeName,
  token: AgentTokenSchema.typeName,
} as const;

/** `now` tells how long things have waited. */
export const toEvent = (thing: ChangedThing, now: Date): MessageInitShape<typeof EventSchema> => ({
  subject: toSubject(thing, now),
});

function toSubject(thing: ChangedThing, now: Date): NonNullable<MessageInitShape<typeof EventSchema>["subject"]> {
  switch (thing.kind) {
    case "run":
      return { case: "run", value: toListedRun(thing.view) };
    case "workspace":
      return { case: "workspace", value: toWorkspace(thing.view) };
    case "pool":
      return { case: "agentPool", value: toAgentPool(thing.view, now) };
    case "agent":
      return { case: "agent", value: toAgent(thing.view) };
    case "token":
      return { case: "agentToken", value: toAgentToken(thing.view) };
    case "gone":
      return { case: "gone", value: { resourceType: types[thing.what], id: thing.id, name: thing.name } };
  }
}
