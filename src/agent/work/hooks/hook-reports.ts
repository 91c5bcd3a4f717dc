import * as z from "zod";
import { readFile } from "../../../lib/fs/at-once.ts";
import { writeWhole } from "../../../lib/fs/durable.ts";
import { openRegular } from "../../../lib/fs/regular-file.ts";
import { cleanLines } from "../../../lib/text/clean-text.ts";
import { errnoOf } from "../../../lib/values/errors.ts";
import { readAt } from "../../disk/durable-files.ts";

/** Most that the hooks of a job say to people, all together, in bytes. */
export const maxSummaryBytes = 64 * 1024;
/** Most hooks of a job that are told of. */
const maxReports = 100;

const reportShape = z.object({
  name: z.string(),
  sha256: z.string(),
  exitCode: z.number().int(),
  summary: z.string(),
});
const storedShape = z.record(z.string(), reportShape);

/** What is told of a hook with the result of its job: exit code −1 is one that was ended. Its summary is Markdown. */
export type HookReport = Readonly<z.infer<typeof reportShape>>;

async function readStored(path: string): Promise<Readonly<Record<string, HookReport>>> {
  try {
    return storedShape.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw error;
  }
}

/** Of the hooks that have ended, in the order in which they ran. */
export const readHookReports = async (path: string): Promise<readonly HookReport[]> =>
  Object.values(await readStored(path)).slice(0, maxReports);

interface Ended extends Omit<HookReport, "summary"> {
  readonly step: string;
  /** The file in which the hook may have left its summary. */
  readonly said: string;
}

/** Keeps what is told of a hook, once: what it has written with its secrets masked, as far as there is room. */
export async function keepHookReport(
  path: string,
  { step, said, ...told }: Ended,
  redact: (text: string) => string,
): Promise<void> {
  const known = await readStored(path);
  if (known[step] !== undefined) return;
  const used = Object.values(known).reduce((sum, { summary }) => sum + Buffer.byteLength(summary), 0);
  const summary = cut(redact(await summaryIn(said)), maxSummaryBytes - used);
  await writeWhole(path, JSON.stringify({ ...known, [step]: { ...told, summary } }));
}

/** A longer file is not shown at all: of one that is read in part, the end may be the beginning of a secret that nobody knows. */
const mostReadBytes = 1024 * 1024;

async function summaryIn(path: string): Promise<string> {
  await using file = await openRegular(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return "";
  const bytes = await readAt(file, 0, mostReadBytes + 1);
  return bytes.length > mostReadBytes ? tooLongNotice : cleanLines(Buffer.from(bytes).toString("utf8"));
}

const tooLongNotice = "(left out: it has more than 1 MiB)\n";
const cutNotice = "\n\n(cut here: the hooks of a job say at most 64 KiB)\n";

function cut(text: string, left: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= left) return text;
  const room = left - cutNotice.length;
  // A character that was cut in two is left out.
  return room <= 0 ? "" : new TextDecoder().decode(bytes.subarray(0, room), { stream: true }) + cutNotice;
}
