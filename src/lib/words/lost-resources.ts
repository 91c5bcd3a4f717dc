/** Stands for a secret in what is told. */
export const hiddenMark = "(sensitive value)";

/** A change of a resource instance that an apply has finished, as terraform told it. */
export interface FinishedResource {
  readonly address: string;
  /** create, update or delete. */
  readonly action: string;
  /** Local name of its provider, such as aws; empty if it is not known. */
  readonly provider: string;
  /** Name and value of what identifies the object; empty if terraform told none. Of a destroyed object: what it had. */
  readonly idKey: string;
  readonly id: string;
  /** As ISO 8601; empty if it is not known. */
  readonly finishedAt: string;
}

/**
 * How the last state has what was finished: not at all; with another object at its address; still, though it was
 * destroyed; or nobody can tell, because the state cannot be read.
 */
export type HowHeld = "absent" | "other" | "present" | "unknown";

/** What was finished and is not in the last state as it should be. */
export interface LostResource extends FinishedResource {
  readonly held: HowHeld;
}

/** An address, as it can be compared: programs differ in which letters of an index key they write as numbers. */
export const addressKey = (address: string): string =>
  address.replaceAll(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short, long) => {
    const code = Number.parseInt(short ?? long, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/**
 * The objects that a state has at an address (see `addressKey`), each with its attributes that are texts or numbers, by
 * name.
 */
export type HeldObjects = ReadonlyMap<string, readonly HeldObject[]>;
export type HeldObject = ReadonlyMap<string, string>;

/** Most changes that are remembered, and most characters of them: a job can print events of its own. */
const maxFinished = 50_000;
const maxCharacters = 32 * 1024 * 1024;

/** Remembers what an apply has finished, in its order: for each object its last word. */
export class FinishedResources {
  readonly #found = new Map<string, FinishedResource>();
  #characters = 0;
  #forgotten = 0;

  add(resource: FinishedResource): void {
    const { address, action, idKey, id } = resource;
    if (action !== "create" && action !== "update" && action !== "delete") return;
    // One address can lose several objects: one that was replaced, and others that were deposed before.
    const key = action === "delete" ? `- ${address} ${idKey}=${id}` : `+ ${address}`;
    const isKnown = this.#found.has(key);
    if (!isKnown && (this.#found.size >= maxFinished || this.#characters > maxCharacters)) {
      this.#forgotten += 1;
      return;
    }
    // An object that is changed after it was made is still one that this apply has made.
    const before = this.#found.get(key)?.action === "create" && action === "update" ? { action: "create" } : {};
    this.#found.delete(key);
    this.#found.set(key, { ...resource, ...before });
    if (!isKnown) this.#characters += address.length + id.length;
  }

  get all(): readonly FinishedResource[] {
    return [...this.#found.values()];
  }

  /** How many were not remembered: nobody compares them. */
  get forgotten(): number {
    return this.#forgotten;
  }
}

/** The last state of an apply. */
export interface LastState {
  /** `undefined` is a state that nobody can read: then nothing of it is known. */
  readonly objects: HeldObjects | undefined;
  /** It is the one that the apply began with: nothing that was made is in it. */
  readonly isFromBefore: boolean;
}

/**
 * What of the finished changes the last state does not have: objects that were made or changed and are not in it, and
 * objects that were destroyed and still are. An object without an id is compared by its address alone: where the state
 * was written anew meanwhile, the one that it has in the place of a replaced one may be the old one.
 */
export function lostResources(
  finished: readonly FinishedResource[],
  { objects: state, isFromBefore }: LastState,
): readonly LostResource[] {
  const made = new Set(finished.filter(isMade).map(({ address }) => address));
  return finished.flatMap((resource) => {
    if (state === undefined) return isMade(resource) ? [{ ...resource, held: "unknown" as const }] : [];
    const objects = state.get(addressKey(resource.address)) ?? [];
    const held = isMade(resource)
      ? howMadeIsHeld(resource, { objects, isFromBefore })
      : howGoneIsHeld(resource, objects, made);
    return held === undefined ? [] : [{ ...resource, held }];
  });
}

/** True for an object that is there now, and that terraform makes twice if it does not know it. */
export const isMade = ({ action }: Pick<FinishedResource, "action">): boolean => action !== "delete";

/** A change of an object that the state knows already can be read anew: it need not be the same to its last letter. */
function howMadeIsHeld(
  resource: FinishedResource,
  { objects, isFromBefore }: { readonly objects: readonly HeldObject[]; readonly isFromBefore: boolean },
): HowHeld | undefined {
  if (objects.length === 0) return "absent";
  if (resource.action === "update") return undefined;
  if (resource.id === "") return isFromBefore ? "other" : undefined;
  return objects.some((object) => isIt(resource, object)) ? undefined : "other";
}

/** Without an id nobody can tell it from the one that was made in its place. */
function howGoneIsHeld(
  resource: FinishedResource,
  objects: readonly HeldObject[],
  made: ReadonlySet<string>,
): HowHeld | undefined {
  const isHeld =
    resource.id === ""
      ? objects.length > 0 && !made.has(resource.address)
      : objects.some((object) => isIt(resource, object));
  return isHeld ? "present" : undefined;
}

/** An object without this attribute cannot be told apart. */
const isIt = ({ idKey, id }: FinishedResource, object: HeldObject): boolean => (object.get(idKey) ?? id) === id;
