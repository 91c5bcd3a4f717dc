import { asPerson, notFound } from "../control/core/access.ts";
import { followLog } from "../control/runs/logs.ts";
import { downloadState, getState } from "../control/states/states.ts";
import { downloadConfiguration } from "../control/workspaces/configurations.ts";
import type { Person } from "../domain/people/principal.ts";
import type { JobPhase } from "../domain/runs/job.ts";
import { callerOrBrowser } from "../http/callers/callers.ts";
import { linkSignals } from "../lib/async/abort.ts";
import { Budget } from "../lib/async/budget.ts";
import { begun } from "../lib/async/streams.ts";
import type { Clock } from "../lib/clock.ts";
import { watchKey } from "../rpc/key-watch.ts";
import type { WebAnswer } from "./answers.ts";
import { auditCsv } from "./audit-csv.ts";
import { headerOf, pageFacts, type WebCall } from "./call.ts";
import { downloadHeaders } from "./headers.ts";

/** What browsers save: `<a download>` cannot make calls. */
export const downloadPath = "/download/";

/** How many downloads there are at once. */
export const downloadPlaces = (clock: Clock): Budget =>
  new Budget({ what: "downloads at once", total: 256, perKey: 32, waitMs: 30_000, maxWaiting: 100, clock });

interface Download {
  readonly fileName: string;
  readonly type: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

type Open = (call: WebCall, who: Person, id: string) => Promise<Download> | Download;

async function personOf(call: WebCall): Promise<Person> {
  const { control, callers, origin, address } = call;
  const browser = { ...pageFacts(call), origin, cookies: headerOf(call, "cookie"), isRead: true };
  const authorization = headerOf(call, "authorization");
  const principal = await callerOrBrowser(control, callers, { authorization, address, browser });
  await callers.rates?.admit(principal, address);
  call.recognize();
  return asPerson(principal);
}

const binary = "application/octet-stream";
const text = "text/plain; charset=utf-8";

function phaseLog(
  { control, signal }: WebCall,
  who: Person,
  { id, phase }: { readonly id: string; readonly phase: JobPhase },
): Download {
  const pieces = followLog(control, who, { runId: id, phase, offset: 0, follows: false, signal });
  return { fileName: `${id}-${phase}.log`, type: text, pieces: rawLog(pieces) };
}

/** The bytes as they came; what is missing at the end is said there. */
async function* rawLog(pieces: ReturnType<typeof followLog>): AsyncGenerator<Uint8Array, void> {
  for await (const { bytes, isEnd, missingBytes, problem } of pieces) {
    if (bytes.length > 0) yield bytes;
    if (!isEnd || problem === "") continue;
    const lost = missingBytes > 0 ? `${missingBytes} bytes of log lost: ` : "";
    yield Buffer.from(`\n[${lost}${problem}]\n`);
  }
}

async function state({ control }: WebCall, who: Person, id: string): Promise<Download> {
  const reference = { id, workspace: { organization: "", name: "" } };
  const view = await getState(control, who, reference);
  const fileName = `${view.workspaceName}-${view.state.serial}.tfstate`;
  return { fileName, type: binary, pieces: downloadState(control, who, reference) };
}

const configuration = ({ control }: WebCall, who: Person, id: string): Download => ({
  fileName: `${id}.tar.gz`,
  type: binary,
  pieces: downloadConfiguration(control, who, id),
});

const audit = ({ control, query }: WebCall, who: Person): Download => ({
  fileName: "audit.csv",
  type: "text/csv; charset=utf-8; header=present",
  pieces: auditCsv(control, who, query),
});

/** By what their paths look like below `/download/`, with one id at most. They call what the RPCs call. */
const downloads: readonly (readonly [pattern: RegExp, open: Open])[] = [
  [/^runs\/([\w-]+)\/plan\.log$/, (call, who, id) => phaseLog(call, who, { id, phase: "plan" })],
  [/^runs\/([\w-]+)\/apply\.log$/, (call, who, id) => phaseLog(call, who, { id, phase: "apply" })],
  [/^states\/([\w-]+)$/, state],
  [/^configurations\/([\w-]+)$/, configuration],
  [/^audit\.csv$/, audit],
];

/** Answers `GET /download/…` to whoever is signed in, or shows a key. */
export async function answerDownload(call: WebCall): Promise<WebAnswer> {
  const { control, places, path } = call;
  const who = await personOf(call);
  const wanted = path.slice(downloadPath.length);
  const [found] = downloads.flatMap(([pattern, open]) => {
    const match = pattern.exec(wanted);
    return match === null ? [] : [{ open, id: match[1] ?? "" }];
  });
  if (found === undefined) throw notFound("download", path.slice(0, 200));
  const { fileName, type, pieces } = await found.open(call, who, found.id);
  const placed = async function* (): AsyncGenerator<Uint8Array, void> {
    using _place = await places.take(who.id, 1, call.signal);
    using life = linkSignals(call.signal);
    void watchKey(control, who, life);
    try {
      for await (const piece of pieces) {
        life.signal.throwIfAborted();
        yield piece;
      }
    } finally {
      life.abort();
    }
  };
  const body = await begun(placed());
  return { status: 200, headers: { ...downloadHeaders(call, fileName), "content-type": type }, body };
}
