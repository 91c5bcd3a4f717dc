import type { ReactNode } from "react";
import { type Problem, violationOf } from "../../data/problem.ts";
import { CheckField, Field, SelectField } from "../../ui/field.tsx";
import type { RunForm } from "./run-options.ts";

interface RunOptionFieldsProps {
  readonly form: RunForm;
  readonly set: <Name extends keyof RunForm>(name: Name, value: RunForm[Name]) => void;
  readonly problems: Readonly<Record<string, string>>;
  readonly failure: Problem | undefined;
}

const areas = [
  ["targets", "Only these addresses", "One a line; with what they depend on."],
  ["replacements", "Replace these addresses", "One a line."],
  ["excludes", "Leave these addresses out", "One a line. OpenTofu only."],
  ["variables", "Variables for this run", "One a line: name=value, or name:=expression in HCL."],
] as const;

const lines = [
  { name: "parallelism", field: "parallelism", label: "Operations at once", hint: "Empty is 10." },
  {
    name: "queueMinutes",
    field: "queue_timeout",
    label: "Longest wait, in minutes",
    hint: "Empty is the server's limit.",
  },
  { name: "engineVersion", field: "engine_version", label: "Engine version", hint: "Empty is the workspace's." },
] as const;

const checks = [
  { name: "refreshes", label: "Read the real objects first" },
  { name: "allowsEmptyApply", label: "Apply also without changes" },
  { name: "generatesConfiguration", label: "Generate configuration for imports" },
  { name: "isDebug", label: "Tell all in the log" },
  { name: "suppressesForgetErrors", label: "Forgotten objects are no error", hint: "OpenTofu only." },
] as const;

const autoApplies = [
  { value: "workspace", label: "As the workspace says" },
  { value: "yes", label: "Yes" },
  { value: "no", label: "No" },
] as const;

const priorities = [
  { value: "low", label: "Low: after all others" },
  { value: "normal", label: "Normal" },
  { value: "high", label: "High: before all others" },
] as const;

/** What only one mode of a run knows. */
const isOffered = (name: keyof RunForm, { mode }: RunForm): boolean =>
  (name !== "engineVersion" || mode === "plan-only") && (name !== "suppressesForgetErrors" || mode === "destroy");

function Folded({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <details className="folds rounded-box border border-base-300">
      <summary className="px-4 py-2.5 font-medium text-sm">{title}</summary>
      <div className="grid gap-4 px-4 pb-4 sm:grid-cols-2">{children}</div>
    </details>
  );
}

/** Everything that a run can be asked for, folded until it is wanted. */
export function RunOptionFields(props: RunOptionFieldsProps) {
  return (
    <>
      <Folded title="Resources and variables">
        <Areas {...props} />
      </Folded>
      <Folded title="More options">
        <Choices {...props} />
        <Lines {...props} />
        <Checks {...props} />
      </Folded>
    </>
  );
}

function Areas({ form, set, problems, failure }: RunOptionFieldsProps) {
  return areas.map(([name, label, hint]) => (
    <Field
      key={name}
      label={label}
      hint={hint}
      rows={2}
      mono
      value={form[name]}
      onChange={(value) => set(name, value)}
      error={problems[name] ?? violationOf(failure, name)}
      testId={`run-${name}`}
    />
  ));
}

function Choices({ form, set, failure }: RunOptionFieldsProps) {
  return (
    <>
      <SelectField
        label="Apply without asking"
        value={form.autoApply}
        options={autoApplies}
        onChange={(value) => set("autoApply", value)}
        testId="run-autoApply"
      />
      <SelectField
        label="Priority"
        value={form.priority}
        options={priorities}
        onChange={(value) => set("priority", value)}
        error={violationOf(failure, "priority")}
        testId="run-priority"
      />
    </>
  );
}

function Lines({ form, set, problems, failure }: RunOptionFieldsProps) {
  return lines
    .filter(({ name }) => isOffered(name, form))
    .map(({ name, field, label, hint }) => (
      <Field
        key={name}
        label={label}
        hint={hint}
        value={form[name]}
        onChange={(value) => set(name, value)}
        error={problems[name] ?? violationOf(failure, field)}
        testId={`run-${name}`}
      />
    ));
}

function Checks({ form, set }: RunOptionFieldsProps) {
  return (
    <div className="space-y-2.5">
      {checks
        .filter(({ name }) => isOffered(name, form))
        .map(({ name, label, ...more }) => (
          <CheckField
            key={name}
            label={label}
            {...more}
            isChecked={form[name]}
            onChange={(isChecked) => set(name, isChecked)}
            testId={`run-${name}`}
          />
        ))}
    </div>
  );
}
