import { create } from "@bufbuild/protobuf";
import {
  ApiKeyService,
  EndBrowserSessionResponseSchema,
  ListBrowserSessionsResponseSchema,
} from "../../gen/windlass/v1/api_key_service_pb.ts";
import { type BrowserSession, BrowserSessionSchema } from "../../gen/windlass/v1/browser_session_pb.ts";
import { type FlagValues, text, toggle } from "../line/flags.ts";
import type { ExitCode } from "../problems/exit.ts";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged } from "../shared/answers.ts";
import { command } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { ageText, whenText } from "../terminal/ages.ts";
import type { Column } from "../terminal/table.ts";
import { findKeyId, keyTarget } from "./apikey-target.ts";

const columns: readonly Column<BrowserSession>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "LAST USED", value: ({ lastUseTime }, now) => whenText(lastUseTime, now) },
  { name: "FROM", value: ({ lastUseAddress }) => lastUseAddress },
  { name: "ENDS", drop: 1, value: ({ endTime }, now) => whenText(endTime, now) },
  { name: "AGE", drop: 2, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "BROWSER", drop: 3, value: ({ userAgent }) => userAgent },
];

const flags = {
  ...listFlags(columns),
  end: text("sign this browser out", { placeholder: "SESSION" }),
  endAll: toggle("sign every browser out"),
};

/** The browsers of a key. */
export const sessions = command({
  name: "sessions",
  summary: "List the browsers that are signed in with an API key, or sign them out",
  examples: ["windlass apikey sessions ci", "windlass apikey sessions ana --end-all"],
  positionals: { key: keyTarget },
  flags,
  guard: (given) => (given.end === undefined && given.endAll !== true ? undefined : "delete"),
  run: async (context, { args, flags: given }) => {
    if (given.end !== undefined && given.endAll === true) throw usageError("give --end or --end-all, not both");
    const apiKeyId = await findKeyId(context, args.key);
    const isEnding = given.end !== undefined || given.endAll === true;
    return isEnding ? end(context, apiKeyId, bareId(given.end ?? "")) : show(context, apiKeyId, given);
  },
});

async function show(context: Context, apiKeyId: string, given: FlagValues<typeof flags>): Promise<undefined> {
  const client = await context.client(ApiKeyService);
  const { rows, nextPageToken } = await fetchRows(context, given, async (page) => {
    const answer = await client.listBrowserSessions({ apiKeyId, ...page });
    return { rows: answer.browserSessions, nextPageToken: answer.nextPageToken };
  });
  const schema = ListBrowserSessionsResponseSchema;
  const message = create(schema, { browserSessions: rows, nextPageToken });
  const name = ({ id }: BrowserSession) => `session/${id}`;
  await context.printer.list({ schema, message, item: BrowserSessionSchema, rows, name, columns }, given);
  return undefined;
}

/** What `-o name` prints is taken, too. */
const bareId = (given: string): string => given.replace(/^session\//, "");

/** Signs one browser out, or with an empty id all of them. */
async function end(context: Context, apiKeyId: string, browserSessionId: string): Promise<ExitCode | undefined> {
  const client = await context.client(ApiKeyService);
  const message = await client.endBrowserSession({ apiKeyId, browserSessionId, all: browserSessionId === "" });
  const { endedCount } = message;
  const done = `Signed ${endedCount === 1 ? "one browser" : `${endedCount} browsers`} out`;
  return answerChanged(context, { schema: EndBrowserSessionResponseSchema, message, name: `key/${apiKeyId}`, done });
}
