import type { ReactNode } from "react";
import { ActionButton } from "../../ui/action-button.tsx";
import { Field, SelectField } from "../../ui/field.tsx";
import type { HostDraft, SourceDraft } from "./provider-form.ts";

interface DraftListProps<Draft> {
  readonly legend: string;
  readonly drafts: readonly Draft[];
  readonly onChange: (drafts: readonly Draft[]) => void;
  /** What one that is added begins with. */
  readonly fresh: Draft;
  /** What one of them is: `source`. */
  readonly word: string;
  readonly none?: string;
  /** The fields of one; `set` changes some of them. */
  readonly fields: (draft: Draft, index: number, set: (part: Partial<Draft>) => void) => ReactNode;
}

/** A list of small forms, to which more are added, and from which they are taken. */
function DraftList<Draft>({ legend, drafts, onChange, fresh, word, none, fields }: DraftListProps<Draft>) {
  const set = (index: number, part: Partial<Draft>) =>
    onChange(drafts.map((draft, at) => (at === index ? { ...draft, ...part } : draft)));
  return (
    <fieldset className="space-y-3">
      <legend className="mb-1 font-medium">{legend}</legend>
      {drafts.length === 0 && none !== undefined && <p className="quiet text-sm">{none}</p>}
      {drafts.map((draft, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one is its place in the list
        <div key={index} className="grid gap-3 rounded-field border border-base-300 p-3 sm:grid-cols-2">
          {fields(draft, index, (part) => set(index, part))}
          <div>
            <ActionButton
              size="xs"
              onClick={() => onChange(drafts.filter((_, at) => at !== index))}
              testId={`${word}-remove-${index}`}
            >
              Remove
            </ActionButton>
          </div>
        </div>
      ))}
      <ActionButton size="xs" onClick={() => onChange([...drafts, fresh])} testId={`add-${word}`}>
        Add {word}
      </ActionButton>
    </fieldset>
  );
}

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
export const SourceFields = ({ sources, onChange }: SourceFieldsProps) => (
  <DraftList
    legend="Sources"
    drafts={sources}
    onChange={onChange}
    fresh={{ kind: "network_mirror", place: "", include: "", exclude: "" }}
    word="source"
    none="None: each agent takes its own way."
    fields={(source, index, set) => <OneSource source={source} index={index} set={set} />}
  />
);

interface OneSourceProps {
  readonly source: SourceDraft;
  readonly index: number;
  readonly set: (part: Partial<SourceDraft>) => void;
}

function OneSource({ source, index, set }: OneSourceProps) {
  return (
    <>
      <SelectField
        label="Kind"
        options={kinds}
        value={source.kind}
        onChange={(kind) => set({ kind, place: "" })}
        testId={`source-kind-${index}`}
      />
      {source.kind !== "direct" && (
        <Field
          label={places[source.kind]}
          value={source.place}
          onChange={(place) => set({ place })}
          testId={`source-place-${index}`}
          mono
        />
      )}
      <Field
        label="Only these providers"
        value={source.include}
        onChange={(include) => set({ include })}
        hint="Such as hashicorp/*. Empty is all."
        testId={`source-include-${index}`}
        mono
      />
      <Field
        label="Not these providers"
        value={source.exclude}
        onChange={(exclude) => set({ exclude })}
        testId={`source-exclude-${index}`}
        mono
      />
    </>
  );
}

interface HostFieldsProps {
  readonly hosts: readonly HostDraft[];
  readonly onChange: (hosts: readonly HostDraft[]) => void;
}

/** Hosts that want a token. Tokens never come back from the server. */
export const HostFields = ({ hosts, onChange }: HostFieldsProps) => (
  <DraftList
    legend="Tokens of registries and mirrors"
    drafts={hosts}
    onChange={onChange}
    fresh={{ host: "", token: "", isSet: false }}
    word="host"
    fields={({ host, token, isSet }, index, set) => (
      <>
        <Field
          label="Host"
          value={host}
          onChange={(value) => set({ host: value })}
          hint="With its port if that is not 443."
          testId={`host-${index}`}
          mono
        />
        <Field
          label="Token"
          type="password"
          value={token}
          onChange={(value) => set({ token: value })}
          hint={isSet ? "Set. Empty keeps it." : undefined}
          testId={`host-token-${index}`}
          mono
        />
      </>
    )}
  />
);
