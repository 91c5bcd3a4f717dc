import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { Clock } from "../../lib/clock.ts";
import { makeTextRedactor } from "../../terraform/redaction/redact.ts";
import { defaultInitSilenceMs } from "../contract/config.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import { readAt } from "../disk/durable-files.ts";
import type { Execution } from "./execution.ts";

/** How much of the end of an output is looked at. */
const tailBytes = 64 * 1024;
/** How long is waited for those who know what must not be seen. */
const secretsMs = 1_000;
/** Most of a line that is repeated. */
const maxLineLength = 200;

type Output = Pick<Execution, "job" | "context" | "steps" | "variables">;

/**
 * While an init prints nothing, says into its output what it waits for, at growing intervals, until the signal is
 * aborted. The lines stand in the file that terraform writes: after a restart of the agent they are read from there
 * like all others.
 */
export async function tellSilence(execution: Output, over: AbortSignal): Promise<void> {
  const { clock, config } = execution.context;
  const firstMs = config.initSilenceMs ?? defaultInitSilenceMs;
  const path = execution.steps.outputPath("init");
  let size = (await stat(path)).size;
  let since = clock.monotonicMs() - (await silentSoFarMs(path, clock));
  let nextMs = firstMs;
  while (await waited(clock, firstMs / 3, over)) {
    const nowSize = (await stat(path)).size;
    if (nowSize !== size) {
      size = nowSize;
      since = clock.monotonicMs();
      nextMs = firstMs;
    }
    const silentMs = clock.monotonicMs() - since;
    if (silentMs < nextMs) continue;
    size = await append(path, silenceNotice(execution, silentMs, await lastLine(execution)));
    while (nextMs <= silentMs) nextMs *= 2;
  }
}

/** What an init was at when it was ended, in words. */
export async function whatInitWaitsFor(execution: Output): Promise<string> {
  const line = await lastLine(execution);
  if (line === undefined) return "what it waited for cannot be told without the control plane";
  if (line === "") return "it printed nothing";
  const known = waits.map(([pattern, text]) => line.match(pattern)?.slice(1).reduce(filled, text)).find(Boolean);
  return known === undefined ? `the last it printed was ${quoted(line)}` : `it waited for ${known}`;
}

/** What terraform and tofu print before they wait. */
const waits: readonly (readonly [RegExp, string])[] = [
  [/^- Installing (\S+) v(\S+?)\.\.\.$/, "the download of provider $1 $2"],
  [/^- Finding latest version of (\S+?)\.\.\.$/, "the versions of provider $1"],
  [/^- Finding (\S+) versions matching/, "the versions of provider $1"],
  [/^- Reusing previous version of (\S+) from/, "the versions of provider $1"],
  [/^Downloading (.+) for (\S+?)\.\.\.$/, "the download of module $2 from $1"],
];

const filled = (text: string, value: string, index: number): string => text.replace(`$${index + 1}`, () => value);

const quoted = (line: string): string => JSON.stringify(line);

const noticePattern = /^Windlass: \S+ init has printed nothing for (\d+)s/;

function silenceNotice({ job }: Output, silentMs: number, line: string | undefined): string {
  const place = line === undefined || line === "" ? "" : `: it is at ${quoted(line)}`;
  return `Windlass: ${engineNameOf(job.spec)} init has printed nothing for ${Math.round(silentMs / 1000)}s${place}\n`;
}

/**
 * The last line that terraform printed; secrets are taken out before anything is cut off. Undefined if nobody knows them: a
 * control plane that is away does not keep an init from being ended.
 */
async function lastLine({ context, steps, variables }: Output): Promise<string | undefined> {
  const known = variables.then(
    ({ secrets }) => secrets,
    () => undefined,
  );
  const late = context.clock.sleep(secretsMs, context.stopping).then(() => undefined);
  const secrets = await Promise.race([known, late.catch(() => undefined)]);
  if (secrets === undefined) return undefined;
  const redact = await makeTextRedactor(secrets);
  const text = redact(await tailOf(steps.outputPath("init")));
  const lines = text.split("\n").map((line) => line.replaceAll(/\p{Cc}/gu, "").trimEnd());
  return (lines.findLast((line) => line !== "" && !noticePattern.test(line)) ?? "").slice(0, maxLineLength);
}

/** How long nothing has been printed already; our own lines do not count as output. */
async function silentSoFarMs(path: string, clock: Clock): Promise<number> {
  const { mtimeMs } = await stat(path);
  const last = (await tailOf(path)).trimEnd().split("\n").at(-1) ?? "";
  const [, toldSeconds = "0"] = noticePattern.exec(last) ?? [];
  return Math.max(0, clock.now().getTime() - mtimeMs) + Number(toldSeconds) * 1000;
}

async function tailOf(path: string): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  return Buffer.from(await readAt(file, Math.max(0, size - tailBytes), tailBytes)).toString("utf8");
}

/** Adds a line of ours, never in the middle of one; resolves with the length of the file. */
async function append(path: string, line: string): Promise<number> {
  const isWithinLine = /[^\n]$/.test(await tailOf(path));
  await using file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
  await file.write(isWithinLine ? `\n${line}` : line);
  return (await file.stat()).size;
}

const waited = (clock: Clock, ms: number, over: AbortSignal): Promise<boolean> =>
  clock.sleep(ms, over).then(
    () => true,
    () => false,
  );
