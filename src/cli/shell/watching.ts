import { Writable } from "node:stream";
import type { ExitCode } from "../problems/exit.ts";
import { isWorthRetrying, RunLink } from "../run/link.ts";
import { Context } from "../server/context.ts";
import { Interrupted, type Io } from "../terminal/io.ts";
import { answersOf } from "../terminal/output.ts";
import type { CommandRequest } from "./parse.ts";
import { withWholeIds } from "./whole-ids.ts";

/** How often a watched list is looked at again. */
const everyMs = 2_000;

class Collected extends Writable {
  #text = "";

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#text += chunk.toString("utf8");
    done();
  }

  get text(): string {
    return this.#text;
  }
}

/**
 * Runs a command again and again until Ctrl-C. On a terminal the answer stands in place of the one before; elsewhere it
 * follows, and only when it differs. Once it has been answered, a connection that is lost is waited for.
 */
export async function watchCommand(io: Io, request: CommandRequest): Promise<ExitCode> {
  const output = answersOf(io, request.globals);
  const link = new RunLink(new Context(io, request.globals, request.repeatable), "");
  let last: string | undefined;
  for (;;) {
    try {
      const { code, text, notes } = await answerOf(io, request);
      if (code !== undefined && code !== 0) return code;
      link.back();
      if (io.stdout.isTty || text !== last) {
        await output.clear();
        await output.again(text);
        notes.flush();
      }
      last = text;
    } catch (error) {
      if (last === undefined || io.signal.aborted || !isWorthRetrying(error, true)) throw error;
      link.lost(error);
    }
    await io.clock.sleep(everyMs, io.signal).catch(() => {});
    if (io.signal.aborted) throw io.signal.reason ?? new Interrupted();
  }
}

/** Runs the command once, on a connection of its own. */
async function answerOf(io: Io, request: CommandRequest) {
  const collected = new Collected();
  const stdout = { ...io.stdout, stream: collected, isWatched: true };
  using context = new Context({ ...io, stdout }, request.globals, request.repeatable);
  const { command, input } = request;
  await context.guard(command.guard(input.flags));
  const code = await command.run(context, await withWholeIds(context, command, input));
  return { code, text: collected.text, notes: context.notes };
}
