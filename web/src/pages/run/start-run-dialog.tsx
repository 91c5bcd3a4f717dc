import { createClient } from "@connectrpc/connect";
import { useQuery, useTransport } from "@connectrpc/connect-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { ConfigurationService } from "../../../../src/gen/windlass/v1/configuration_service_pb.ts";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { problemOf } from "../../data/problem.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { CliLine, shellWord } from "../../ui/cli-line.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Field, SelectField } from "../../ui/field.tsx";
import { absoluteText, bytesText, countText, dateOf, shortId } from "../../ui/format.ts";
import { callerName } from "../../words/caller.ts";
import { RunOptionFields } from "./run-option-fields.tsx";
import { commandOf, emptyForm, formProblems, optionsOf, priorities, type RunForm } from "./run-options.ts";

interface StartRunDialogProps {
  /** Its name. */
  readonly workspace: string;
  readonly onClose: () => void;
}

const modes = [
  { value: "apply", label: "Plan and apply" },
  { value: "plan-only", label: "Only plan" },
  { value: "save-plan", label: "Plan, and keep the plan" },
  { value: "refresh-only", label: "Only refresh the state" },
  { value: "destroy", label: "Destroy everything" },
] as const;

/** Starts a run of a configuration that was uploaded before. */
export function StartRunDialog({ workspace, onClose }: StartRunDialogProps) {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const path = usePath();
  const transport = useTransport();
  const [, navigate] = useLocation();
  const [form, setForm] = useState(emptyForm);
  const [configurationId, setConfigurationId] = useState("");
  const [typedName, setTypedName] = useState("");
  const [failure, setFailure] = useState<{ readonly error: unknown }>();
  const [isBusy, setIsBusy] = useState(false);
  const [requestId] = useState(() => crypto.randomUUID());
  const configurations = useQuery(ConfigurationService.method.listConfigurations, {
    organization,
    workspace,
    pageSize: 20,
  });
  const found = configurations.data?.configurationVersions ?? [];
  const set = <Name extends keyof RunForm>(name: Name, value: RunForm[Name]) => setForm({ ...form, [name]: value });
  const problems = formProblems(form);
  const start = async () => {
    setIsBusy(true);
    setFailure(undefined);
    const request = { organization, workspace, configurationVersionId: configurationId, message: form.message };
    try {
      const { run } = await createClient(RunService, transport).createRun({
        ...request,
        ...{ options: optionsOf(form), priority: priorities[form.priority], requestId },
      });
      if (run !== undefined) navigate(path("runs", run.id));
      onClose();
    } catch (error) {
      setFailure({ error });
      setIsBusy(false);
    }
  };
  const reason = startReason({ form, workspace, typedName, problems, hasConfiguration: found.length > 0 });
  const actions = (
    <>
      <ActionButton onClick={onClose} testId="dialog-cancel" tone="quiet">
        Back
      </ActionButton>
      <ActionButton
        onClick={() => void start()}
        testId="start-run"
        tone={form.mode === "destroy" ? "danger" : "primary"}
        isBusy={isBusy}
        disabledReason={reason}
      >
        {form.mode === "destroy" ? "Plan the destruction" : "Start run"}
      </ActionButton>
    </>
  );
  return (
    <Dialog title={`Start a run of ${workspace}`} onClose={onClose} actions={actions} testId="start-run-dialog" wide>
      {configurations.error !== null && (
        <ErrorNote error={configurations.error} what="The configurations could not be read" />
      )}
      {configurations.data !== undefined && found.length === 0 && (
        <div className="rounded-box border border-warning/40 bg-warning/8 px-4 py-3 text-sm">
          <p className="mb-1">The workspace has no configuration yet. Upload a directory with the first run:</p>
          <CliLine command={`windlass run start ${shellWord(workspace)} --dir .${orgFlag}`} testId="first-run-cli" />
        </div>
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField
          label="What it does"
          options={modes}
          value={form.mode}
          onChange={(mode) => set("mode", mode)}
          testId="run-mode"
        />
        <SelectField
          label="Configuration"
          value={configurationId}
          options={[
            { value: "", label: "The newest" },
            ...found.map((one) => ({ value: one.id, label: `${shortId(one.id)}, ${about(one)}` })),
          ]}
          onChange={setConfigurationId}
          testId="run-configuration"
        />
      </div>
      <Field
        label="Message"
        value={form.message}
        onChange={(message) => set("message", message)}
        testId="run-message"
      />
      {form.mode === "destroy" && (
        <Field
          label={`This plans to destroy everything that ${workspace} manages. Type its name`}
          value={typedName}
          onChange={setTypedName}
          testId="run-destroy-name"
          mono
        />
      )}
      <RunOptionFields form={form} set={set} problems={problems} failure={failure && problemOf(failure.error)} />
      {failure !== undefined && <ErrorNote error={failure.error} what="The run was not started" />}
      <CliLine command={commandOf(form, workspace, configurationId) + orgFlag} />
    </Dialog>
  );
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

interface About {
  readonly createTime?: Parameters<typeof dateOf>[0];
  readonly createdBy: string;
  readonly fileCount: number;
  readonly sizeBytes: bigint;
}

function about({ createTime, createdBy, fileCount, sizeBytes }: About): string {
  const at = dateOf(createTime);
  const when = at === undefined ? "" : absoluteText(at);
  return [when, `by ${callerName(createdBy)}`, countText(fileCount, "file"), bytesText(sizeBytes)]
    .filter(Boolean)
    .join(", ");
}
