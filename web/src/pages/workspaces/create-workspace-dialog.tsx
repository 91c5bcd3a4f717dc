import { useState } from "react";
import { useLocation } from "wouter";
import { ExecutionMode } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { type Problem, violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { Field, SelectField } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { nameHint, TextFields } from "../../ui/forms/text-fields.tsx";
import { engineOf, executionModes, modeOf, modeWords } from "../../words/execution.ts";
import { PoolField } from "./pool-field.tsx";

const modeOptions = [
  { value: "", label: "The organization's default" },
  ...executionModes.map((mode) => ({
    value: modeWords(mode).flag,
    label: `${modeWords(mode).text}: ${modeWords(mode).about}`,
  })),
];

const engineOptions = [
  { value: "", label: "The organization's default" },
  { value: "terraform", label: "Terraform" },
  { value: "tofu", label: "OpenTofu" },
] as const;

const empty = { name: "", description: "", mode: "", agentPool: "", engine: "", engineVersion: "" } as const;
type Form = { readonly [Name in keyof typeof empty]: string };

const commandOf = ({ name, description, mode, agentPool, engine, engineVersion }: Form): string =>
  [
    `windlass workspace create ${name === "" ? "NAME" : shellWord(name)}`,
    description === "" ? "" : ` --description ${shellWord(description)}`,
    mode === "agent"
      ? ` --pool ${agentPool === "" ? "POOL" : shellWord(agentPool)}`
      : mode === ""
        ? ""
        : ` --execution-mode ${mode}`,
    engine === "" ? "" : ` --engine ${engine}`,
    engineVersion === "" ? "" : ` --engine-version ${shellWord(engineVersion)}`,
  ].join("");

/** Makes a workspace, and goes to it. Its other settings have a page of their own. */
export function CreateWorkspaceDialog({ onClose }: { readonly onClose: () => void }) {
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const attempt = useAttempt();
  const createWorkspace = useCall(WorkspaceService.method.createWorkspace, ["ListWorkspaces", "GetStats"]);
  const [form, setForm] = useState<Form>(empty);
  const change = (part: Partial<Form>) => setForm({ ...form, ...part });
  const { name, description, mode, agentPool, engine, engineVersion } = form;
  const executionMode = modeOf(mode);
  const isAgent = executionMode === ExecutionMode.AGENT;
  const create = () =>
    attempt.run(async () => {
      const workspace = {
        name,
        description,
        executionMode,
        agentPool: isAgent ? agentPool : "",
        engine: engineOf(engine),
        engineVersion,
      };
      await createWorkspace({ organization, workspace });
      navigate(path("ws", name));
    });
  return (
    <FormDialog
      title="Create workspace"
      action="Create workspace"
      attempt={attempt}
      failed="The workspace was not created"
      onSubmit={() => void create()}
      onClose={onClose}
      cli={`${commandOf(form)}${orgFlag}`}
      blocked={name === "" ? "It needs a name" : isAgent && agentPool === "" ? "Choose its pool" : undefined}
      testId="create-workspace-dialog"
    >
      <WorkspaceFields form={form} change={change} problem={attempt.problem} />
    </FormDialog>
  );
}

interface WorkspaceFieldsProps {
  readonly form: Form;
  readonly change: (part: Partial<Form>) => void;
  readonly problem: Problem | undefined;
}

const named = [
  { name: "name", label: "Name", hint: nameHint, mono: true },
  { name: "description", label: "Description" },
] as const;

function WorkspaceFields(props: WorkspaceFieldsProps) {
  const { form, change, problem } = props;
  const { name, mode, agentPool } = form;
  return (
    <>
      <TextFields
        fields={named}
        values={form}
        onChange={(field, value) => change({ [field]: value })}
        about={(field) => violationOf(problem, field)}
        testId="workspace"
      />
      <SelectField
        label="Runs where"
        options={modeOptions}
        value={mode}
        onChange={(value) => change({ mode: value })}
        error={violationOf(problem, "execution_mode")}
        testId="workspace-mode"
      />
      {modeOf(mode) === ExecutionMode.AGENT && (
        <PoolField
          value={agentPool}
          onChange={(value) => change({ agentPool: value })}
          workspace={name}
          error={violationOf(problem, "agent_pool")}
        />
      )}
      <EngineFields {...props} />
    </>
  );
}

function EngineFields({ form: { engine, engineVersion }, change, problem }: WorkspaceFieldsProps) {
  return (
    <>
      <SelectField
        label="Engine"
        options={engineOptions}
        value={engine}
        onChange={(value) => change({ engine: value })}
        error={violationOf(problem, "engine")}
        testId="workspace-engine"
      />
      <Field
        label="Engine version"
        value={engineVersion}
        onChange={(value) => change({ engineVersion: value })}
        error={violationOf(problem, "engine_version")}
        hint="Such as 1.11.4, 1.11 or ~> 1.11. Empty is whatever the agent has."
        testId="workspace-engine-version"
        mono
      />
    </>
  );
}
