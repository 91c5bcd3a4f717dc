import { useLocation, useParams } from "wouter";
import type { AgentPool } from "../../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { violationOf } from "../../data/problem.ts";
import { useCall } from "../../data/use-call.ts";
import { useEdit } from "../../data/use-edit.ts";
import { editCommand } from "../../ui/forms/edit-command.ts";
import { EditForm } from "../../ui/forms/edit-form.tsx";
import { TextFields } from "../../ui/forms/text-fields.tsx";
import { ScopeField } from "../pools/scope-field.tsx";

const named = [
  { name: "name", label: "Name", mono: true },
  { name: "description", label: "Description" },
] as const;

/** The settings of a pool. What somebody else changes meanwhile is not overwritten: it is told beside the field. */
export function EditPoolForm({ pool }: { readonly pool: AgentPool }) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { id } = useParams<{ readonly id: string }>();
  const [, navigate] = useLocation();
  const lack = useLack(Permission.OPERATE);
  const updateAgentPool = useCall(AgentPoolService.method.updateAgentPool, ["GetAgentPoolOverview", "ListAgentPools"]);
  const { name, description, organizationScoped } = pool;
  const edit = useEdit({ name, description, organizationScoped }, pool.etag);
  const save = () =>
    edit.save(async (paths, etag) => {
      const { agentPool } = await updateAgentPool({
        organization: pool.organization,
        agentPool: pool.id,
        changes: edit.draft,
        updateMask: { paths: [...paths] },
        etag,
      });
      if (agentPool !== undefined && id === pool.name && agentPool.name !== pool.name)
        navigate(path("pools", agentPool.name, "settings"), { replace: true });
    });
  return (
    <EditForm
      title="Settings"
      edit={edit}
      onSave={() => void save()}
      lack={lack}
      failed="The pool was not changed"
      cli={`${editCommand(`windlass pool edit ${shellWord(pool.name)}`, edit)}${orgFlag}`}
      testId="edit-pool"
    >
      <TextFields
        fields={named}
        values={edit.draft}
        onChange={(field, value) => edit.change({ [field]: value })}
        about={(field) => violationOf(edit.problem, field) ?? edit.told(field)}
        testId="pool"
      />
      <ScopeField
        isOpen={edit.draft.organizationScoped}
        onChange={(value) => edit.change({ organizationScoped: value })}
      />
      {!edit.draft.organizationScoped && pool.organizationScoped && <Narrowing pool={pool} />}
    </EditForm>
  );
}

/** Narrowing evicts nobody, and leaves runs waiting: better known before. */
function Narrowing({ pool }: { readonly pool: AgentPool }) {
  const granted = new Set(pool.grantedWorkspaces);
  const without = pool.assignedWorkspaces.filter((name) => !granted.has(name));
  if (without.length === 0)
    return <p className="quiet text-sm">No assigned workspace lacks a grant: nothing will wait.</p>;
  return (
    <p className="text-sm text-warning" data-testid="narrowing">
      Runs of {without.slice(0, 5).join(", ")}
      {without.length > 5 && ` and ${without.length - 5} more`} will wait until these are granted.
    </p>
  );
}
