import { FinishedResources } from "../../lib/words/lost-resources.ts";
import type { ResourceInFlight } from "./resource-in-flight.ts";

/** Words with which terraform and tofu begin and end a change of a resource, in the log of an apply. */
const begins = new Map([
  ["Creating...", "create"],
  ["Modifying...", "update"],
  ["Destroying...", "delete"],
]);
const still = new Map([
  ["creating", "create"],
  ["modifying", "update"],
  ["destroying", "delete"],
]);
const ends = new Map([
  ["Creation", "create"],
  ["Modifications", "update"],
  ["Destruction", "delete"],
]);

/** An address: it begins at the line's beginning, and only its keys in quotes hold spaces. */
const address = String.raw`^((?:[^\s":]|"(?:[^"\\]|\\.)*")+)(?: \(deposed object(?: \w+)?\))?: `;
const beginLine = new RegExp(
  String.raw`${address}(Creating\.\.\.|Modifying\.\.\.|Destroying\.\.\.)(?: \[(\w+)=(.+)\])?$`,
);
const stillLine = new RegExp(
  String.raw`${address}Still (creating|modifying|destroying)\.\.\. \[(?:(\w+)=(.+), )?\w+ elapsed\]$`,
);
const endLine = new RegExp(`${address}(Creation|Modifications|Destruction) complete after `);
const idAtEnd = / \[(\w+)=(.+)\]$/;
/** A line of which only the beginning is there: the log was cut, and the id may be missing. */
const cutLine = new RegExp(
  String.raw`${address}(?:(Creating\.\.\.|Modifying\.\.\.|Destroying\.\.\.)|Still (creating|modifying|destroying)\.\.\.)`,
);
/** A change that failed is told only once terraform has come to its end. */
const failedLine = /^ {2}with (.+),$/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const colors = /\u001b\[[\d;]{0,32}m/g;

/** Most resources that are remembered, and the longest line that is looked at. */
const maxRemembered = 1_000;
const maxLineLength = 4_096;

/** What the log of an apply tells of its resources. */
export interface ToldByLog {
  readonly inFlight: readonly ResourceInFlight[];
  readonly finished: FinishedResources;
}

/**
 * What an apply had begun and not ended, and what it had finished, as far as its log goes: all that is known of one
 * whose agent was lost. The log may begin in the middle, since terraform repeats what it still works on: `isTail` says
 * that its first line may be the rest of one. It may end in the middle of a line too.
 */
export class ApplyLog {
  readonly #inFlight = new Map<string, ResourceInFlight>();
  readonly #finished = new FinishedResources();
  #rest = "";
  #skipsLine: boolean;

  constructor({ isTail = false }: { readonly isTail?: boolean | undefined } = {}) {
    this.#skipsLine = isTail;
  }

  /** The next piece of the log. */
  push(text: string): void {
    const lines = text.split("\n");
    lines[0] = this.#rest + lines[0];
    // A line that nobody looks at need not be kept either.
    this.#rest = (lines.pop() ?? "").slice(0, maxLineLength + 1);
    for (const line of lines) {
      if (!this.#skipsLine && line.length <= maxLineLength) this.#look(plain(line));
      this.#skipsLine = false;
    }
  }

  /** What the log tells once its last piece was pushed. */
  end(): ToldByLog {
    const last = plain(this.#rest);
    this.#rest = "";
    if (!this.#skipsLine && last.length <= maxLineLength && this.#look(last) === "other") this.#lookAtCut(last);
    return { inFlight: [...this.#inFlight.values()], finished: this.#finished };
  }

  #lookAtCut(line: string): void {
    const [, name = "", begun, lasting] = cutLine.exec(line) ?? [];
    if (name !== "") this.#remember(["", name, begun ?? lasting ?? ""]);
  }

  #look(line: string): "begun" | "other" {
    const begun = beginLine.exec(line) ?? stillLine.exec(line);
    if (begun !== null) {
      this.#remember(begun);
      return "begun";
    }
    const [, ended = "", noun = ""] = endLine.exec(line) ?? [];
    if (ended !== "") this.#finish(ended, ends.get(noun) ?? "", line);
    const [, failed] = failedLine.exec(line) ?? [];
    if (failed !== undefined) for (const action of begins.values()) this.#inFlight.delete(keyOf(failed, action));
    return "other";
  }

  /** An object that is gone has no id any more: the line that began it told it. */
  #finish(name: string, action: string, line: string): void {
    const begun = this.#inFlight.get(keyOf(name, action));
    this.#inFlight.delete(keyOf(name, action));
    const [, idKey = "", id = ""] = idAtEnd.exec(line) ?? (action === "delete" ? ["", begun?.idKey, begun?.id] : []);
    this.#finished.add({ address: name, action, provider: providerOf(name), idKey, id, finishedAt: "" });
  }

  #remember([, name = "", word = "", idKey = "", id = ""]: readonly string[]): void {
    const action = begins.get(word) ?? still.get(word) ?? "";
    const key = keyOf(name, action);
    if (this.#inFlight.size < maxRemembered && !this.#inFlight.has(key))
      this.#inFlight.set(key, { address: name, action, idKey, id });
  }
}

/** What the log of an apply, which is here in one piece, leaves in flight. */
export function inFlightInLog(
  text: string,
  options: { readonly isTail?: boolean | undefined } = {},
): readonly ResourceInFlight[] {
  const log = new ApplyLog(options);
  log.push(text);
  return log.end().inFlight;
}

/** The line without colours and without what ends it on other systems. */
const plain = (line: string): string => line.replace(colors, "").replace(/\r$/, "");

const keyOf = (name: string, action: string): string => `${action} ${name}`;

/**
 * By its name, a resource's provider is what stands before the first underscore of its type:
 * `module.m["a"].aws_vpc.a[0]`.
 */
function providerOf(name: string): string {
  const type =
    name
      .replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
      .split(".")
      .at(-2) ?? "";
  return type.split("_")[0] ?? "";
}
