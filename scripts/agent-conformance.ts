// Checks an agent against the rules of docs/agent-protocol.md: reads the command line, lets test/conformance play, and
// prints what came of it.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../src/lib/values/errors.ts";
import type { AgentCommand } from "../test/conformance/agent-process.ts";
import { playAll } from "../test/conformance/play.ts";
import { conforms, headText, listText, rowText, sumText } from "../test/conformance/report.ts";
import type { Scenario } from "../test/conformance/scenario.ts";
import { allScenarios } from "../test/conformance/scenarios/all.ts";

const help = `Usage: scripts/agent-conformance [FLAGS] -- COMMAND [ARG…]

Plays a control plane on this machine, runs COMMAND as its agent, and checks the
rules of docs/agent-protocol.md, each with an agent of its own. Exits with 1 if a
rule that every agent must keep was broken.

  --only RULE      this rule, or all that begin so (session, log.again); repeat it
  --list           the rules and what they demand, without playing
  --at-once N      so many rules at once [4]
  -o, --output F   table or json [table]
  -v, --verbose    what the agent wrote where a rule was broken

COMMAND is the agent itself, or becomes it by exec: it gets signals. It finds
  WINDLASS_ADDRESS         the control plane, http://127.0.0.1:PORT; https in one rule
  WINDLASS_AGENT_TOKEN     the agent token
  WINDLASS_CA_FILE         authorities to trust, PEM; only with https
  WINDLASS_AGENT_DATA_DIR  for its identity and its journal; made by the agent
  WINDLASS_AGENT_WORK_DIR  for its jobs; it may use the data directory instead
  WINDLASS_AGENT_NAME, WINDLASS_AGENT_CONCURRENCY (1), WINDLASS_AGENT_SANDBOX (none)
  PATH                     where \`terraform\` is a script of the check

It runs terraform in the directory of the configuration as ever (init, plan -out=F,
show -json F, apply F): that script prints what a rule needs, waits, counts how often
it was started and interrupted, and writes its state to -state=F or terraform.tfstate.
No proxy and no other WINDLASS_… variable is set, and HOME is an empty directory.
`;

const options = {
  only: { type: "string", multiple: true },
  list: { type: "boolean", default: false },
  "at-once": { type: "string", default: "4" },
  output: { type: "string", short: "o", default: "table" },
  verbose: { type: "boolean", short: "v", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

interface Call {
  readonly scenarios: readonly Scenario[];
  readonly command: AgentCommand;
  readonly atOnce: number;
  readonly isJson: boolean;
  readonly isVerbose: boolean;
}

const refuse = (why: string): number => {
  process.stderr.write(`agent-conformance: ${why}\nTry scripts/agent-conformance --help.\n`);
  return 2;
};

async function main(argv: readonly string[]): Promise<number> {
  const at = argv.indexOf("--");
  const [flags, [command, ...args]] = at < 0 ? [argv, []] : [argv.slice(0, at), argv.slice(at + 1)];
  const read = readFlags(flags);
  if (typeof read === "string") return refuse(read);
  if (read.help) return say(help);
  const scenarios = chosen(read.only ?? []);
  if (typeof scenarios === "string") return refuse(scenarios);
  if (read.list) return say(`${listText(scenarios)}\n`);
  const atOnce = Number(read["at-once"]);
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > 64)
    return refuse("--at-once: expected a number from 1 to 64");
  if (read.output !== "table" && read.output !== "json") return refuse(`--output: expected table or json`);
  if (command === undefined) return refuse("expected the agent's command after --");
  return check({
    scenarios,
    atOnce,
    isJson: read.output === "json",
    isVerbose: read.verbose,
    command: { command: command.includes("/") ? resolve(startedFrom(), command) : command, args },
  });
}

/** Where the script was called: a relative command is meant from there. */
const startedFrom = (): string => process.env.CONFORMANCE_FROM ?? process.cwd();

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return messageOf(error);
  }
}

/** The rules that were asked for; all if none was. A text says what is no rule. */
function chosen(only: readonly string[]): readonly Scenario[] | string {
  const fits = (name: string, wanted: string) =>
    name === wanted || name.startsWith(`${wanted}.`) || name.startsWith(`${wanted}/`);
  const stranger = only.find((wanted) => !allScenarios.some(({ name }) => fits(name, wanted)));
  if (stranger !== undefined) return `--only ${stranger}: no rule has this name; --list shows them`;
  return only.length === 0
    ? allScenarios
    : allScenarios.filter(({ name }) => only.some((wanted) => fits(name, wanted)));
}

async function check({ scenarios, command, atOnce, isJson, isVerbose }: Call): Promise<number> {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => interrupted.abort());
  if (!isJson) say(`${headText}\n`);
  const rows = await playAll(scenarios, {
    command,
    atOnce,
    signal: interrupted.signal,
    onRow: (row) => {
      if (!isJson) say(`${rowText(row)}\n`);
      if (isVerbose && row.output !== "") process.stderr.write(`${row.output.trimEnd()}\n`);
    },
  });
  if (isJson) say(`${JSON.stringify({ conforms: conforms(rows), rules: rows }, undefined, 2)}\n`);
  else say(`\n${sumText(rows)}\n`);
  if (interrupted.signal.aborted) return 130;
  return conforms(rows) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
