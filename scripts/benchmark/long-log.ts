import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "../../test/support/api.ts";
import { makingEngine } from "../../test/support/engine.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import { until } from "../../test/support/until.ts";

const green = (text: string) => `\u001b[32m${text}\u001b[0m\u001b[0m`;
const bold = (text: string) => `\u001b[1m${text}\u001b[0m`;

/** A resource of ten lines as terraform prints it in a plan, with its colours: 55 bytes a line. */
const resource = (index: number): readonly string[] => [
  `${bold(`  # module.region["eu-${index % 7}"].aws_instance.application[${index}]`)} will be created`,
  `  ${green("+")} resource "aws_instance" "application" {`,
  `      ${green("+")} ami                          = "ami-0${(index * 7919).toString(16).padStart(16, "0")}"`,
  `      ${green("+")} arn                          = (known after apply)`,
  `      ${green("+")} associate_public_ip_address  = (known after apply)`,
  `      ${green("+")} availability_zone            = "eu-central-1${"abc"[index % 3]}"`,
  `      ${green("+")} instance_type                = "m7i.${index % 2 === 0 ? "large" : "xlarge"}"`,
  `      ${green("+")} user_data_replace_on_change  = false`,
  "    }",
  "",
];

const linesOf = (count: number): readonly string[] =>
  Array.from({ length: Math.ceil(count / 10) }, (_, index) => resource(index))
    .flat()
    .slice(0, count);

/** A run that plans until it is told to end, and whose log is long. */
export interface LongLog extends AsyncDisposable {
  readonly runId: string;
  readonly bytes: number;
  /** Makes the program print this many lines more. */
  append(): Promise<void>;
}

export const appendedLines = 50;

/** Waits for signs, for five minutes at most, and not when the benchmark has taken its directory away. */
const after = (directory: string, signs: string): string =>
  `left=6000
while [ -d '${directory}' ] && [ ! -e '${signs}.end' ] && [ $left -gt 0 ]; do
  left=$((left - 1))
  if [ -e '${signs}.more' ]; then rm '${signs}.more'; cat appended; fi
  sleep 0.05
done
`;

/** Starts the run, with a terraform that prints the lines before it plans; answers once the server has them all. */
export async function longLog(scene: Scene, server: TestServer, lines: number): Promise<LongLog> {
  const { api } = server;
  const pool = await api.pool();
  await scene.agent(server, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
  const workspace = await api.workspace({ agentPool: pool });
  const directory = await scene.configuration("hello");
  const signs = join(scene.directory, freshName("signs"));
  const text = `${linesOf(lines).join("\n")}\n`;
  await writeFile(join(directory, "lines"), text);
  await writeFile(join(directory, "appended"), `${linesOf(appendedLines).join("\n")}\n`);
  await writeFile(join(directory, "made.sh"), "cat lines\n");
  await writeFile(join(directory, "after.sh"), after(scene.directory, signs));
  await api.upload(workspace, directory);
  const runId = await api.start(workspace);
  const isThere = async () => {
    const { hitCount } = await api.clients.runs.searchRunLogs({ runId, phase: RunPhase.PLAN, text: "Plan: " });
    return hitCount > 0;
  };
  await until("the whole log is at the server", isThere, { deadlineMs: 60_000, everyMs: 200 });
  return {
    runId,
    bytes: text.length,
    append: () => writeFile(`${signs}.more`, ""),
    [Symbol.asyncDispose]: async () => {
      await writeFile(`${signs}.end`, "");
      await api.runIn(runId, RunState.PLANNED);
      await rm(`${signs}.end`);
    },
  };
}
