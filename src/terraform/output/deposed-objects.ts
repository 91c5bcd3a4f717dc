import * as z from "zod";
import { quoted } from "../../lib/hcl/text.ts";
import { type Json, JsonNumber, type JsonObject, readJson } from "../../lib/json/json.ts";
import { isCostlyJson } from "../../lib/json/measure.ts";
import { exactNumber, fieldsOf, namedValues } from "../../lib/json/shapes.ts";

/** An object that another one has replaced, and that is not destroyed yet. */
export interface DeposedObject {
  readonly address: string;
  /** What tells it apart from others of this address: eight hexadecimal digits. */
  readonly key: string;
  readonly attributes: JsonObject;
}

/** What an event tells of an object that is destroyed; `id` is empty where it has none. */
export interface Destroyed {
  readonly address: string;
  readonly idKey: string;
  readonly id: string;
}

/** Finds the key of an object that was deposed by this very apply; empty when it cannot be told. */
export type NewlyDeposed = (destroyed: Destroyed) => string;

const keyPattern = /^[0-9a-f]{8}$/;

const stateShape = fieldsOf({
  resources: z.array(
    fieldsOf({
      module: z.string().default(""),
      type: z.string(),
      name: z.string(),
      instances: z.array(
        fieldsOf({
          index_key: z.union([z.string(), exactNumber]).optional(),
          deposed: z.string().optional(),
          attributes: namedValues.nullish(),
        }),
      ),
    }),
  ),
});

const noValues: JsonObject = new Map();

/**
 * The deposed objects of a state; none when it cannot be read, or not without holding up everything else. Most states
 * are not even parsed.
 */
export function deposedIn(state: string): readonly DeposedObject[] {
  if (!state.includes('"deposed"') || isCostlyJson(Buffer.from(state))) return [];
  try {
    const { resources } = stateShape.parse(readJson(state));
    return resources.flatMap(({ module, type, name, instances }) =>
      instances.flatMap(({ index_key: index, deposed: key = "", attributes }) => {
        if (!keyPattern.test(key)) return [];
        const text = index === undefined ? "" : `[${typeof index === "string" ? quoted(index) : index.text}]`;
        const address = `${module === "" ? "" : `${module}.`}${type}.${name}${text}`;
        return [{ address, key, attributes: attributes ?? noValues }];
      }),
    );
  } catch {
    return [];
  }
}

/** True for the object that an event tells of, as far as its id says. */
export const isDestroyed = ({ address, attributes }: DeposedObject, { idKey, id, ...destroyed }: Destroyed): boolean =>
  address === destroyed.address && (id === "" || idText(attributes.get(idKey)) === id);

/** As terraform's events have it: a number with its digits. */
const idText = (id: Json | undefined): string => (id instanceof JsonNumber ? id.text : String(id));

/**
 * Tells which of the objects that an apply destroys are deposed ones: terraform's JSON events do not. An object is, if
 * the state said so before, or if another one of its address was created in this apply.
 */
export class DeposedWords {
  readonly #before: DeposedObject[];
  readonly #newlyDeposed: NewlyDeposed;
  readonly #created = new Set<string>();

  constructor(before: readonly DeposedObject[] = [], newlyDeposed: NewlyDeposed = () => "") {
    this.#before = [...before];
    this.#newlyDeposed = newlyDeposed;
  }

  /** An object of this address is being created. */
  creates(address: string): void {
    this.#created.add(address);
  }

  /** ` (deposed object 0a1b2c3d)`; nothing for an object that is none. */
  suffixOf(destroyed: Destroyed): string {
    const at = destroyed.id === "" ? -1 : this.#before.findIndex((one) => isDestroyed(one, destroyed));
    const [known] = at < 0 ? [] : this.#before.splice(at, 1);
    if (known !== undefined) return ` (deposed object ${known.key})`;
    if (!this.#created.has(destroyed.address)) return "";
    const key = this.#newlyDeposed(destroyed);
    return key === "" ? " (deposed object)" : ` (deposed object ${key})`;
  }
}
