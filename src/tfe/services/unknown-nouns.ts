import { invalid } from "../../control/core/refusals.ts";

/** Refuses relationships to what is not known here, unless they are empty: nothing may be promised that would not be kept. */
export function refuseUnknown<const Name extends string>(
  relationships: { readonly [K in Name]?: { readonly data: readonly unknown[] } | undefined },
  names: readonly Name[],
): void {
  for (const name of names) {
    if ((relationships[name]?.data.length ?? 0) > 0)
      throw invalid(`/data/relationships/${name}`, "this server has no such scopes: leave it out, or empty");
  }
}
