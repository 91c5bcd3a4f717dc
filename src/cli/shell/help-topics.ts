import { clientVariables } from "../line/environment.ts";
import { type Flag, type Flags, flagName } from "../line/flags.ts";
import { globalFlags } from "../line/global-flags.ts";
import { exitCodes, exitMeanings } from "../problems/exit.ts";

/** What `windlass help TOPIC` explains besides commands. */
export const topics: Readonly<Record<string, () => readonly string[]>> = {
  "exit-codes": () => [
    "Exit codes",
    "",
    ...Object.entries(exitCodes).map(([name, code]) => {
      return `  ${String(code).padStart(3)}  ${exitMeanings[name as keyof typeof exitCodes]}`;
    }),
  ],
  environment: () => {
    const width = Math.max(...Object.keys(clientVariables).map((name) => name.length));
    return [
      "Environment: a flag wins over a variable, a variable over the context, the context over the default.",
      "",
      ...Object.entries(clientVariables).map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`),
      "",
      "https_proxy, http_proxy, all_proxy and no_proxy name proxies, SSL_CERT_FILE and SSL_CERT_DIR the system's authorities.",
      "",
      "NO_COLOR, FORCE_COLOR and TERM=dumb choose colours. Without any token of ours, terraform's own are tried:",
      "TF_TOKEN_<host>, and ~/.terraform.d/credentials.tfrc.json.",
    ];
  },
  flags: () => ["Global flags, which every command takes:", "", ...flagLines(globalFlags)],
  output: () => [
    "Output: the answer stands on stdout, everything else on stderr.",
    "",
    "  table  for people (the default)           wide   with more columns",
    "  json   the API's message                  jsonl  one resource a line",
    "  yaml   the same tree as json              name   such as pool/prod, one a line",
    "",
    "A terminal is shown the columns that fit, wide and --columns show all; a pipe gets all. Wherever an id is wanted, its beginning is enough if no other id begins so: windlass run get run_4gv9",
    "",
    "What -o name prints is taken back as an argument: windlass run get run/run_… Of state outputs, json is the API's message too; terraform's own shape, sensitive values included, is: windlass state pull WS | jq .outputs",
    "",
    'With -o json or jsonl an error is one JSON object on stderr, {"error": {...}}, with its exit code.',
  ],
};

/** One line for each flag: how it is written, and what it is for. */
export function flagLines(flags: Flags): readonly string[] {
  const rows = Object.entries(flags).map(([key, flag]) => [written(key, flag), about(flag)] as const);
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function written(key: string, { short, kind, placeholder }: Flag<unknown>): string {
  const value = kind === "switch" ? "" : ` ${placeholder ?? "TEXT"}`;
  return `${short === undefined ? "    " : `-${short}, `}--${flagName(key)}${value}`;
}

function about({ about: text, choices, placeholder }: Flag<unknown>): string {
  const listed = choices === undefined || placeholder === choices.join("|") ? "" : ` (${choices.join(", ")})`;
  return text + listed;
}
