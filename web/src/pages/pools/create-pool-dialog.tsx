import { useState } from "react";
import { useLocation } from "wouter";
import { AgentPoolService } from "../../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { maskPath } from "../../data/edits.ts";
import { violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { splitNames } from "../../ui/forms/names.ts";
import { nameHint, TextFields } from "../../ui/forms/text-fields.tsx";
import { ScopeField } from "./scope-field.tsx";

/** Makes a pool, and goes to it: its page says what comes next. */
export function CreatePoolDialog({ onClose }: { readonly onClose: () => void }) {
  const organization = useOrganization();
  const path = usePath();
  const [, navigate] = useLocation();
  const attempt = useAttempt();
  const createAgentPool = useCall(AgentPoolService.method.createAgentPool, ["ListAgentPools"]);
  const [texts, setTexts] = useState({ name: "", description: "", grantedWorkspaces: "" });
  const [isOpen, setIsOpen] = useState(true);
  const { name, description } = texts;
  const grantedWorkspaces = isOpen ? [] : [...splitNames(texts.grantedWorkspaces)];
  const fields = {
    values: texts,
    onChange: (field: keyof typeof texts, value: string) => setTexts({ ...texts, [field]: value }),
    about: (field: keyof typeof texts) => violationOf(attempt.problem, maskPath(field)),
    testId: "pool",
  };
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
      <TextFields {...fields} fields={named} />
      <ScopeField isOpen={isOpen} onChange={setIsOpen} />
      {!isOpen && <TextFields {...fields} fields={granted} />}
    </FormDialog>
  );
}

const named = [
  { name: "name", label: "Name", hint: `${nameHint} For example the network its agents are in.`, mono: true },
  { name: "description", label: "Description" },
] as const;

const granted = [
  {
    name: "grantedWorkspaces",
    label: "Granted workspaces",
    hint: "Names, separated by commas or spaces; they need not exist yet. More can be granted later.",
    mono: true,
  },
] as const;
