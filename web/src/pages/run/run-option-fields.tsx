import { type Problem, violationOf } from "../../data/problem.ts";
import { CheckField, Field, SelectField } from "../../ui/field.tsx";
import type { RunForm } from "./run-options.ts";

interface RunOptionFieldsProps {
  readonly form: RunForm;
  readonly set: <Name extends keyof RunForm>(name: Name, value: RunForm[Name]) => void;
  readonly problems: Readonly<Record<string, string>>;
  readonly failure: Problem | undefined;
}

/** Everything that a run can be asked for, folded until it is wanted. */
export function RunOptionFields({ form, set, problems, failure }: RunOptionFieldsProps) {
  const errorOf = (name: string, field: string) => problems[name] ?? violationOf(failure, field);
  return (
    <>
      <details className="folds rounded-box border border-base-300">
        <summary className="px-4 py-2.5 font-medium text-sm">Resources and variables</summary>
        <div className="grid gap-4 px-4 pb-4 sm:grid-cols-2">
          <Field
            label="Only these addresses"
            hint="One a line; with what they depend on."
            rows={2}
            mono
            value={form.targets}
            onChange={(value) => set("targets", value)}
            error={errorOf("targets", "targets")}
            testId="run-targets"
          />
          <Field
            label="Replace these addresses"
            hint="One a line."
            rows={2}
            mono
            value={form.replacements}
            onChange={(value) => set("replacements", value)}
            error={errorOf("replacements", "replacements")}
            testId="run-replacements"
          />
          <Field
            label="Leave these addresses out"
            hint="One a line. OpenTofu only."
            rows={2}
            mono
            value={form.excludes}
            onChange={(value) => set("excludes", value)}
            error={errorOf("excludes", "excludes")}
            testId="run-excludes"
          />
          <Field
            label="Variables for this run"
            hint="One a line: name=value, or name:=expression in HCL."
            rows={2}
            mono
            value={form.variables}
            onChange={(value) => set("variables", value)}
            error={errorOf("variables", "variables")}
            testId="run-variables"
          />
        </div>
      </details>
      <details className="folds rounded-box border border-base-300">
        <summary className="px-4 py-2.5 font-medium text-sm">More options</summary>
        <div className="grid gap-4 px-4 pb-4 sm:grid-cols-2">
          <SelectField
            label="Apply without asking"
            value={form.autoApply}
            options={[
              { value: "workspace", label: "As the workspace says" },
              { value: "yes", label: "Yes" },
              { value: "no", label: "No" },
            ]}
            onChange={(value) => set("autoApply", value)}
            testId="run-auto-apply"
          />
          <SelectField
            label="Priority"
            value={form.priority}
            options={[
              { value: "low", label: "Low: after all others" },
              { value: "normal", label: "Normal" },
              { value: "high", label: "High: before all others" },
            ]}
            onChange={(value) => set("priority", value)}
            error={violationOf(failure, "priority")}
            testId="run-priority"
          />
          <Field
            label="Operations at once"
            hint="Empty is 10."
            value={form.parallelism}
            onChange={(value) => set("parallelism", value)}
            error={errorOf("parallelism", "parallelism")}
            testId="run-parallelism"
          />
          <Field
            label="Longest wait, in minutes"
            hint="Empty is the server's limit."
            value={form.queueMinutes}
            onChange={(value) => set("queueMinutes", value)}
            error={errorOf("queueMinutes", "queue_timeout")}
            testId="run-queue-timeout"
          />
          {form.mode === "plan-only" && (
            <Field
              label="Engine version"
              hint="Empty is the workspace's."
              value={form.engineVersion}
              onChange={(value) => set("engineVersion", value)}
              error={errorOf("engineVersion", "engine_version")}
              testId="run-engine-version"
              mono
            />
          )}
          <div className="space-y-2.5">
            <CheckField
              label="Read the real objects first"
              isChecked={form.refreshes}
              onChange={(value) => set("refreshes", value)}
              testId="run-refresh"
            />
            <CheckField
              label="Apply also without changes"
              isChecked={form.allowsEmptyApply}
              onChange={(value) => set("allowsEmptyApply", value)}
              testId="run-allow-empty"
            />
            <CheckField
              label="Generate configuration for imports"
              isChecked={form.generatesConfiguration}
              onChange={(value) => set("generatesConfiguration", value)}
              testId="run-generate"
            />
            <CheckField
              label="Tell all in the log"
              isChecked={form.isDebug}
              onChange={(value) => set("isDebug", value)}
              testId="run-debug"
            />
            {form.mode === "destroy" && (
              <CheckField
                label="Forgotten objects are no error"
                hint="OpenTofu only."
                isChecked={form.suppressesForgetErrors}
                onChange={(value) => set("suppressesForgetErrors", value)}
                testId="run-suppress-forget"
              />
            )}
          </div>
        </div>
      </details>
    </>
  );
}
