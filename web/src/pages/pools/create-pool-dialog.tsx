import { useState } from "react";
import { useLocation } from "wouter";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { Field } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { splitNames } from "../../ui/forms/names.ts";
import { shellWord } from "../../ui/shell-word.ts";
import { ScopeField } from "./scope-field.tsx";

/** Makes a pool, and goes to it: its page says what comes next. */
export function CreatePoolDialog({ onClose }: { readonly onClose: () => void }) {
  const organization = useOrganization();
  const path = usePath();
  const [, navigate] = useLocation();
  const attempt = useAttempt();
  const createAgentPool = useCall(AgentPoolService.method.createAgentPool, ["ListAgentPools"]);
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [isOpen, setIsOpen] = useState(true);
  const [grants, setGrants] = useState("");
  const grantedWorkspaces = isOpen ? [] : [...splitNames(grants)];
  const create = () =>
    attempt.run(async () => {
      await createAgentPool({ organization, name, description, organizationScoped: isOpen, grantedWorkspaces });
      navigate(path("pools", name));
    });
  const cli = [
    `windlass pool create ${name === "" ? "NAME" : shellWord(name)}`,
    description === "" ? "" : ` --description ${shellWord(description)}`,
    isOpen ? "" : " --organization-scoped=false",
    grantedWorkspaces.length === 0 ? "" : ` --grant ${shellWord(grantedWorkspaces.join(","))}`,
  ];
  return (
    <FormDialog
      title="Create agent pool"
      action="Create pool"
      attempt={attempt}
      failed="The pool was not created"
      onSubmit={() => void create()}
      onClose={onClose}
      cli={`${cli.join("")}${useOrgFlag()}`}
      blocked={name === "" ? "It needs a name" : undefined}
      testId="create-pool-dialog"
    >
      <Field
        label="Name"
        value={name}
        onChange={setName}
        error={violationOf(attempt.problem, "name")}
        hint="Letters, digits, - and _. For example the network its agents are in."
        testId="pool-name"
        mono
      />
      <Field
        label="Description"
        value={description}
        onChange={setDescription}
        error={violationOf(attempt.problem, "description")}
        testId="pool-description"
      />
      <ScopeField isOpen={isOpen} onChange={setIsOpen} />
      {!isOpen && (
        <Field
          label="Granted workspaces"
          value={grants}
          onChange={setGrants}
          error={violationOf(attempt.problem, "granted_workspaces")}
          hint="Names, separated by commas or spaces; they need not exist yet. More can be granted later."
          testId="pool-grants"
          mono
        />
      )}
    </FormDialog>
  );
}
