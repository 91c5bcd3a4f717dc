import type { MessageInitShape } from "@bufbuild/protobuf";
import { AgentPoolService } from "../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../../src/gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../../../src/gen/windlass/v1/agent_token_service_pb.ts";
import { EventService } from "../../../src/gen/windlass/v1/event_service_pb.ts";
import {
  ProviderSettingsService,
  type UpdateProviderSettingsRequestSchema,
} from "../../../src/gen/windlass/v1/provider_settings_service_pb.ts";
import { type Ingredients, type Row, row } from "../row.ts";

const { method: pools } = AgentPoolService;
const { method: settings } = ProviderSettingsService;
const { method: tokens } = AgentTokenService;
const { method: agents } = AgentService;
const { method: events } = EventService;

const looks = { admits: "people", needs: "read", names: "thing" } as const;
const changes = { admits: "people", needs: "operate", names: "thing" } as const;
const lists = { admits: "people", needs: "read", names: "organization" } as const;

const thePool = ({ place: { pool: agentPool } }: Ingredients) => ({ agentPool });
const withWorkspaces = ({ place: { pool: agentPool, workspace } }: Ingredients) => ({
  agentPool,
  workspaces: [workspace],
});
const theAgent = ({ place: { agent } }: Ingredients) => ({ agent });
const theToken = ({ place: { agentToken: agentTokenId } }: Ingredients) => ({ agentTokenId });
const theOrganization = ({ place: { organization } }: Ingredients) => ({ organization });
const trust = { issuer: "https://oidc.example.com", audience: "windlass", subjects: ["someone"] };
let count = 0;

export const poolRows: readonly Row[] = [
  row(pools.createAgentPool, {
    ...{ ...lists, needs: "operate" },
    request: ({ place: { organization } }) => ({ organization, name: `new-pool-${++count}` }),
  }),
  row(pools.getAgentPool, { ...looks, request: thePool }),
  row(pools.listAgentPools, { ...lists, request: theOrganization }),
  row(pools.updateAgentPool, {
    ...changes,
    request: (given) => ({
      ...thePool(given),
      ...{ changes: { description: "new" }, updateMask: { paths: ["description"] } },
    }),
  }),
  row(pools.deleteAgentPool, { ...changes, outcome: "POOL_IN_USE", request: thePool }),
  row(pools.grantWorkspaces, { ...changes, request: withWorkspaces }),
  row(pools.revokeWorkspaces, { ...changes, request: withWorkspaces }),
  row(pools.getAgentPoolOverview, { ...looks, request: thePool }),
  row(pools.getAgentPoolHistory, { ...looks, request: thePool }),
  row(pools.listQueuedJobs, { ...looks, request: thePool }),
  row(pools.assignWorkspaces, { ...changes, request: withWorkspaces }),
  row(pools.unassignWorkspaces, { ...changes, request: withWorkspaces }),

  row(settings.getProviderSettings, { ...looks, request: thePool }),
  row(settings.updateProviderSettings, {
    ...{ ...changes, needs: "own" },
    request: (given): MessageInitShape<typeof UpdateProviderSettingsRequestSchema> => ({
      ...thePool(given),
      changes: {
        sources: [{ source: { case: "direct", value: {} } }],
        hosts: [{ host: "registry.example.com:9443", token: "s3cret" }],
      },
      updateMask: { paths: ["sources", "hosts"] },
    }),
  }),
  row(settings.deleteProviderSettings, { ...changes, needs: "own", request: thePool }),

  row(tokens.createAgentToken, { ...changes, request: thePool }),
  row(tokens.createIdentityTrust, { ...changes, request: (given) => ({ ...thePool(given), trust }) }),
  row(tokens.listAgentTokens, { ...looks, request: thePool }),
  row(tokens.rotateAgentToken, { ...changes, request: theToken }),
  row(tokens.revokeAgentToken, { ...changes, request: theToken }),

  row(agents.getAgent, { ...looks, request: theAgent }),
  row(agents.listAgents, { ...looks, request: thePool }),
  row(agents.watchAgents, { ...looks, request: thePool }),
  row(events.watchEvents, { ...lists, request: theOrganization }),
  row(agents.listAgentEvents, { ...looks, request: theAgent }),
  row(agents.listAgentJobs, { ...looks, request: theAgent }),
  row(agents.pauseAgent, { ...changes, request: theAgent }),
  row(agents.resumeAgent, { ...changes, request: theAgent }),
  row(agents.drainAgent, { ...changes, request: theAgent }),
  row(agents.removeKeptDirectories, { ...changes, request: (world) => ({ ...theAgent(world), all: true }) }),
  row(agents.deleteAgent, { ...changes, outcome: "AGENT_IN_USE", request: theAgent }),
];
