import type { Store } from "../../store/ports/store.ts";

/** Where the database keeps in which place it was served last. */
export const servedPlaceKey = "served_place";

/** Whether the rows were served from here before. */
export type ServedPlace = "here" | "first" | "elsewhere";

/** Looks whether these rows were served last from this place. */
export async function servedPlace({
  store,
  place,
}: {
  readonly store: Store;
  readonly place: string;
}): Promise<ServedPlace> {
  const last = (await store.read((q) => q.meta.get(servedPlaceKey))) ?? "";
  if (last === "") return "first";
  return last === place ? "here" : "elsewhere";
}

/** From now on they are served from this place. */
export const rememberPlace = ({ store, place }: { readonly store: Store; readonly place: string }): Promise<void> =>
  store.write((tx) => tx.meta.set(servedPlaceKey, place));
