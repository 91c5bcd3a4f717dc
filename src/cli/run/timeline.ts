import { type Run, type RunEvent, RunState } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import type { Context } from "../server/context.ts";
import { timeText } from "../terminal/ages.ts";

/** What happened to a run, a line each, under a heading. Nothing of a server that keeps no timeline. */
export async function timelineLines(context: Context, { id: runId, errorMessage }: Run): Promise<readonly string[]> {
  const client = await context.client(RunService);
  const events: RunEvent[] = [];
  for (let pageToken = ""; ; ) {
    const page = await client.listRunEvents({ runId, pageSize: 1000, pageToken });
    events.push(...page.events);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  return events.length === 0 ? [] : ["", "Timeline:", ...events.map((event) => eventLine(event, errorMessage))];
}

/** `told` is the run's error, which stands above. */
function eventLine({ time, actor, title, comment, state }: RunEvent, told: string): string {
  const mark = state === RunState.UNSPECIFIED ? " " : "*";
  const by = actor === "" || title.endsWith(` on ${actor}`) ? "" : ` [${actor}]`;
  const said = comment === "" || comment === told ? "" : `: ${comment}`;
  return `  ${timeText(time)} ${mark} ${title}${by}${said}`;
}
