import { existsSync } from "node:fs";
import { attempt, type Check, checkLines, isHealthy } from "../../lib/checks/check.ts";
import { terminalWidth } from "../../lib/command-line.ts";
import { lockDirectory } from "../../lib/fs/dir-lock.ts";
import { openStore } from "../../store/open.ts";
import type { Store } from "../../store/ports/store.ts";
import type { CommandCall, ServerCommand } from "../command.ts";
import { rowsFile, storePlaces } from "../data-dir.ts";
import type { DoctorContext } from "../doctor/context.ts";
import { dataDirOf } from "../settings.ts";
import { StartError } from "../start-error.ts";

/** Looks at everything that a start needs. */
export const doctorCommand: ServerCommand = {
  name: "doctor",
  usage: "[-o json]",
  summary: "check what the server needs",
  about: "Checks what the server needs, whether it runs or not: one line a check, exit code 1 if one fails.",
  examples: [
    "windlassd doctor --data-dir /var/lib/windlass",
    "windlassd doctor -o json | jq '.[] | select(.status == \"fail\")'",
  ],
  flags: [{ name: "output", short: "o", value: "json", about: "the form (-o): a list of {id, status, detail, fix}" }],
  words: { min: 0, max: 0 },
  heeds: "all",
  async run(call) {
    const form = call.own.output;
    if (form !== undefined && form !== "json")
      throw new StartError(2, `-o: expected json, got ${JSON.stringify(form)}`);
    await using opened = new AsyncDisposableStack();
    const context = await contextOf(call, opened);
    const { looks } = await import("../doctor/looks.ts");
    const results: Check[] = [];
    for (const [id, fix, look] of looks) results.push(await attempt(id, fix, () => look(context)));
    call.say(
      form === "json"
        ? `${JSON.stringify(results, undefined, 2)}\n`
        : `${checkLines(results, terminalWidth(process.stdout)).join("\n")}\n`,
    );
    return isHealthy(results) ? 0 : 1;
  },
};

async function contextOf(call: CommandCall, opened: AsyncDisposableStack): Promise<DoctorContext> {
  const dataDir = dataDirOf(call.settings, call.environment);
  const isRunning = existsSync(dataDir) && (await isHeld(dataDir));
  return { call, dataDir, isRunning, store: await openRows(call, dataDir, opened).catch(() => undefined) };
}

async function isHeld(dataDir: string): Promise<boolean> {
  const outcome = await lockDirectory(dataDir);
  if (outcome.kind === "held") return true;
  outcome.lock.release();
  return false;
}

async function openRows(
  { settings, log }: CommandCall,
  dataDir: string,
  opened: AsyncDisposableStack,
): Promise<Store | undefined> {
  if (settings.databaseUrl === undefined && !existsSync(rowsFile(dataDir))) return undefined;
  return opened.use(await openStore({ ...storePlaces(settings, dataDir).store, log, migrate: "check" }));
}
