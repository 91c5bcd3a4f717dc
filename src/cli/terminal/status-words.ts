import { entriesOf } from "../../lib/values/records.ts";
import type { Style } from "./painted.ts";

const words: Readonly<Partial<Record<Style, string>>> = {
  green: "applied succeeded idle online alive active current serving ok yes",
  cyan: "planning applying busy running started offered rotated",
  yellow: "pending planned waiting paused draining quarantined unknown silent warn expires",
  red: "errored failed canceled force-canceled discarded interrupted rejected revoked expired offline gone lost fail",
};

const styleByWord = new Map(
  entriesOf(words).flatMap(([style, all]) => all.split(" ").map((word) => [word, style] as const)),
);

/** The colour of a status such as `errored` or `plan queued`, by its first word that has one. */
export const styleOfStatus = (text: string): Style | undefined =>
  text === "planned and finished" ? "green" : /queued$/.test(text) ? "yellow" : firstStyle(text.split(/[ ,:]+/));

const firstStyle = (parts: readonly string[]): Style | undefined =>
  parts.map((part) => styleByWord.get(part)).find((style) => style !== undefined);
