import type { Values } from "./values.ts";

export interface Attribute {
  readonly name: string;
  /** As terraform writes types in JSON. */
  readonly type: string | readonly string[];
  readonly how: "required" | "optional" | "computed" | "optional computed";
  readonly isSensitive?: boolean;
  readonly isWriteOnly?: boolean;
}

type More = Pick<Attribute, "isSensitive" | "isWriteOnly">;
type Type = Attribute["type"];

export const required = (name: string, type: Type = "string", more: More = {}): Attribute => ({
  name,
  type,
  how: "required",
  ...more,
});
export const optional = (name: string, type: Type = "string", more: More = {}): Attribute => ({
  name,
  type,
  how: "optional",
  ...more,
});
export const computed = (name: string, type: Type = "string", more: More = {}): Attribute => ({
  name,
  type,
  how: "computed",
  ...more,
});

/** What the `provider` block says, and what the process is told. */
export interface Context {
  readonly log: (...words: readonly string[]) => void;
  /** Where databases and roles lie. */
  readonly directory: () => string;
  /** How what is read differs from what was made: `ip`, `gone` or nothing. */
  readonly drift: () => string;
  /** Aborted when terraform asks the provider to stop. */
  readonly stopping: AbortSignal;
}

type Answer<Result> = Result | Promise<Result>;

/** A kind of managed object. Values hold every attribute; those that a create leaves out must not be unknown. */
export interface Resource {
  readonly attributes: readonly Attribute[];
  /** A change of one of these needs another object. */
  readonly replacedBy?: readonly string[];
  /** Whether it is as lax about values as providers on terraform's first SDK. */
  readonly isLegacy?: boolean;
  /** Throws what is wrong, and answers warnings. */
  readonly validate?: (config: Values) => readonly string[];
  readonly plan?: (wanted: Values, before: Values | null) => Values;
  readonly create: (context: Context, wanted: Values, config: Values) => Answer<Values>;
  /** What is there now: null when it is gone. */
  readonly read?: (context: Context, state: Values) => Answer<Values | null>;
  readonly update?: (context: Context, wanted: Values, config: Values, before: Values) => Answer<Values>;
  readonly remove?: (context: Context, state: Values) => Answer<void>;
  readonly importById?: (context: Context, id: string) => Answer<Values>;
}

/** Something that is read: a data source, or an ephemeral resource. */
export interface Source {
  readonly attributes: readonly Attribute[];
  readonly read: (context: Context, config: Values) => Answer<Values>;
}

/** What a provider tells terraform instead of an answer. */
export class Failure extends Error {
  readonly summary: string;
  readonly attribute: string | undefined;

  constructor(summary: string, detail: string, attribute?: string) {
    super(detail);
    this.summary = summary;
    this.attribute = attribute;
  }
}
