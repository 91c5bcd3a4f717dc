import { parseArgs } from "node:util";
import { didYouMean } from "../../src/lib/did-you-mean.ts";
import type { Bench, Part } from "./part.ts";

type Measure = Pick<Bench, "rounds" | "agents" | "queued" | "sizes" | "sandbox" | "providerMirror">;

export interface Options extends Measure {
  readonly help: boolean;
  readonly parts: readonly Part[];
  readonly json: string | undefined;
  readonly markdown: string | undefined;
}

export const defaultRounds = 5;

export function usage(parts: readonly Part[]): string {
  const width = Math.max(...parts.map(({ name }) => name.length)) + 2;
  const minutes = Math.ceil(parts.reduce((sum, { usualSeconds }) => sum + usualSeconds, 0) / 60);
  return `scripts/bench [--only PART,…] [--rounds N] [--agents N,…] [--queued N,…] [--sizes N,…] [--json FILE] [--markdown FILE] [--sandbox auto|none] [--provider-mirror DIR]
Measures Windlass beside what bounds it, in alternating rounds, and says which goals are met. It asserts nothing.

  --only PART,…          these parts only; all of them take about ${minutes} minutes on an idle machine of 2 cores
  --rounds N             how often each figure is taken, from 1 to 100 [${defaultRounds}]
  --agents N,…           how many idle agents the parts fleet and restart have [1000,10000]
  --queued N,…           how many queued runs the part queue has, beside 300 [5000,10000]
  --sizes N,…            how many agents or queued runs the part flat has, the fewest first [100,1000,10000]
  --json FILE            every sample, too, into a file
  --markdown FILE        the tables into a page, between its lines <!-- bench: begin --> and <!-- bench: end -->
  --sandbox auto|none    whether the jobs of five, size and many are in a sandbox [none]
  --provider-mirror DIR  packed random, tls, null, time and local, instead of fakes in part five [$BENCH_PROVIDER_MIRROR]

parts, and how long they usually take:
${parts.map(({ name, about, usualSeconds }) => `  ${name.padEnd(width)}${`${usualSeconds} s`.padStart(5)}  ${about}`).join("\n")}`;
}

/** Reads the command line; what is wrong with it is thrown in one sentence. */
export function readOptions(args: readonly string[], parts: readonly Part[], mirror = ""): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h", default: false },
      only: { type: "string" },
      rounds: { type: "string", default: String(defaultRounds) },
      agents: { type: "string", default: "1000,10000" },
      queued: { type: "string", default: "5000,10000" },
      sizes: { type: "string", default: "100,1000,10000" },
      sandbox: { type: "string", default: "none" },
      "provider-mirror": { type: "string", default: mirror },
      json: { type: "string" },
      markdown: { type: "string" },
    },
  });
  return {
    help: values.help,
    parts: values.only === undefined ? parts : wanted(values.only, parts),
    rounds: whole("--rounds", values.rounds, 100),
    agents: counts("--agents", values.agents),
    queued: counts("--queued", values.queued),
    sizes: counts("--sizes", values.sizes),
    sandbox: sandboxOf(values.sandbox),
    providerMirror: values["provider-mirror"],
    json: values.json,
    markdown: values.markdown,
  };
}

function wanted(text: string, parts: readonly Part[]): readonly Part[] {
  const names = text.split(",").map((name) => name.trim());
  const known = parts.map(({ name }) => name);
  const strangers = names.filter((name) => !known.includes(name));
  if (strangers.length === 0) return parts.filter(({ name }) => names.includes(name));
  const [first = ""] = strangers;
  const hint = didYouMean(first, known);
  throw new Error(`--only: no part is called ${strangers.map((name) => `"${name}"`).join(", ")}${hint}
parts: ${known.join(", ")}`);
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${name}: expected a whole number from 1 to ${most}, got "${text}"`);
}

const counts = (name: string, text: string): readonly number[] =>
  text.split(",").map((one) => whole(name, one, 50_000));

function sandboxOf(text: string): "auto" | "none" {
  if (text === "auto" || text === "none") return text;
  throw new Error(`--sandbox: expected auto or none, got "${text}"`);
}
