import type { StateInstance } from "../../domain/workspaces/state-difference.ts";
import { shortText } from "./limits.ts";
import { stateContents } from "./state-contents.ts";
import { isHarmless } from "./state-outputs.ts";
import { type OutputName, outputKey } from "./typed-outputs.ts";

/** Instances of one resource. */
export interface SummedResource {
  readonly name: string;
  readonly type: string;
  readonly isData: boolean;
  /** `module.network`; empty in the root. */
  readonly module: string;
  readonly provider: string;
  readonly count: number;
}

/** What a state holds, in short. */
export interface StateSummary {
  /** The first ones by address. */
  readonly resources: readonly SummedResource[];
  readonly outputs: readonly OutputName[];
}

/** Most resources and outputs of a summary: a list has them all. */
const maxRows = 2_000;

/** Resources with their numbers, and the names of outputs. Throws `validation` for what cannot be looked into. */
export function stateSummary(bytes: Uint8Array, id: string): StateSummary {
  const { instances, outputs } = stateContents(bytes, { id });
  const resources = [...Map.groupBy(instances, nameOf).values()].slice(0, maxRows).flatMap(summed);
  const names = [...outputs].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, maxRows);
  return {
    resources,
    outputs: names.map(([name, output]) => ({
      name: shortText(name),
      isSensitive: !isHarmless(output),
      key: outputKey(name),
    })),
  };
}

const nameOf = ({ module, type, name, isData }: StateInstance): string => JSON.stringify([module, isData, type, name]);

function summed(instances: readonly StateInstance[]): readonly SummedResource[] {
  const [first] = instances;
  if (first === undefined) return [];
  const { name, type, isData, module, provider } = first;
  const texts = { name: shortText(name), type: shortText(type), module: shortText(module) };
  return [{ ...texts, isData, provider: shortText(provider), count: instances.length }];
}
