import { ActionButton } from "../../ui/action-button.tsx";
import { Field, SelectField } from "../../ui/field.tsx";
import type { HostDraft, SourceDraft } from "./provider-form.ts";

const kinds = [
  { value: "network_mirror", label: "Network mirror" },
  { value: "filesystem_mirror", label: "Directory on the agents" },
  { value: "direct", label: "The registries themselves" },
] as const;

const places = { network_mirror: "URL, with https://", filesystem_mirror: "Absolute path", direct: "" } as const;

interface SourceFieldsProps {
  readonly sources: readonly SourceDraft[];
  readonly onChange: (sources: readonly SourceDraft[]) => void;
}

/** Where providers come from, in the order in which they are asked. */
export function SourceFields({ sources, onChange }: SourceFieldsProps) {
  const set = (index: number, part: Partial<SourceDraft>) =>
    onChange(sources.map((source, at) => (at === index ? { ...source, ...part } : source)));
  return (
    <fieldset className="space-y-3">
      <legend className="mb-1 font-medium">Sources</legend>
      {sources.length === 0 && <p className="quiet text-sm">None: each agent takes its own way.</p>}
      {sources.map((source, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a source is its place in the list
        <div key={index} className="grid gap-3 rounded-field border border-base-300 p-3 sm:grid-cols-2">
          <SelectField
            label="Kind"
            options={kinds}
            value={source.kind}
            onChange={(kind) => set(index, { kind, place: "" })}
            testId={`source-kind-${index}`}
          />
          {source.kind !== "direct" && (
            <Field
              label={places[source.kind]}
              value={source.place}
              onChange={(place) => set(index, { place })}
              testId={`source-place-${index}`}
              mono
            />
          )}
          <Field
            label="Only these providers"
            value={source.include}
            onChange={(include) => set(index, { include })}
            hint="Such as hashicorp/*. Empty is all."
            testId={`source-include-${index}`}
            mono
          />
          <Field
            label="Not these providers"
            value={source.exclude}
            onChange={(exclude) => set(index, { exclude })}
            testId={`source-exclude-${index}`}
            mono
          />
          <div>
            <ActionButton
              size="xs"
              onClick={() => onChange(sources.filter((_, at) => at !== index))}
              testId={`source-remove-${index}`}
            >
              Remove
            </ActionButton>
          </div>
        </div>
      ))}
      <ActionButton
        size="xs"
        onClick={() => onChange([...sources, { kind: "network_mirror", place: "", include: "", exclude: "" }])}
        testId="add-source"
      >
        Add source
      </ActionButton>
    </fieldset>
  );
}

interface HostFieldsProps {
  readonly hosts: readonly HostDraft[];
  readonly onChange: (hosts: readonly HostDraft[]) => void;
}

/** Hosts that want a token. Tokens never come back from the server. */
export function HostFields({ hosts, onChange }: HostFieldsProps) {
  const set = (index: number, part: Partial<HostDraft>) =>
    onChange(hosts.map((host, at) => (at === index ? { ...host, ...part } : host)));
  return (
    <fieldset className="space-y-3">
      <legend className="mb-1 font-medium">Tokens of registries and mirrors</legend>
      {hosts.map((host, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a host is its place in the list
        <div key={index} className="grid gap-3 rounded-field border border-base-300 p-3 sm:grid-cols-2">
          <Field
            label="Host"
            value={host.host}
            onChange={(value) => set(index, { host: value })}
            hint="With its port if that is not 443."
            testId={`host-${index}`}
            mono
          />
          <Field
            label="Token"
            type="password"
            value={host.token}
            onChange={(token) => set(index, { token })}
            hint={host.isSet ? "Set. Empty keeps it." : undefined}
            testId={`host-token-${index}`}
            mono
          />
          <div>
            <ActionButton
              size="xs"
              onClick={() => onChange(hosts.filter((_, at) => at !== index))}
              testId={`host-remove-${index}`}
            >
              Remove
            </ActionButton>
          </div>
        </div>
      ))}
      <ActionButton
        size="xs"
        onClick={() => onChange([...hosts, { host: "", token: "", isSet: false }])}
        testId="add-host"
      >
        Add host
      </ActionButton>
    </fieldset>
  );
}
