import type { Client } from "@connectrpc/connect";
import { type Event, EventSchema, EventService } from "../../gen/windlass/v1/event_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { linkSignals, untilAborted } from "../../lib/async/abort.ts";
import { ownReason } from "../../lib/way/own-answer.ts";
import { choiceList } from "../line/flags.ts";
import { RunLink } from "../run/link.ts";
import type { Context } from "../server/context.ts";
import { command } from "../shared/command.ts";
import { hangUpWhenSilent } from "../shared/silent-stream.ts";
import { type ChangeText, type Topic, toldBy } from "./lines.ts";

const topics = ["runs", "workspaces", "pools", "agents", "tokens"] as const satisfies readonly Topic[];

export const watch = command({
  name: "watch",
  summary: "Print whatever changes in an organization, a line each, until Ctrl-C",
  examples: ["windlass watch", "windlass watch --only runs,agents", "windlass watch --org acme -o jsonl"],
  flags: { only: choiceList("only changes of these (default all)", topics) },
  formats: ["table", "wide", "name", "json", "jsonl", "yaml"],
  run: async (context, { flags }) => {
    // A server that was never there is not waited for.
    await (await context.client(SystemService)).whoAmI({});
    const wanted = new Set<Topic>(flags.only.length === 0 ? topics : flags.only);
    return follow(context, await context.client(EventService), new ChangeLines(context, wanted));
  },
});

/** The server says something at least every 10 seconds. */
const silentMs = 30_000;

/** Follows the stream, and goes on where it broke. */
async function follow(context: Context, client: Client<typeof EventService>, lines: ChangeLines): Promise<never> {
  const organization = await context.organization();
  const { clock, signal: interrupted } = context.io;
  using own = linkSignals(interrupted);
  const { signal } = own;
  const link = new RunLink(context, "");
  let heardMs = clock.monotonicMs();
  let cursor = "";
  const guard = hangUpWhenSilent(context, { heardMs: () => heardMs, silentMs }, signal);
  try {
    await link.persist(async (heard) => {
      try {
        for await (const answer of untilAborted(client.watchEvents({ organization, cursor }, { signal }), signal)) {
          heard();
          heardMs = clock.monotonicMs();
          for (const event of answer.events) await lines.take(event);
          cursor = answer.cursor;
        }
      } catch (error) {
        if (ownReason(error) !== "CURSOR_EXPIRED") throw error;
        cursor = "";
        heard();
        context.notes.warn(
          "the server was started again, or this was away for too long: what changed meanwhile is not shown",
        );
      }
      signal.throwIfAborted();
      return "again";
    }, signal);
  } finally {
    own.abort(new Error("nobody watches any more"));
    context.hangUp();
    await guard;
  }
  throw interrupted.reason;
}

/** Of how many things is remembered what was said last. */
const mostRemembered = 10_000;

/** Says of each change how the thing is now, unless that was said already. */
class ChangeLines {
  readonly #context: Context;
  readonly #wanted: ReadonlySet<Topic>;
  readonly #said = new Map<string, string>();

  constructor(context: Context, wanted: ReadonlySet<Topic>) {
    this.#context = context;
    this.#wanted = wanted;
  }

  async take(event: Event): Promise<void> {
    const told = toldBy(event);
    if (told === undefined || !this.#wanted.has(told.topic)) return;
    const { printer, notes } = this.#context;
    if (printer.format === "name") return printer.lines([told.name]);
    if (!printer.isForPeople) return printer.event(EventSchema, event);
    if (this.#isNews(told)) await printer.lines([`${notes.signs.dot} ${told.line}`]);
  }

  #isNews({ id, line }: ChangeText): boolean {
    if (this.#said.get(id) === line) return false;
    this.#said.delete(id);
    this.#said.set(id, line);
    const [oldest] = this.#said.keys();
    if (this.#said.size > mostRemembered && oldest !== undefined) this.#said.delete(oldest);
    return true;
  }
}
