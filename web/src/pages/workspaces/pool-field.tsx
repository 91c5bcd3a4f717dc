import { useQuery } from "@connectrpc/connect-query";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { useOrganization } from "../../app/organization.ts";
import { SelectField } from "../../ui/field.tsx";

interface PoolFieldProps {
  /** Name of the pool; empty is none. */
  readonly value: string;
  readonly onChange: (pool: string) => void;
  /** Whose pool it becomes: pools that do not grant it say so. */
  readonly workspace: string;
  readonly error?: string | undefined;
  readonly hint?: string | undefined;
  /** What no pool stands for. */
  readonly none?: string;
}

/** Which pool a workspace runs on. */
export function PoolField({ value, onChange, workspace, error, hint, none = "Choose a pool" }: PoolFieldProps) {
  const organization = useOrganization();
  const { data } = useQuery(AgentPoolService.method.listAgentPools, { organization, pageSize: 1000 });
  const pools = data?.agentPools ?? [];
  // The one that is set stays on offer whatever the list says.
  const missing = value !== "" && !pools.some(({ name }) => name === value) ? [{ value, label: value }] : [];
  const options = [
    {
      value: "",
      label: data === undefined ? "Loading…" : pools.length === 0 ? "There is no pool: create one first" : none,
    },
    ...missing,
    ...pools.map((pool) => ({
      value: pool.name,
      label: labelOf(pool, workspace),
      // The one that is set may have lost its grant.
      isOff: pool.name !== value && !isGranted(pool, workspace),
    })),
  ];
  const someAreOff = pools.some((pool) => !isGranted(pool, workspace));
  const way = someAreOff
    ? "A pool that is not granted to it is granted on the pool's page, under Workspaces."
    : undefined;
  return (
    <SelectField
      label="Agent pool"
      options={options}
      value={value}
      onChange={onChange}
      error={error}
      hint={hint ?? way}
      testId="workspace-pool"
    />
  );
}

const isGranted = ({ organizationScoped, grantedWorkspaces }: AgentPool, workspace: string): boolean =>
  workspace === "" || organizationScoped || grantedWorkspaces.includes(workspace);

function labelOf(pool: AgentPool, workspace: string): string {
  const { name, counts } = pool;
  if (!isGranted(pool, workspace)) return `${name} (not granted to it)`;
  const online = (counts?.idleAgents ?? 0) + (counts?.busyAgents ?? 0);
  return `${name} (${online === 0 ? "no agent online" : `${online} online`})`;
}
