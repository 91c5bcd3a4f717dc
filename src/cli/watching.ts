import { Writable } from "node:stream";
import { Context } from "./context.ts";
import type { ExitCode } from "./exit.ts";
import { Interrupted, type Io } from "./io.ts";
import { answersOf } from "./output.ts";
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
 * follows, and only when it differs.
 */
export async function watchCommand(io: Io, request: CommandRequest): Promise<ExitCode> {
  const output = answersOf(io, request.globals);
  let last: string | undefined;
  for (;;) {
    const collected = new Collected();
    const stdout = { ...io.stdout, stream: collected, isWatched: true };
    using context = new Context({ ...io, stdout }, request.globals, request.repeatable);
    const { command, input } = request;
    await context.guard(command.guard(input.flags));
    const code = await command.run(context, await withWholeIds(context, command, input));
    if (code !== undefined && code !== 0) return code;
    if (io.stdout.isTty || collected.text !== last) {
      await output.clear();
      await output.again(collected.text);
      context.notes.flush();
    }
    last = collected.text;
    await io.clock.sleep(everyMs, io.signal).catch(() => {});
    if (io.signal.aborted) throw io.signal.reason ?? new Interrupted();
  }
}
