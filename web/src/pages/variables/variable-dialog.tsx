import { useState } from "react";
import { type Variable, VariableCategory } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../../../src/gen/windlass/v1/variable_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { type Problem, violationOf } from "../../data/problem.ts";
import { useAttempt } from "../../data/use-attempt.ts";
import { useCall } from "../../data/use-call.ts";
import { CheckField, Field, SelectField } from "../../ui/field.tsx";
import { FormDialog } from "../../ui/forms/form-dialog.tsx";
import { ownerFlag, ownerInput, type VariableOwner, variableAnswers } from "./variable-owner.ts";

interface VariableDialogProps {
  readonly owner: VariableOwner;
  /** Undefined makes a new one. */
  readonly variable: Variable | undefined;
  readonly onClose: () => void;
}

interface Form {
  readonly key: string;
  readonly value: string;
  readonly category: "terraform" | "env";
  readonly hcl: boolean;
  readonly sensitive: boolean;
  readonly description: string;
}

const formOf = (variable: Variable | undefined): Form => ({
  key: variable?.key ?? "",
  value: variable?.value ?? "",
  category: variable?.category === VariableCategory.ENV ? "env" : "terraform",
  hcl: variable?.hcl ?? false,
  sensitive: variable?.sensitive ?? false,
  description: variable?.description ?? "",
});

const categories = [
  { value: "terraform", label: "Terraform: an input variable" },
  { value: "env", label: "Environment: a variable of its process" },
] as const;

/** The value of a sensitive one is read from a file: what stands in a command line is in the shell's history. */
function commandOf(owner: VariableOwner, { key, value, category, hcl, sensitive, description }: Form): string {
  const name = key === "" ? "KEY" : key;
  const pair = sensitive
    ? `${shellWord(name)}=- < FILE`
    : shellWord(`${name}=${value.length > 60 || value.includes("\n") ? "@FILE" : value}`);
  const flags = [
    category === "env" ? " --env" : "",
    hcl && category === "terraform" ? " --hcl" : "",
    sensitive ? " --sensitive" : "",
    description === "" ? "" : ` --description ${shellWord(description)}`,
  ];
  return `windlass var set ${ownerFlag(owner)}${flags.join("")} ${pair}`;
}

/** Makes or changes a variable. A sensitive value is never shown: leaving it means typing it again. */
export function VariableDialog({ owner, variable, onClose }: VariableDialogProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const attempt = useAttempt();
  const [form, setForm] = useState(() => formOf(variable));
  const setVariables = useCall(VariableService.method.setVariables, variableAnswers);
  const change = (part: Partial<Form>) => setForm({ ...form, ...part });
  const isTerraform = form.category === "terraform";
  const submit = async () => {
    const { key, value, sensitive, description } = form;
    const category = isTerraform ? VariableCategory.TERRAFORM : VariableCategory.ENV;
    const sent = { key, value, category, hcl: form.hcl && isTerraform, sensitive, description };
    if (await attempt.run(() => setVariables({ organization, variables: [sent], ...ownerInput(owner) }))) onClose();
  };
  const fields = { form, change, problem: attempt.problem };
  return (
    <FormDialog
      title={variable === undefined ? "Add variable" : `Change ${variable.key}`}
      action={variable === undefined ? "Add" : "Save"}
      attempt={attempt}
      failed="The variable was not set"
      onSubmit={() => void submit()}
      onClose={onClose}
      cli={`${commandOf(owner, form)}${orgFlag}`}
      blocked={form.key === "" ? "It needs a key" : undefined}
      testId="variable-dialog"
    >
      {variable === undefined && <NameFields {...fields} />}
      <ValueFields {...fields} wasSensitive={variable?.sensitive === true} />
    </FormDialog>
  );
}

interface VariableFieldsProps {
  readonly form: Form;
  readonly change: (part: Partial<Form>) => void;
  readonly problem: Problem | undefined;
}

/** What a variable is called; it cannot be called otherwise later. */
function NameFields({ form, change, problem }: VariableFieldsProps) {
  return (
    <>
      <SelectField
        label="How terraform gets it"
        options={categories}
        value={form.category}
        onChange={(category) => change({ category })}
        testId="variable-category"
      />
      <Field
        label="Key"
        value={form.key}
        onChange={(key) => change({ key })}
        error={violationOf(problem, "key")}
        testId="variable-key"
        mono
      />
    </>
  );
}

function ValueFields({
  form,
  change,
  problem,
  wasSensitive,
}: VariableFieldsProps & { readonly wasSensitive: boolean }) {
  const isTerraform = form.category === "terraform";
  const example = form.hcl && isTerraform ? 'An expression: ["a", "b"], { size = 3 }, 42.' : undefined;
  return (
    <>
      <Field
        label="Value"
        value={form.value}
        onChange={(value) => change({ value })}
        error={violationOf(problem, "value")}
        hint={wasSensitive ? "The value that is set is never shown: type it anew." : example}
        rows={4}
        testId="variable-value"
        mono
      />
      {isTerraform && (
        <CheckField
          label="HCL"
          hint="The value is an expression: a list, a map, a number."
          isChecked={form.hcl}
          onChange={(hcl) => change({ hcl })}
          testId="variable-hcl"
        />
      )}
      <CheckField
        label="Sensitive"
        hint="Stored encrypted, never shown again, redacted in logs if it has 6 characters or more."
        isChecked={form.sensitive}
        onChange={(sensitive) => change({ sensitive })}
        testId="variable-sensitive"
      />
      <Field
        label="Description"
        value={form.description}
        onChange={(description) => change({ description })}
        error={violationOf(problem, "description")}
        testId="variable-description"
      />
    </>
  );
}
