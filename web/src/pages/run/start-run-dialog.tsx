import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { ConfigurationService } from "../../../../src/gen/windlass/v1/configuration_service_pb.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { problemOf } from "../../data/problem.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { DialogButtons } from "../../ui/dialog-buttons.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Field, SelectField } from "../../ui/field.tsx";
import { ConfigurationField, ConfigurationUpload } from "./configuration-field.tsx";
import { RunOptionFields } from "./run-option-fields.tsx";
import { commandOf, emptyForm, formProblems, type RunForm, type RunMode } from "./run-options.ts";
import { useStartRun } from "./use-start-run.ts";

interface StartRunDialogProps {
  /** Its name. */
  readonly workspace: string;
  /** What it begins with; empty is the newest configuration. */
  readonly configurationId?: string;
  readonly onClose: () => void;
}

const modes = [
  { value: "apply", label: "Plan and apply" },
  { value: "plan-only", label: "Only plan" },
  { value: "save-plan", label: "Plan, and keep the plan" },
  { value: "refresh-only", label: "Only refresh the state" },
  { value: "destroy", label: "Destroy everything" },
] as const;

/** Starts a run of a configuration that was uploaded, before or in the dialog itself. */
export function StartRunDialog({ workspace, configurationId: given = "", onClose }: StartRunDialogProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const [form, setForm] = useState(emptyForm);
  const [configurationId, setConfigurationId] = useState(given);
  const [typedName, setTypedName] = useState("");
  const { start, failure, isBusy } = useStartRun(workspace, onClose);
  const input = { organization, workspace, pageSize: 20 };
  const { data, error } = useQuery(ConfigurationService.method.listConfigurations, input);
  const found = data?.configurationVersions ?? [];
  const problems = formProblems(form);
  const set = <Name extends keyof RunForm>(name: Name, value: RunForm[Name]) => setForm({ ...form, [name]: value });
  const isDestroy = form.mode === "destroy";
  const actions = (
    <DialogButtons
      action={isDestroy ? "Plan the destruction" : "Start run"}
      tone={isDestroy ? "danger" : "primary"}
      onAction={() => void start(form, configurationId)}
      onClose={onClose}
      disabledReason={startReason({ form, workspace, typedName, problems, hasConfiguration: found.length > 0 })}
      isBusy={isBusy}
      testId="start-run"
    />
  );
  return (
    <Dialog title={`Start a run of ${workspace}`} onClose={onClose} actions={actions} testId="start-run-dialog" wide>
      {error !== null && <ErrorNote error={error} what="The configurations could not be read" />}
      <div className="grid gap-4 sm:grid-cols-2">
        <ModeField value={form.mode} onChange={(mode) => set("mode", mode)} />
        <ConfigurationField configurations={found} value={configurationId} onChange={setConfigurationId} />
      </div>
      {data !== undefined && (
        <ConfigurationUpload workspace={workspace} hasOthers={found.length > 0} onUploaded={setConfigurationId} />
      )}
      <Field
        label="Message"
        value={form.message}
        onChange={(message) => set("message", message)}
        testId="run-message"
      />
      {isDestroy && <DestroyName workspace={workspace} value={typedName} onChange={setTypedName} />}
      <RunOptionFields form={form} set={set} problems={problems} failure={failure && problemOf(failure.error)} />
      {failure !== undefined && <ErrorNote error={failure.error} what="The run was not started" />}
      <CliLine command={commandOf(form, workspace, configurationId) + orgFlag} />
    </Dialog>
  );
}

interface ModeFieldProps {
  readonly value: RunMode;
  readonly onChange: (mode: RunMode) => void;
}

const ModeField = ({ value, onChange }: ModeFieldProps) => (
  <SelectField label="What it does" options={modes} value={value} onChange={onChange} testId="run-mode" />
);

interface DestroyNameProps {
  readonly workspace: string;
  readonly value: string;
  readonly onChange: (name: string) => void;
}

function DestroyName({ workspace, value, onChange }: DestroyNameProps) {
  const label = `This plans to destroy everything that ${workspace} manages. Type its name`;
  return <Field label={label} value={value} onChange={onChange} testId="run-destroy-name" mono />;
}

interface StartFacts {
  readonly form: RunForm;
  readonly workspace: string;
  readonly typedName: string;
  readonly problems: Readonly<Record<string, string>>;
  readonly hasConfiguration: boolean;
}

/** Why the run cannot be started yet. */
function startReason({ form, workspace, typedName, problems, hasConfiguration }: StartFacts): string | undefined {
  if (!hasConfiguration) return "The workspace has no configuration";
  if (form.mode === "destroy" && typedName !== workspace) return `Type ${workspace} first`;
  return Object.values(problems)[0];
}
