import type { DescEnum } from "@bufbuild/protobuf";
import { AgentSchema, AgentStatusSchema } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentPoolSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import { ApiKeySchema } from "../../gen/windlass/v1/api_key_pb.ts";
import { ConfigurationVersionSchema } from "../../gen/windlass/v1/configuration_pb.ts";
import { OrganizationSchema } from "../../gen/windlass/v1/organization_pb.ts";
import { ProviderSettingsSchema } from "../../gen/windlass/v1/provider_settings_pb.ts";
import { KeptDirectorySchema, PlanSummarySchema, RunSchema, RunStateSchema } from "../../gen/windlass/v1/run_pb.ts";
import { StateStatusSchema, StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import { VariableCategorySchema, VariableSchema, VariableSetSchema } from "../../gen/windlass/v1/variable_pb.ts";
import { WorkspaceSchema } from "../../gen/windlass/v1/workspace_pb.ts";
import { lookUp } from "../../lib/values/records.ts";
import type { ErrorCode } from "../../lib/words/errors.ts";
import { agentStatuses } from "./agent.ts";
import { runStates } from "./run.ts";
import { stateStatuses } from "./state.ts";
import { variableCategories } from "./variable.ts";

type Facts = Readonly<Record<string, string>>;

/** The facts of an error as the published protocol names them: enums by their own names, resources by their messages'. */
export const toFacts = (code: ErrorCode, facts: Facts): Facts =>
  Object.fromEntries(Object.entries(facts).flatMap(([name, value]) => Object.entries(toFact(code, name, value))));

function toFact(code: ErrorCode, name: string, value: string): Facts {
  if (name === "resource") return toResourceFacts(value);
  const named = enumFacts[name]?.(code);
  return { [name]: named?.(value) ?? value };
}

const toRunState = (status: string) => toValueName(RunStateSchema, lookUp(runStates, status));
const toAgentStatus = (status: string) => toValueName(AgentStatusSchema, lookUp(agentStatuses, status));
const toStateStatus = (status: string) => toValueName(StateStatusSchema, lookUp(stateStatuses, status));

/** The facts that are values of enums. */
const enumFacts: Readonly<Record<string, (code: ErrorCode) => (word: string) => string | undefined>> = {
  state: () => toRunState,
  run_state: () => toRunState,
  status: (code) => (code === "agent_in_use" ? toAgentStatus : toStateStatus),
};

const toValueName = (schema: DescEnum, value: number | undefined): string | undefined =>
  value === undefined ? undefined : schema.value[value]?.name;

/** Of a variable its category too. What stands in no table has its word for a type. */
function toResourceFacts(word: string): Facts {
  const [, category] = /^(terraform|env) variable$/.exec(word) ?? [];
  const resource = toTypeName(word);
  if (category !== "terraform" && category !== "env") return { resource };
  return { resource, category: toValueName(VariableCategorySchema, variableCategories[category]) ?? category };
}

const toTypeName = (word: string): string =>
  resourceTypes.find(([pattern]) => pattern.test(word))?.[1].typeName ?? word;

/** What messages call a resource, and its message. */
const resourceTypes = [
  [/^organization$/, OrganizationSchema],
  [/^agent pool$/, AgentPoolSchema],
  [/^agent token$/, AgentTokenSchema],
  [/^agent$/, AgentSchema],
  [/^API key$/, ApiKeySchema],
  [/^workspace$/, WorkspaceSchema],
  [/^((terraform|env) )?variable$/, VariableSchema],
  [/^variable set$/, VariableSetSchema],
  [/^configuration version$/, ConfigurationVersionSchema],
  [/^providers setting$/, ProviderSettingsSchema],
  [/^run$/, RunSchema],
  [/^plan( files)?$/, PlanSummarySchema],
  [/^state version$/, StateVersionSchema],
  [/^kept directory\b/, KeptDirectorySchema],
] as const;
