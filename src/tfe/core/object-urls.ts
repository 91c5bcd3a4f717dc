import { createHmac } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { isRecord } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { sameHash } from "../../lib/words/tokens.ts";

/** What may be read or written with a URL that needs no other credential. */
export const objectKinds = ["configuration", "state", "json-state", "log"] as const;
export type ObjectKind = (typeof objectKinds)[number];

export interface SignedObject {
  readonly kind: ObjectKind;
  readonly method: "GET" | "PUT";
  /** The id of the configuration, the state, or the job's run with its phase. */
  readonly id: string;
  /** The API key in whose name it is: when it ends, so does the URL. */
  readonly keyId: string;
}

/** Where objects are, below the origin. */
export const objectsPath = "/_objects/v1";

/** How long a URL is good. */
const lifeMs = 25 * 3_600_000;

/**
 * URLs that carry their own secret in their path: they name an object, what may be done with it, in whose name and how long. The
 * terraform program sends no credential with them and replaces their query.
 */
export class ObjectUrls {
  readonly #key: Uint8Array;
  readonly #clock: Clock;

  constructor(key: Uint8Array, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  urlOf(origin: string, object: SignedObject): string {
    const { kind, method, id, keyId } = object;
    const until = Math.ceil((this.#clock.now().getTime() + lifeMs) / 1_000);
    const payload = Buffer.from(JSON.stringify([kind, method, id, keyId, until])).toString("base64url");
    return `${origin}${objectsPath}/${payload}.${this.#sign(payload)}`;
  }

  /** What the end of a URL's path names. Throws `not_found` for one that is forged, too old, or for another method. */
  open(text: string, method: string): SignedObject {
    const [payload = "", signature = "", ...more] = text.split(".");
    if (more.length > 0 || !sameHash(this.#sign(payload), signature)) throw unknownUrl();
    const object = read(payload);
    if (object === undefined || object.method !== (method === "HEAD" ? "GET" : method)) throw unknownUrl();
    if (object.until * 1_000 <= this.#clock.now().getTime()) throw unknownUrl();
    return object;
  }

  #sign(payload: string): string {
    return createHmac("sha256", this.#key).update(`object url\n${payload}`).digest("base64url");
  }
}

function read(payload: string): (SignedObject & { readonly until: number }) | undefined {
  const parts: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  if (!Array.isArray(parts) || isRecord(parts)) return undefined;
  const [kind, method, id, keyId, until]: readonly unknown[] = parts;
  const known = objectKinds.find((one) => one === kind);
  if (known === undefined || (method !== "GET" && method !== "PUT")) return undefined;
  if (typeof id !== "string" || typeof keyId !== "string" || typeof until !== "number") return undefined;
  return { kind: known, method, id, keyId, until };
}

const unknownUrl = () =>
  new WindlassError("not_found", "there is nothing at this URL, or no longer: ask for a new one");
